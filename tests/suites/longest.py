"""A judge and a grader that read lengths alone, so that every figure can be worked out by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from winsome.records import Match, Verdict, digest, shares


class Longest:
    """The longer answer wins; by more than ten characters it wins large."""

    sides, ordered, extents = range(2, 3), True, True

    def __init__(self) -> None:
        self.name = self.label = "longest"
        self.id = digest(["longest", 1])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        for match in matches:
            a, b = (len(side.response.text) for side in match.sides)
            outcome, split = shares(0.5 + 0.5 * ((a > b) - (a < b)))
            extent = 0.0 if a == b else 2.0 if abs(a - b) > 10 else 1.0
            yield Verdict(match.id, self.name, self.id, outcome, split, extent=extent, reason="lengths")


class Graded:
    """One point a character, from 1 to 10."""

    sides, ordered = range(1, 1001), False

    def __init__(self) -> None:
        self.name = self.label = "graded"
        self.id = digest(["graded", 1])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        for match in matches:
            grades = tuple(float(min(10, max(1, len(side.response.text)))) for side in match.sides)
            yield Verdict(match.id, self.name, self.id, "graded", grades)


def longest() -> Longest:
    return Longest()


def graded() -> Graded:
    return Graded()
