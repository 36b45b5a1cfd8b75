"""A scorer (a reward model, a likelihood, an embedding) as a judge of two sides."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from winsome.protocols import Scorer
from winsome.records import Match, Prompt, Response, Verdict, digest, shares

VERSION = 1
Link = Literal["sigmoid", "step"]


@dataclass(frozen=True)
class ByScore:
    """The side that `scorer` rates higher wins; no side sees another, so the order cannot matter."""

    name: str
    id: str
    label: str
    scorer: Scorer
    link: Link
    sides: range = range(2, 3)
    ordered: bool = False

    @property
    def note(self) -> str:
        """What a reader must know of the scorer, in its own words."""
        return getattr(self.scorer, "note", "")

    @property
    def weights(self) -> tuple[str, ...]:
        """The models that the scorer reads with."""
        return tuple(getattr(self.scorer, "weights", ()))

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; void, with the scorer's reason, where a side could not be rated."""
        pairs: dict[tuple[str, str], tuple[int, Prompt, Response]] = {}
        for match in matches:
            for side in match.sides:
                key = (match.prompt.id, side.response.content)
                pairs.setdefault(key, (len(pairs), match.prompt, side.response))
        scored = await self.scorer.score([p for _, p, _ in pairs.values()], [r for _, _, r in pairs.values()])
        for match in matches:
            places = [pairs[match.prompt.id, side.response.content][0] for side in match.sides]
            values = [float(scored.values[place]) for place in places]
            bad = next(
                (place for place, value in zip(places, values, strict=True) if math.isnan(value)), None
            )
            if bad is not None:
                reason = f"failed: {scored.reasons.get(bad, 'no score')}"
                yield Verdict(match.id, self.name, self.id, "void", reason=reason)
                continue
            outcome, split = shares(share(values[0], values[1], self.link))
            reason = f"scores {values[0]:.4g} and {values[1]:.4g}"
            yield Verdict(match.id, self.name, self.id, outcome, split, reason=reason)


def share(first: float, second: float, link: Link) -> float:
    """The first side's share: sigmoid(first - second) as in Bradley-Terry, or by `step` 1, 0.5 or 0. Equal ratings tie."""
    if first == second:
        return 0.5
    if link == "step":
        return float(first > second)
    gap = first - second
    return 1.0 / (1.0 + math.exp(-gap)) if gap > -700.0 else 0.0


def by_score(
    *, scorer: Scorer, link: Literal["sigmoid", "step"] = "sigmoid", name: str = "by_score"
) -> ByScore:
    """`scorer` as a judge: shares are sigmoid of the difference of ratings, or with `step` the higher rating wins."""
    label = getattr(scorer, "label", scorer.name)
    return ByScore(name, digest(["by_score", VERSION, scorer.id, link]), f"{label} {link}", scorer, link)
