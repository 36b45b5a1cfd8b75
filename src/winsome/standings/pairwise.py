"""The matrix of win rates, every contender against every other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats
from winsome.standings.intervals import check_level, clustered_mean, score_interval
from winsome.standings.sides import ClusterBy, check_rankable, sided


@dataclass(frozen=True, eq=False)
class Pairwise:
    """[K, K] figures of row against column, in per cent; NaN where a pair never met, and on the diagonal.

    n: clusters, battles: scored rows; both are symmetric.
    """

    names: tuple[str, ...]
    rate: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    battles: NDArray[np.int64]


def pairwise(battles: Battles, *, cluster: ClusterBy = "prompt", level: float = 0.95) -> Pairwise:
    """Win rates of every pair with their score intervals, in per cent, in the order of `battles.names`."""
    check_level(level)
    check_rankable(battles)
    size = len(battles.names)
    rate, low, high = (np.full((size, size), np.nan) for _ in range(3))
    n, rows = (np.zeros((size, size), np.int64) for _ in range(2))
    for i, view in enumerate(sided(battles, cluster)):
        scored = view.take(view.scored)
        for j in np.unique(scored.opponent).tolist():
            if j < i:
                continue
            met = scored.against(j)
            mean = clustered_mean(met.share, met.weight, met.cluster)
            limits = score_interval(mean, level)
            rate[i, j], low[i, j], high[i, j] = 100 * mean.mean, 100 * limits[0], 100 * limits[1]
            rate[j, i], low[j, i], high[j, i] = 100 - rate[i, j], 100 - high[i, j], 100 - low[i, j]
            n[i, j] = n[j, i] = mean.n
            rows[i, j] = rows[j, i] = len(met.share)
    return Pairwise(battles.names, rate, low, high, n, rows)
