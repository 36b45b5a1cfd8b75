"""A pool of judges that stands for a crowd: each pair of answers is labelled by one of them, and a share of the labels is turned round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from winsome.errors import BadInput
from winsome.judges.heard import extents, heard, weights_of
from winsome.protocols import Judge
from winsome.records import Match, Outcome, Verdict, digest

VERSION = 1
MIRRORED: Mapping[str, Outcome] = {"win": "loss", "loss": "win"}


@dataclass(frozen=True)
class Annotators:
    """`flips`: the probability with which a label that could be read is turned round."""

    name: str
    id: str
    label: str
    members: tuple[Judge, ...]
    flips: float
    seed: int
    ordered: bool
    sides: range = range(2, 3)

    @property
    def extents(self) -> bool:
        return extents(*self.members)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of(self.members)

    @property
    def parts(self) -> tuple[tuple[Judge, float], ...]:
        return tuple((member, 1.0 / len(self.members)) for member in self.members)

    def member(self, match: Match) -> int:
        """The number of the one that a pair belongs to, whatever order it is shown in and however often it is asked."""
        pair = sorted(side.response.id for side in match.sides)
        return _number([self.seed, match.prompt.id, pair]) % len(self.members)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match, of the member that it belongs to. What this one cannot read stays unread: it is never guessed."""
        shares: list[list[Match]] = [[] for _ in self.members]
        for match in matches:
            shares[self.member(match)].append(match)
        found = await asyncio.gather(
            *(heard(one, own) for one, own in zip(self.members, shares, strict=True))
        )
        for number, held in enumerate(found, 1):
            for verdict in held.values():
                yield self._own(verdict, f"a{number:02}")

    def _own(self, verdict: Verdict, annotator: str) -> Verdict:
        own = replace(verdict, judge=self.name, judge_id=self.id, annotator=annotator)
        turned = _number([self.seed, "flip", verdict.match]) / 2**48 < self.flips
        if not turned or own.share is None:
            return own
        # the first side's share becomes the second's; grades change their sides
        return replace(
            own, outcome=MIRRORED.get(own.outcome, own.outcome), scores=(own.scores[1], own.scores[0])
        )


def _number(content: object) -> int:
    return int(digest(content)[:12], 16)


def annotators(
    *, members: tuple[Judge, ...], flip: float = 0.0, seed: int = 0, name: str = "annotators"
) -> Annotators:
    """Two judges or more as a pool of annotators: a pair belongs to one of them, drawn by `seed` and the pair, all equally often.

    flip: the share of labels that is turned round, in [0, 0.5], as AlpacaFarm does to what a method learns from; a match refuses a
    judge that flips. BadInput for fewer than two members and for another flip. Source: Dubois et al. 2023 (AlpacaFarm), section 3.
    """
    if len(members) < 2:
        raise BadInput(f"annotators: {len(members)} member is no pool; write members=[(judge1),(judge2),..]")
    if not 0.0 <= flip <= 0.5:
        raise BadInput(
            f"annotators: flip={flip:g} must lie in [0, 0.5]; above a half, turn the labels round instead"
        )
    id = digest(["annotators", VERSION, [member.id for member in members], flip, seed])
    label = f"one of {len(members)} annotators" + (f", {flip:.0%} flipped" if flip else "")
    return Annotators(name, id, label, members, flip, seed, any(member.ordered for member in members))
