"""A judge that reads the age of who asks in the prompt's words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from winsome.records import Match, Verdict, digest, shares


class ByAge:
    sides, ordered = range(2, 3), False

    def __init__(self) -> None:
        self.name = self.label = "by age"
        self.id = digest(["by age", 1])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        for match in matches:
            wanted = "children" if "A: child" in match.prompt.text else "adults"
            a, b = (float(wanted in side.response.text) for side in match.sides)
            outcome, split = shares(0.5 + 0.5 * (a - b))
            yield Verdict(match.id, self.name, self.id, outcome, split)


def by_age() -> ByAge:
    return ByAge()
