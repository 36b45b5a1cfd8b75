"""A judge that reads several copies of every answer with some characters disturbed: what an answer owes to exact marks is lost."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from winsome.errors import BadInput
from winsome.judges.heard import heard, made_of, said, unread, weights_of
from winsome.protocols import Judge
from winsome.records import Match, Message, Response, Side, Text, Verdict, digest, shares

VERSION = 1
Disturbance = Literal["insert", "swap", "patch"]
SIGNS = string.ascii_letters + string.digits + string.punctuation + " "


@dataclass(frozen=True)
class Smoothed:
    """The mean verdict of `inner` over `copies` of each match, a share `q` of each answer's characters disturbed."""

    name: str
    id: str
    label: str
    inner: Judge
    disturbance: Disturbance
    q: float
    copies: int
    ordered: bool
    sides: range = range(2, 3)

    @property
    def parts(self) -> tuple[tuple[Judge, int], ...]:
        return ((self.inner, self.copies),)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of([self.inner])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match over its readable copies; unparsed where none can be read."""
        made = {match.id: [self._copy(match, copy) for copy in range(self.copies)] for match in matches}
        found = await heard(self.inner, list({c.id: c for held in made.values() for c in held}.values()))
        for match in matches:
            if all(copy.id in found for copy in made[match.id]):
                yield self._verdict(match, [found[copy.id] for copy in made[match.id]])

    def _copy(self, match: Match, copy: int) -> Match:
        """The match over disturbed answers; an answer is disturbed alike in both orders."""
        sides = tuple(self._disturbed(side, copy) for side in match.sides)
        return replace(match, sides=sides)

    def _disturbed(self, side: Side, copy: int) -> Side:
        rng = Random(f"{self.disturbance}/{self.q}/{copy}/{side.response.content}")
        turns = tuple(
            Message(turn.role, (Text(disturbed(turn.text, self.disturbance, self.q, rng)),))
            for turn in side.response.messages
        )
        return replace(side, response=_edited(side.response, turns, copy))

    def _verdict(self, match: Match, drawn: list[Verdict]) -> Verdict:
        read = [verdict.share for verdict in drawn if verdict.share is not None]
        if not read:
            return made_of(drawn, self, match, unread(drawn), reason=f"no copy was read: {drawn[0].reason}")
        outcome, split = shares(sum(read) / len(read))
        listed = ", ".join(map(said, drawn))
        return made_of(drawn, self, match, outcome, split, reason=f"copies: {listed}")


def disturbed(text: str, disturbance: Disturbance, q: float, rng: Random) -> str:
    """`text` with a share `q` of its characters (at least one) disturbed: a random one put before it (insert), instead of it (swap),
    or instead of each of a run of neighbours (patch). Source: Robey et al. 2023, SmoothLLM."""
    if not text:
        return text
    count = max(1, round(q * len(text)))
    if disturbance == "patch":
        start = rng.randrange(len(text) - count + 1)
        places = set(range(start, start + count))
    else:
        places = set(rng.sample(range(len(text)), count))
    keep = disturbance == "insert"
    return "".join(
        rng.choice(SIGNS) + (sign if keep else "") if place in places else sign
        for place, sign in enumerate(text)
    )


def _edited(response: Response, turns: tuple[Message, ...], copy: int) -> Response:
    key = digest(["smoothed", response.id, copy, [turn.payload() for turn in turns]])
    return replace(response, key=key, messages=turns, tokens=None, provenance="edited", parents=(response.id,))  # fmt: skip


def smoothed(
    *,
    judge: Judge,
    disturbance: Literal["insert", "swap", "patch"] = "insert",
    q: float = 0.1,
    copies: int = 5,
    name: str = "smoothed",
) -> Smoothed:
    """`judge` on `copies` of every match in which a share `q` of each answer's characters is disturbed; the mean share counts.

    disturbance: insert puts random characters between, swap puts them in place of others, patch in place of a run of neighbours.
    It costs `copies` times the calls, and honest answers lose characters too: `winsome audit judge --attack` measures both.
    """
    if not 0.0 < q <= 0.5:
        raise BadInput(f"smoothed: q={q:g} is no share of characters to disturb; give above 0, at most 0.5")
    if copies < 1:
        raise BadInput(f"smoothed: copies={copies}; give 1 or more")
    id = digest(["smoothed", VERSION, judge.id, disturbance, q, copies])
    label = f"{getattr(judge, 'label', judge.name)}, mean of {copies} copies with {disturbance} {q:g}"
    return Smoothed(name, id, label, judge, disturbance, q, copies, judge.ordered)
