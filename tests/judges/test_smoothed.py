"""Disturbed copies: how many characters, the mean of the copies, the same answers in both orders."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from winsome.audit.people import said
from winsome.errors import BadInput
from winsome.judges.rules.regex import regex
from winsome.judges.smoothed import Disturbance, disturbed, smoothed
from winsome.records import Match, Prompt, Side, Verdict, user

PROMPT = Prompt((user("Say a word."),))


@pytest.mark.parametrize(("kind", "length"), [("insert", 110), ("swap", 100), ("patch", 100)])
def test_the_share_of_characters_that_is_disturbed(kind: Disturbance, length: int) -> None:
    text = "\u00b7" * 100  # no sign that is drawn
    made = disturbed(text, kind, 0.1, Random(1))
    assert len(made) == length
    assert sum(sign != "\u00b7" for sign in made) == 10
    if kind == "patch":
        assert "\u00b7" not in made.strip("\u00b7")
    assert disturbed(text, kind, 0.1, Random(1)) == made
    assert disturbed("", kind, 0.1, Random(1)) == ""


def verdicts(order: tuple[int, int], q: float) -> Verdict:
    inner = regex(pattern="^" + "a" * 40 + "$")
    judge = smoothed(judge=inner, disturbance="swap", q=q, copies=4)
    first, second = said(PROMPT, "x", "a" * 40), said(PROMPT, "y", "b" * 40)
    match = Match(PROMPT, (Side("x", first, order[0]), Side("y", second, order[1])))

    async def all_of() -> list[Verdict]:
        return [verdict async for verdict in judge.judge([match])]

    (verdict,) = asyncio.run(all_of())
    assert verdict.match == match.id
    return verdict


def test_exact_marks_are_lost_and_both_orders_read_the_same_copies() -> None:
    # The inner judge wants 40 exact letters; four of them are changed in each copy, so no side has them and all copies tie.
    assert verdicts((0, 1), 0.1).share == 0.5
    assert verdicts((0, 1), 0.1).scores == verdicts((1, 0), 0.1).scores


def test_settings_out_of_range_are_refused() -> None:
    inner = regex(pattern="x")
    for settings in ({"q": 0.0}, {"q": 0.6}, {"copies": 0}):
        with pytest.raises(BadInput, match="smoothed"):
            smoothed(judge=inner, **settings)  # pyright: ignore[reportArgumentType]
