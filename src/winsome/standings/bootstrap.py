"""Bootstrap over clusters: whole prompts are drawn again, the same draw for every contender, from sums made once."""

from __future__ import annotations

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, counts, sums
from winsome.standings.sides import ClusterBy, cluster_codes


def bootstrap_win_rates(
    battles: Battles, cluster: ClusterBy, *, baseline: int | None, replicates: int = 1000, seed: int = 0
) -> Floats:
    """[replicates, K] win rates in [0, 1] against `baseline`, or means over opponents; NaN where nothing was drawn.

    A draw belongs to the clusters, so an exact copy of a contender has identical figures.
    """
    scored = battles.take(battles.scored)
    codes = cluster_codes(scored, cluster)
    count, size = int(codes.max()) + 1, len(battles.names)
    cells = scored.a.astype(np.int64) * size + scored.b
    entry, place = np.unique(codes * np.int64(size * size) + cells, return_inverse=True)
    weight = sums(place, scored.weight, len(entry))
    wins = sums(place, scored.weight * scored.share, len(entry))
    entry_cluster, entry_cell = np.divmod(entry, size * size)
    rng = np.random.default_rng(seed)
    rates = np.empty((replicates, size))
    for replicate in range(replicates):
        drawn = counts(rng.integers(count, size=count), count)[entry_cluster]
        won = sums(entry_cell, drawn * wins, size * size).reshape(size, size)
        met = sums(entry_cell, drawn * weight, size * size).reshape(size, size)
        rates[replicate] = _rates(won, met, baseline)
    return rates


def _rates(won: Floats, met: Floats, baseline: int | None) -> Floats:
    both = met + met.T
    with np.errstate(invalid="ignore", divide="ignore"):
        pairwise = (won + (met - won).T) / both
        if baseline is not None:
            return pairwise[:, baseline]
        seen = both > 0
        return np.where(seen, pairwise, 0.0).sum(1) / seen.sum(1)


def percentile_interval(draws: Floats, level: float = 0.95) -> tuple[float, float]:
    """(low, high), the central quantiles of the replicates that have a figure."""
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)
