"""Annotators err and lean exactly as their knobs say: 100,000 labels each, within 3 standard errors."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from scipy.stats import chisquare, norm

from tests.sandbox.test_gold import match
from winsome.errors import BadInput
from winsome.records import Match
from winsome.sandbox.annotators import Annotators, NoisyScorer, Taste, pool
from winsome.sandbox.gold import gold
from winsome.sandbox.lexicon import joined
from winsome.sandbox.manner import in_manner
from winsome.sandbox.worlds import World

N = 100_000
PROMPTS = 200


def questions(world: World, manner: dict[str, str] | None = None) -> list[tuple]:
    """Prompts with a right answer, the same in a manner, and a wrong one of as many words."""
    found = []
    for prompt in world.prompts(PROMPTS):
        core = world.target(world.reading(prompt)).right(Random(prompt.id))
        wrong = ["berlin" if word.isalnum() else word for word in core]
        found.append((prompt, joined(core), joined(in_manner(core, manner or {})), joined(wrong)))
    return found


async def share(judge: Annotators, pairs: list[tuple]) -> float:
    """The share of N labels won by the first of each (prompt, first, second); the first side is shown first."""
    base = [match(*pair) for pair in pairs]
    asked = [Match(m.prompt, m.sides, repeat=repeat) for repeat in range(N // len(base)) for m in base]
    won = 0.0
    async for verdict in judge.judge(asked):
        won += verdict.share
    return won / len(asked)


def within(found: float, expected: float, n: int = N) -> None:
    assert abs(found - expected) <= 3 * math.sqrt(expected * (1 - expected) / n), (found, expected)


async def test_label_noise_is_the_flip_knob():
    world = World.of("labels", flip=0.1, k=0.0, position_bias=0.0, length_bias=0.0)
    judge = Annotators(world, (Taste(k=0.0, flip=0.1),), "a")
    pairs = [(p, right, wrong) for p, right, _, wrong in questions(world)]
    within(await share(judge, pairs), 0.9)


async def test_temperature_turns_gaps_of_gold_into_the_logistic_law():
    world = World.of("labels", kinds=("facts",))
    judge = Annotators(world, (Taste(k=2.0),), "a")
    pairs = [(p, right, wrong) for p, right, _, wrong in questions(world)]
    gaps = {gold(world, p, a).value - gold(world, p, b).value for p, a, b in pairs}
    assert gaps == {1.0}
    within(await share(judge, pairs), 1 / (1 + math.exp(-0.5)))


async def test_length_bias_is_in_logits_a_word():
    world = World.of("labels", word_cost=0.0)
    judge = Annotators(world, (Taste(k=1.0, length_bias=0.15),), "a")
    pairs = [(p, longer, right) for p, right, longer, _ in questions(world, {"ending": "thanks"})]
    within(await share(judge, pairs), 1 / (1 + math.exp(-0.15 * 2)))


async def test_position_bias_favours_what_is_shown_first():
    world = World.of("labels", word_cost=0.0)
    judge = Annotators(world, (Taste(k=1.0, position_bias=0.4),), "a")
    assert judge.ordered
    pairs = [(p, right, "".join(right.upper())) for p, right, _, _ in questions(world)]
    within(await share(judge, pairs), 1 / (1 + math.exp(-0.4)))
    swapped = [match(p, a, b, swapped=True) for p, a, b in pairs]
    soft = Annotators(world, judge.pool, "a", soft=True)
    assert [v.share async for v in soft.judge(swapped)] == pytest.approx([1 / (1 + math.exp(0.4))] * PROMPTS)


async def test_self_preference_favours_the_annotators_own_manner():
    world = World.of("labels", word_cost=0.0)
    judge = Annotators(world, (Taste(k=1.0, self_preference=0.8, own="warm"),), "a")
    pairs = [(p, own, right) for p, right, own, _ in questions(world, {"tone": "warm"})]
    within(await share(judge, pairs), 1 / (1 + math.exp(-0.8)))


async def test_noise_on_each_answer_gives_the_normal_law():
    """A sharp annotator whose view of each answer is off by sd errs with Phi(-gap / (sd sqrt 2)); one label a pair."""
    world = World.of("labels", kinds=("facts",), k=0.0)
    wrong = ("berlin", "rome", "paris", "oslo", "cat", "dog", "tea", "red")
    won = n = 0
    for prompt in world.prompts(2500):
        right = joined(world.target(world.reading(prompt)).right(Random(0)))
        judge = Annotators(world, (Taste(k=0.0, aspect_sd=0.8),), "a")
        async for verdict in judge.judge([match(prompt, right, other) for other in wrong]):
            won, n = won + verdict.share, n + 1
    p = norm.cdf(1 / (0.8 * math.sqrt(2)))
    # The right answer's noise is shared by the eight pairs of a prompt, so prompts count, not pairs.
    assert abs(won / n - p) <= 3 * math.sqrt(p * (1 - p) / 2500)


async def test_a_pool_shares_pairs_evenly_and_keeps_each_pair_to_its_annotator():
    world = World.of("labels")
    judge = Annotators(world, pool(world.knobs, 13, 0.5, 0), "pool")
    matches = [match(p, f"cat {n}", "dog") for p in world.prompts(260) for n in range(10)]
    first = [v.annotator async for v in judge.judge(matches)]
    swapped = [
        match(m.prompt, m.sides[0].response.text, m.sides[1].response.text, swapped=True) for m in matches
    ]
    assert [v.annotator async for v in judge.judge(swapped)] == first
    assert [v.id async for v in judge.judge(matches)] == [v.id async for v in judge.judge(matches)]
    counts = Counter(first)
    assert len(counts) == 13
    assert chisquare(list(counts.values())).pvalue > 1e-3
    assert len({taste.k for taste in judge.pool}) == 13


async def test_contradicting_persons_want_the_opposite_as_often_as_said():
    world = World.of("attribute", kinds=("facts",), word_cost=0.0, contradiction=0.3)
    judge = Annotators(world, (Taste(k=0.0, contradiction=0.3),), "a")
    won = 0.0
    prompts = world.prompts(3000)
    for prompt in prompts:
        reading = world.reading(prompt)
        core = reading and world.target(reading).right(Random(0))
        liked = dict(reading.person.weights.keys())
        text = joined(in_manner(core, liked))
        plain = joined(core)
        if gold(world, prompt, text).worth == gold(world, prompt, plain).worth:
            won += 0.7
            continue
        [verdict] = [v async for v in judge.judge([match(prompt, text, plain)])]
        won += verdict.share
    within(won / len(prompts), 0.7, len(prompts))


async def test_the_noisy_scorer_adds_noise_of_its_size_once_and_for_all():
    world = World.of("instruction")
    scorer = NoisyScorer(world, 0.3, 0.05, 0, "s")
    rows = [(p, m.sides[0].response) for p in world.prompts(2000) for m in [match(p, "cat dog", "x")]]
    first = await scorer.score([p for p, _ in rows], [r for _, r in rows])
    again = await scorer.score([p for p, _ in rows], [r for _, r in rows])
    assert first.values == again.values
    noise = [v - gold(world, p, "cat dog").value - 0.1 for v, (p, _) in zip(first.values, rows, strict=True)]
    mean = sum(noise) / 2000
    sd = math.sqrt(sum((x - mean) ** 2 for x in noise) / 1999)
    assert abs(mean) <= 3 * 0.3 / math.sqrt(2000)
    assert abs(sd - 0.3) <= 3 * 0.3 / math.sqrt(4000)


def test_impossible_tastes_are_refused():
    with pytest.raises(BadInput, match="k=-1"):
        Taste(k=-1.0)
    with pytest.raises(BadInput, match="members=0"):
        pool(World.of("labels").knobs, 0, 0.5, 0)
