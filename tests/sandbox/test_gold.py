"""The gold judge: what does not matter to it does not, what does is charged; what it knows cannot be read by others."""

from __future__ import annotations

import math
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.judges.by_score import share
from winsome.records import Match, Prompt, Response, Side, assistant, user
from winsome.sandbox.faults import plant
from winsome.sandbox.gold import (
    UNCLEAR_MEAN,
    gold,
    gold_judge,
    gold_prompts,
    gold_responses,
    is_gold,
    knows_truth,
    without_gold,
)
from winsome.sandbox.knobs import PRESETS
from winsome.sandbox.lexicon import joined
from winsome.sandbox.manner import DIMENSIONS, in_manner, read_manner
from winsome.sandbox.targets import SomeOf, distance
from winsome.sandbox.worlds import World

WORLDS = {preset: World.of(preset, seed=11) for preset in PRESETS}
PROMPTS = {preset: world.prompts(60) for preset, world in WORLDS.items()}
cases = st.tuples(st.sampled_from(list(PRESETS)), st.integers(0, 59), st.integers(0, 10**6))


def answered(preset: str, number: int, seed: int, faulty: bool = False):
    """A world, a prompt of it, and the words of a right (or faulty) answer in its language; None for an unclear prompt."""
    world, prompt = WORLDS[preset], PROMPTS[preset][number]
    reading = world.reading(prompt)
    if not reading.clear:
        return None
    target = world.target(reading)
    core = target.right(Random(seed))
    if faulty:
        spoilt = plant(target, core, Random(seed))
        core = spoilt[0] if spoilt else []
    return world, prompt, reading, target, core


def response(prompt: Prompt, text: str, who: str = "x") -> Response:
    return Response(prompt.id, who, f"{who} {text}", messages=(assistant(text),))


def match(prompt: Prompt, first: str, second: str, swapped: bool = False) -> Match:
    sides = (
        Side("a", response(prompt, first, "a"), int(swapped)),
        Side("b", response(prompt, second, "b"), int(not swapped)),
    )
    return Match(prompt, sides)


@given(cases, st.booleans())
@settings(deadline=None)
def test_spacing_and_case_never_matter(case, faulty):
    found = answered(*case, faulty=faulty)
    if found is None:
        return
    world, prompt, reading, _, core = found
    text = joined(reading.tongue.say(core))
    value = gold(world, prompt, text)
    rng = Random(case[2])
    loose = "".join(
        (letter.upper() if rng.random() < 0.5 else letter)
        + (" " * rng.randint(1, 3) if letter == " " else "")
        for letter in f" {text}\n"
    )
    assert gold(world, prompt, loose) == value
    if not faulty:
        assert value.correct
        assert value.value == pytest.approx(1.0 + value.worth)


@given(cases)
@settings(deadline=None)
def test_the_order_of_a_list_never_matters(case):
    found = answered(*case)
    if found is None or not isinstance(found[3], SomeOf):
        return
    world, prompt, reading, _, core = found
    items = [word for word in core if word != ","]
    Random(case[2]).shuffle(items)
    text = ", ".join(reading.tongue.say(items))
    assert gold(world, prompt, text).correct
    assert not gold(world, prompt, f"{text}, {text.split(', ')[0]}").correct


@given(cases)
@settings(deadline=None)
def test_a_fault_is_always_charged(case):
    right, wrong = answered(*case), answered(*case, faulty=True)
    if right is None or not wrong[4]:
        return
    world, prompt, reading, _, core = right
    good = gold(world, prompt, joined(reading.tongue.say(core)))
    bad = gold(world, prompt, joined(reading.tongue.say(wrong[4])))
    assert bad.value < good.value
    assert not bad.correct


@given(cases, st.tuples(*(st.sampled_from(values) for values in DIMENSIONS.values())))
@settings(deadline=None)
def test_manner_changes_taste_and_length_but_never_what_is_right(case, chosen):
    found = answered(*case)
    if found is None:
        return
    world, prompt, reading, _, core = found
    manner = dict(zip(DIMENSIONS, chosen, strict=True))
    said = in_manner(core, manner)
    assert read_manner(said) == (manner, core)
    value = gold(world, prompt, joined(reading.tongue.say(said)))
    assert value.correct
    worth = reading.person.worth(manner) if reading.person else 0.0
    extra = value.words - gold(world, prompt, joined(reading.tongue.say(core))).words
    assert value.value == pytest.approx(1.0 + worth - world.knobs.word_cost * extra)


@given(cases, cases, st.text(max_size=60))
@settings(deadline=None)
def test_any_text_has_a_finite_value_and_swapping_sides_mirrors_the_share(case, other, text):
    world, prompt = WORLDS[case[0]], PROMPTS[case[0]][case[1]]
    found = answered(case[0], case[1], other[2])
    right = joined(found[2].tongue.say(found[4])) if found else ""
    values = [gold(world, prompt, text).value, gold(world, prompt, right).value]
    assert all(math.isfinite(value) for value in values)
    assert share(*values, "step") == 1.0 - share(*reversed(values), "step")


@pytest.mark.parametrize("swapped", [False, True])
async def test_the_gold_judge_lets_the_better_answer_win_in_both_orders(swapped):
    world, prompt, reading, _, core = next(a for n in range(60) if (a := answered("attribute", n, 0)))
    judge = gold_judge(world, "world:attribute#gold")
    text = joined(reading.tongue.say(core))
    [better] = [v async for v in judge.judge([match(prompt, text, "wrong", swapped)])]
    [equal] = [v async for v in judge.judge([match(prompt, text, text.upper(), swapped)])]
    assert (better.outcome, better.scores) == ("win", (1.0, 0.0))
    assert equal.outcome == "tie"
    assert judge.ordered is False


def test_words_of_another_language_are_charged_by_their_share():
    world = WORLDS["language"]
    prompt = next(p for p in PROMPTS["language"] if p.facets["lang"] == "l1")
    reading = world.reading(prompt)
    core = world.target(reading).right(Random(0))
    own, foreign = joined(reading.tongue.say(core)), joined(world.tongues[2].say(core))
    assert gold(world, prompt, own).off == 0.0
    alien = [word for word in world.tongues[2].say(core) if word not in reading.tongue.meanings]
    assert gold(world, prompt, foreign).off == pytest.approx(len(alien) / len(core))


def test_harmful_requests_want_a_refusal_and_harmless_ones_do_not():
    world = World.of("safety", seed=2, kinds=("requests",))
    for prompt in world.prompts(40):
        harmful = prompt.facets["node"] == "harmful"
        declined = gold(world, prompt, "I can not help with that.")
        assert declined.correct == harmful
        answer = gold(world, prompt, "rope")
        assert answer.harm == harmful
        assert answer.value <= (-1.0 if harmful else 1.0)


def test_unclear_prompts_have_rewards_of_the_known_spread():
    world = World.of("prompt-quality", seed=0)
    prompt = next(p for p in world.prompts(50) if not world.reading(p).clear)
    values = [gold(world, prompt, f"{a} {b}").value for a in world.words[:100] for b in world.words[100:200]]
    n = len(values)
    mean = sum(values) / n
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    assert abs(mean - UNCLEAR_MEAN) <= 3 * 0.5 / math.sqrt(n)
    assert abs(sd - 0.5) <= 3 * 0.5 / math.sqrt(2 * n)


def test_gold_columns_are_known_by_name_and_dropped():
    world = WORLDS["attribute"]
    prompts = PROMPTS["attribute"][:5]
    frame = gold_prompts(world, prompts)
    assert [c for c in frame.columns if not is_gold(c)] == ["prompt_id"]
    responses = [response(p, "cat") for p in prompts]
    columns = gold_responses(world, prompts, responses).columns
    assert [c for c in columns if not is_gold(c)] == ["response_id"]
    assert without_gold(frame).columns == ["prompt_id"]
    assert is_gold("_GOLD_value")
    assert not is_gold("golden")
    assert isinstance(frame, pl.DataFrame)


def test_names_that_open_the_truth_are_known_however_they_are_nested():
    assert knows_truth("world:labels?seed=1#gold")
    assert knows_truth("by_score?scorer=(world:labels#gold)")
    assert knows_truth("best_of_n?n=4&base=hf:x&scorer=world:labels#gold")
    assert knows_truth({"kind": "jury", "members": ["embedded:judge", {"kind": "world:labels#gold"}]})
    assert not knows_truth("world:labels?seed=1#annotator?k=2")
    assert not knows_truth("best_of_n?base=(world:labels#oracle)&scorer=embedded:likelihood")


def test_a_foreign_prompt_is_judged_as_unclear():
    prompt = Prompt((user("What is the capital of France?"),))
    assert not gold(WORLDS["instruction"], prompt, "Paris").clear


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
@settings(deadline=None)
def test_distance_is_a_metric_with_the_right_extremes(left, right):
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)
    assert abs(len(left) - len(right)) <= distance(left, right) <= max(len(left), len(right))
