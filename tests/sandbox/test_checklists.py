"""Checklists of the world's tasks, and the simulated model that answers them in WildBench's own words."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from tests.judges.scripted import always, answered, matched, verdicts
from winsome import specs
from winsome.errors import BadInput
from winsome.judges.checklist import checklist
from winsome.protocols import Contender
from winsome.records import Prompt, Sampling, user
from winsome.sandbox.checklists import checklist_of, core_of
from winsome.sandbox.faults import plant
from winsome.sandbox.worlds import World

WORLD = World.of("instruction", kinds=("lists", "sorting", "formats"))
PROMPTS = WORLD.prompts(60)


def marker(**settings: object) -> Contender:
    words = "&".join(f"{name}={value}" for name, value in settings.items())
    return specs.open_spec(specs.parse(f"{WORLD.name}#marker?{words}"), "Contender", None)


def with_list(prompt: Prompt) -> Prompt:
    return replace(prompt, for_judges={"checklist": [item.question for item in checklist_of(WORLD, prompt)]})


def right(prompt: Prompt) -> list[str]:
    return WORLD.target(WORLD.reading(prompt)).right(Random(prompt.id))


def test_right_answers_hold_all_and_answers_with_a_fault_fail_something() -> None:
    """Against the targets' own rating, on 60 tasks and one planted fault each."""
    for prompt in PROMPTS:
        items = checklist_of(WORLD, prompt)
        said = right(prompt)
        assert len(items) >= 3
        assert len({item.question for item in items}) == len(items)
        assert all(item.holds(said) for item in items)
        spoilt = plant(WORLD.target(WORLD.reading(prompt)), said, Random(1))
        assert spoilt is not None
        assert not all(item.holds(spoilt[0]) for item in items)


def test_manner_is_no_part_of_what_is_asked() -> None:
    prompt = PROMPTS[0]
    assert core_of(WORLD, prompt, "Dear friend, " + " ".join(right(prompt))) == right(prompt)
    assert checklist_of(WORLD, Prompt((user("What is love?"),))) == ()


async def test_an_exact_marker_prefers_the_right_answer_in_both_seats_and_ties_equal_ones() -> None:
    model = marker(error=0, tie=0.05, much=0.5)
    judge = checklist(model=model, metric="reward")
    for prompt in map(with_list, PROMPTS[:10]):
        good, bad = " ".join(right(prompt)), "stone"
        for seat in (0, 1):
            (verdict,) = await verdicts(
                judge, matched(prompt, answered(prompt, "a", good), answered(prompt, "b", bad), seat)
            )
            held = [item.holds(["stone"]) for item in checklist_of(WORLD, prompt)]
            much = 1.0 - sum(held) / len(held) > 0.5
            assert (verdict.share, verdict.extent) == (1.0, 2.0 if much else 1.0)
        (verdict,) = await verdicts(
            judge, matched(prompt, answered(prompt, "a", good), answered(prompt, "b", good + " "), 0)
        )
        assert verdict.outcome == "tie"


async def test_length_bias_favours_the_longer_of_equally_right_answers() -> None:
    prompt = with_list(PROMPTS[0])
    good = " ".join(right(prompt))
    longer = f"Dear friend, {good}! Anything else?"
    for bias, share in ((0.05, 0.0), (-0.05, 1.0)):
        judge = checklist(model=marker(error=0, length_bias=bias), metric="reward")
        (verdict,) = await verdicts(judge, matched(prompt, answered(prompt, "a", good), answered(prompt, "b", longer), 0))  # fmt: skip
        assert (verdict.share, verdict.extent) == (share, 1.0)


async def test_questions_are_misread_as_often_as_told() -> None:
    """Shares of yes for right answers, which 60 tasks of 3 to 9 questions give, lie around 1 - error."""
    listening = always('{"choice": "A=B"}')
    for prompt in map(with_list, PROMPTS):
        good = " ".join(right(prompt))
        match = matched(prompt, answered(prompt, "a", good), answered(prompt, "b", f"Dear friend, {good}"), 0)
        await verdicts(checklist(model=listening, metric="reward"), match)
    seen: list[float] = []
    async for response in marker(error=0.3).answer(listening.prompts, Sampling()):
        told = json.loads(response.text)["analysis"]
        seen += [float(part.split()[-1]) for part in told.split(",")]
    # 120 answers of 5 questions on average: a standard error of 0.02
    assert sum(seen) / len(seen) == pytest.approx(0.7, abs=0.06)


async def test_other_prompts_and_settings_are_refused() -> None:
    with pytest.raises(BadInput, match="pair prompt"):
        async for _ in marker().answer([Prompt((user("Hello"),))], Sampling()):
            pass
    for bad in ({"error": 1.5}, {"tie": 0.6, "much": 0.5}):
        with pytest.raises(BadInput):
            marker(**bad)
    ids = [marker(look=look).id for look in ("own", "question", "impression")]
    assert len(set(ids)) == 3
