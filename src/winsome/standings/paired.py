"""The paired difference of two contenders on the same prompts: what they have in common cancels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, sums
from winsome.standings.intervals import (
    ClusteredMean,
    check_level,
    clustered_mean,
    score_interval,
    score_p_value,
)
from winsome.standings.sides import Sided, check_rankable, sided


@dataclass(frozen=True)
class PairedDifference:
    """First minus second in points of win rate, on `n` common prompts; p_value of no difference."""

    first: str
    second: str
    difference: float
    standard_error: float
    low: float
    high: float
    n: int
    p_value: float
    warnings: tuple[str, ...] = ()
    few_clusters: bool = False

    def payload(self) -> dict[str, Any]:
        error = None if np.isnan(self.standard_error) else self.standard_error
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "standard_error": error,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "p_value": self.p_value,
            "warnings": list(self.warnings),
        }


def paired_difference(
    battles: Battles, first: str, second: str, *, baseline: str | None = None, level: float = 0.95
) -> PairedDifference:
    """How many points of win rate `first` has more than `second`, on prompts where both met the same opponent.

    Against `baseline`, or without one against every opponent that both met (each weight 1). On a prompt the difference
    d of the mean shares lies in [-1, 1]; the interval is the score interval of (1 + d) / 2. Where one of the two is the
    baseline, or they met nobody but each other, the difference is twice the distance of their own battles from a half.
    Raises BadInput where they have no prompt in common.
    """
    check_level(level)
    check_rankable(battles)
    views = sided(battles)
    one, two = battles.code_of(first, "contender"), battles.code_of(second, "contender")
    if one == two:
        raise BadInput(f"paired difference of {first!r} with itself; name two contenders")
    base = None if baseline is None else battles.code_of(baseline)
    sides = [views[code].take(views[code].scored) for code in (one, two)]
    mean = None if base in (one, two) else _common(sides[0], sides[1], (one, two), base)
    if mean is None and base not in (None, one, two):
        raise BadInput(
            f"{first} and {second} have no prompt in common against {baseline}; judge both on one set"
        )
    if mean is None:
        direct = sides[0].against(two)
        if not len(direct.share):
            raise BadInput(
                f"{first} and {second} neither met nor share a prompt and opponent; judge both on one set"
            )
        mean = clustered_mean(direct.share, direct.weight, direct.cluster)
    low, high = score_interval(mean, level)
    few = f"few effective clusters ({mean.effective_clusters:.1f} of {mean.n})"
    return PairedDifference(
        first=first,
        second=second,
        difference=_points(mean.mean),
        standard_error=200.0 * mean.standard_error,
        low=_points(low),
        high=_points(high),
        n=mean.n,
        p_value=score_p_value(mean),
        warnings=(few,) if mean.few_clusters else (),
        few_clusters=mean.few_clusters,
    )


def _points(share: float) -> float:
    return 100.0 * (2.0 * share - 1.0)


def _common(first: Sided, second: Sided, pair: tuple[int, int], base: int | None) -> ClusteredMean | None:
    """The mean of (1 + d) / 2 over the (prompt, opponent) cells that both sides have; None without any."""
    cells = [_cells(side.take(~np.isin(side.opponent, pair)).against(base)) for side in (first, second)]
    _, at_first, at_second = np.intersect1d(cells[0][0], cells[1][0], assume_unique=True, return_indices=True)
    if not len(at_first):
        return None
    key, shares = cells[0]
    share = (1.0 + shares[at_first] - cells[1][1][at_second]) / 2.0
    opponent, cluster = (key[at_first] >> 32).astype(np.int32), (key[at_first] & 0xFFFFFFFF).astype(np.int32)
    return clustered_mean(share, np.ones(len(share)), cluster, opponent)


def _cells(side: Sided) -> tuple[NDArray[np.int64], Floats]:
    """Keys of the (opponent, prompt) cells, ascending, and the weighted mean share in each."""
    key = side.opponent.astype(np.int64) << 32 | side.cluster
    cells, place = np.unique(key, return_inverse=True)
    totals = sums(place, side.weight, len(cells))
    return cells, sums(place, side.weight * side.share, len(cells)) / totals
