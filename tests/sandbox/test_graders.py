"""The grader of single answers, and judges that must guess who asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.judges.scripted import answered, matched, verdicts
from winsome import specs
from winsome.errors import BadInput
from winsome.records import Prompt, user
from winsome.sandbox.graders import part_of_best
from winsome.sandbox.manner import DIMENSIONS, in_manner
from winsome.sandbox.people import told
from winsome.sandbox.worlds import World

WORLD = World.of("attribute", persons=2, groups=2)
NAMES = [person.name for person in WORLD.people]


def hidden() -> Prompt:
    """A test prompt that does not say who asks, and names nobody."""
    prompts = (replace(p, system=None) for p in WORLD.prompts(40))
    return next(p for p in prompts if not set(NAMES) & set(p.text.lower().split()))


def asked_by(prompt: Prompt, name: str) -> Prompt:
    return replace(prompt, messages=(user(f"{prompt.text}\n\nSome more:\nQ: Who is asking?\nA: {name}"),))


def liked_by(number: int, prompt: Prompt) -> str:
    """A right answer in the manner that a person likes best."""
    from random import Random

    weights = WORLD.people[number].weights
    manner = {d: max(values, key=lambda v: weights.get((d, v), 0.0)) for d, values in DIMENSIONS.items()}
    right = WORLD.target(WORLD.reading(prompt)).right(Random(0))
    return " ".join(in_manner(right, manner))


def test_a_context_says_who_asks_and_leaves_the_task_as_it_is() -> None:
    prompt = hidden()
    reading = WORLD.reading(asked_by(prompt, NAMES[1]))
    assert reading.person == WORLD.people[1]
    assert reading.tasks[0].slots == WORLD.reading(prompt).tasks[0].slots
    assert WORLD.reading(prompt).person is None
    assert told("list two fruits.\n\nA: nobody", WORLD.people) == ("list two fruits.", None)


def test_the_best_answer_is_worth_all_and_the_others_half_of_its_manner() -> None:
    prompt = hidden()
    for mine, other in ((0, 1), (1, 0)):
        asked = asked_by(prompt, NAMES[mine])
        assert part_of_best(WORLD, asked, liked_by(mine, prompt)) == pytest.approx(1.0)
        assert part_of_best(WORLD, asked, liked_by(other, prompt)) < 1.0
    assert part_of_best(WORLD, prompt, liked_by(0, prompt)) == 1.0
    assert part_of_best(WORLD, asked_by(prompt, NAMES[0]), "") == 0.0


async def test_grades_lie_on_the_scale_and_repeat() -> None:
    judge = specs.open_spec(specs.parse(f"{WORLD.name}#grader?noise=0"), "Judge", None)
    prompt = asked_by(hidden(), NAMES[0])
    match = matched(
        prompt,
        answered(prompt, "a", liked_by(0, hidden())),
        answered(prompt, "b", "good day, no doubt, none"),
        0,
    )
    (verdict,) = await verdicts(judge, match)
    assert (verdict.outcome, verdict.scores) == ("graded", (5.0, 1.0))
    noisy = specs.open_spec(specs.parse(f"{WORLD.name}#grader?noise=2"), "Judge", None)
    grades = {(await verdicts(noisy, match))[0].scores for _ in range(3)}
    assert len(grades) == 1
    assert noisy.id != judge.id
    with pytest.raises(BadInput, match="noise"):
        specs.open_spec(specs.parse(f"{WORLD.name}#grader?noise=-1"), "Judge", None)


async def test_a_judge_that_guesses_takes_somebody_for_the_asker_only_where_nobody_is_named() -> None:
    """Of many judges about half take either person, and so prefer what that one likes; told who asks they agree."""
    prompt = hidden()
    guesses, knows = [], []
    for seed in range(40):
        judge = specs.open_spec(
            specs.parse(f"{WORLD.name}#annotator?k=0&guesses=true&seed={seed}"), "Judge", None
        )
        for asked, held in ((prompt, guesses), (asked_by(prompt, NAMES[0]), knows)):
            match = matched(asked, answered(asked, "a", liked_by(0, prompt)), answered(asked, "b", liked_by(1, prompt)), 0)  # fmt: skip
            held.append((await verdicts(judge, match))[0].share)
    assert set(knows) == {1.0}
    # 40 fair coins: 3 standard errors are 9.5
    assert 10 <= sum(share == 1.0 for share in guesses) <= 30
    plain = specs.open_spec(specs.parse(f"{WORLD.name}#annotator?k=0"), "Judge", None)
    assert plain.id != judge.id
