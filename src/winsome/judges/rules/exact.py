"""The answer is the expected text, but for space around it."""

from __future__ import annotations

from functools import partial
from typing import Any

from winsome.judges.rules.passing import Rule, rule

VERSION = 1


def exact(*, answer: str | None = None, ignore_case: bool = False, name: str = "exact") -> Rule:
    """A judge by equality with `answer`, else with the prompt's reference answer; outer space never counts."""
    return rule("exact", VERSION, name, partial(equal, ignore_case=ignore_case), answer, [ignore_case])


def equal(text: str, expected: Any, ignore_case: bool) -> bool:
    """Whether `text` is `expected` once outer space is gone."""
    left, right = text.strip(), str(expected).strip()
    return left.casefold() == right.casefold() if ignore_case else left == right
