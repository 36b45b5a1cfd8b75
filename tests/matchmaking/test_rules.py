"""Contests decided by rule: the table of the suite's rules."""

from __future__ import annotations

import pytest

from winsome.matchmaking.rules import Answer, decided
from winsome.records import Prompt, Response, Suite, assistant, user

SUITE = Suite("s", "1", [Prompt((user("?"),))], max_characters=20)


def answer(text: str | None) -> Answer:
    if text is None:
        return Answer.of(Response("p", "c", "k", finish="failed", error="timeout"))
    return Answer.of(Response("p", "c", "k", messages=(assistant(text),)))


@pytest.mark.parametrize(
    ("a", "b", "outcome", "share"),
    [
        ("yes", "no", None, None),
        ("", "no", "forfeit", 0.0),
        ("yes", " \n\t", "forfeit", 1.0),
        ("", " ", "void", None),
        (None, "no", "void", None),
        ("yes", None, "void", None),
        ("same words", "same  words\n", "tie", 0.5),
        ("caf\u00e9", "cafe\u0301", "tie", 0.5),
        ("Same", "same", None, None),
        ("x" * 21, "no", "forfeit", 0.0),
        ("x" * 20, "no", None, None),
        ("x" * 21, "y" * 30, "void", None),
    ],
)
def test_rule(a: str | None, b: str | None, outcome: str | None, share: float | None) -> None:
    ruling = decided(answer(a), answer(b), SUITE)
    assert (ruling and ruling[0], ruling and ruling[1]) == (outcome, share)


def test_rules_are_the_suites() -> None:
    judged = Suite("s", "1", SUITE.prompts, empty="judge", equal="judge")
    assert decided(answer(""), answer("no"), judged) is None
    assert decided(answer("same"), answer("same"), judged) is None
