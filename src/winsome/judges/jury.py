"""Several judges on every match: their votes counted, averaged, or weighted by how reliable each was measured to be."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from winsome.errors import BadInput
from winsome.judges.heard import heard_by_all, made_of, said, unread, weights_of
from winsome.judges.self_consistency import majority
from winsome.protocols import Judge
from winsome.records import Match, Verdict, digest, shares

VERSION = 1
Pool = Literal["mean", "vote", "weighted"]


@dataclass(frozen=True)
class Jury:
    """`log_odds` of each member being right; they count for the pool `weighted` alone."""

    name: str
    id: str
    label: str
    members: tuple[Judge, ...]
    pool: Pool
    log_odds: tuple[float, ...]
    ordered: bool
    sides: range = range(2, 3)

    @property
    def parts(self) -> tuple[tuple[Judge, int], ...]:
        return tuple((member, 1) for member in self.members)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of(self.members)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; `reason` lists the votes by member. Unparsed where fewer than half of the members were read."""
        found = await heard_by_all(self.members, matches)
        for match in matches:
            votes = [verdicts.get(match.id) for verdicts in found]
            cast = [vote for vote in votes if vote is not None]
            if len(cast) == len(self.members):
                yield self._verdict(match, cast)

    def _verdict(self, match: Match, votes: Sequence[Verdict]) -> Verdict:
        reason = f"votes: {', '.join(map(said, votes))}"
        read = [
            (vote.share, odds)
            for vote, odds in zip(votes, self.log_odds, strict=True)
            if vote.share is not None
        ]
        if 2 * len(read) < len(votes):
            return made_of(votes, self, match, unread(votes), reason=reason)
        outcome, split = shares(pooled(read, self.pool))
        return made_of(votes, self, match, outcome, split, reason=reason)


def pooled(votes: Sequence[tuple[float, float]], pool: Pool) -> float:
    """The share of the first side from (share, log-odds of being right) of each vote.

    weighted: the posterior of independent members at even odds, a share of a half adding nothing.
    """
    if pool == "vote":
        return majority([share for share, _ in votes])
    if pool == "mean":
        return sum(share for share, _ in votes) / len(votes)
    evidence = sum(odds * (2.0 * share - 1.0) for share, odds in votes)
    return 1.0 / (1.0 + math.exp(-evidence))


def jury(
    *,
    members: tuple[Judge, ...],
    pool: Literal["mean", "vote", "weighted"] = "mean",
    ties: Literal["tie"] | None = None,
    reliability: tuple[float, ...] = (),
    name: str = "jury",
) -> Jury:
    """Two judges or more as one: the mean share, the majority's vote, or votes weighted by `reliability`.

    reliability: how often each member is right, measured (winsome judges rank); its log-odds are the weights. ties=tie makes a split
    vote of an even jury a tie. BadInput for an even jury with pool=vote and no ties, for members that are one judge, and for
    reliabilities outside (0, 1).
    """
    if len(members) < 2:
        raise BadInput(f"jury: {len(members)} member is no jury; write members=[(judge1),(judge2),(judge3)]")
    if len({member.id for member in members}) < len(members):
        raise BadInput(
            "jury: two members are one and the same judge; take self_consistency for several samples"
        )
    if pool == "vote" and len(members) % 2 == 0 and ties is None:
        raise BadInput(
            f"jury: {len(members)} members can split their vote evenly; add one, or write ties=tie or pool=mean"
        )
    if (pool == "weighted") != bool(reliability):
        raise BadInput(
            "jury: pool=weighted and reliability=[0.8,0.7,..] belong together; give both or neither"
        )
    if reliability and (len(reliability) != len(members) or not all(0.0 < r < 1.0 for r in reliability)):
        raise BadInput(
            f"jury: reliability needs {len(members)} shares between 0 and 1, one a member in their order"
        )
    odds = tuple(math.log(r / (1.0 - r)) for r in reliability) or (1.0,) * len(members)
    id = digest(["jury", VERSION, [member.id for member in members], pool, list(reliability)])
    label = f"jury of {len(members)} by {pool}: {', '.join(getattr(m, 'label', m.name) for m in members)}"
    return Jury(name, id, label, members, pool, odds, any(member.ordered for member in members))
