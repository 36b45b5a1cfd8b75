"""People as a judge: their labels lie in the ledger, where `winsome compare --judge human` and filled-in sheets put them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from winsome.records import Match, Verdict, digest

HUMAN = "human"
HUMAN_ID = digest(["recorded", HUMAN])
"""The judge of every label that a person gave, on the page or in a sheet."""


@dataclass(frozen=True)
class Human:
    """A Judge whose verdicts come from people; by itself it has none to give."""

    name: str = HUMAN
    id: str = HUMAN_ID
    sides: range = range(2, 3)
    ordered: bool = False

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """Void verdicts: whoever wants people's labels asks for them on the page."""
        for match in matches:
            yield Verdict(
                match.id,
                self.name,
                self.id,
                "void",
                reason="not labelled: people are asked by winsome compare --judge human",
            )


def human(address: str = "", *, name: str = "") -> Human:
    """People, who label pairs on a page of this machine; see `winsome compare --judge human`."""
    return Human()
