"""Judges and a scorer with planted properties, written as a user would write them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from winsome.records import Match, Prompt, Response, Scores, Verdict, digest, shares

VERSION = 1


@dataclass(frozen=True)
class Fair:
    """Prefers the answer with the word "good"; a share `lean` of its asks goes to the first seat, `noise` to the other answer."""

    name: str
    id: str
    lean: float
    noise: float
    sides: range = range(2, 3)
    ordered: bool = True

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        for match in matches:
            good = next(side.seat for side in match.seated if "good" in side.response.text)
            lot = int(digest([match.prompt.id, match.order, match.repeat])[:8], 16) / 16**8
            seat = 0 if lot < self.lean else 1 - good if lot < self.lean + self.noise else good
            outcome, split = shares(1.0 if match.sides[0].seat == seat else 0.0)
            yield Verdict(match.id, self.name, self.id, outcome, split)


def fair(*, lean: float = 0.0, noise: float = 0.0, name: str = "fair") -> Fair:
    return Fair(name, digest(["fair", VERSION, lean, noise]), lean, noise)


@dataclass(frozen=True)
class Length:
    """Rates an answer by its length."""

    name: str
    id: str
    partial: bool = False

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        return Scores(tuple(len(response.text) / 20 for response in responses))


def length(*, name: str = "length") -> Length:
    return Length(name, digest(["length", VERSION]))
