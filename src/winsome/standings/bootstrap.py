"""Bootstrap over clusters: whole prompts are drawn again, the same draw for every contender, from sums made once."""

from __future__ import annotations

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints, counts, sums
from winsome.standings.laws import normal_tail
from winsome.standings.sides import ClusterBy, cluster_codes
from winsome.standings.strengths import fit

LEAST_PRIOR = 1e-3
"""Weight of the tied battle against an average contender that keeps a replicate finite."""


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


def bootstrap_strengths(
    battles: Battles,
    cluster: Ints | None,
    *,
    start: Floats,
    prior: float,
    bayes: bool = False,
    replicates: int = 1000,
    seed: int = 0,
) -> Floats:
    """[replicates, K] Bradley-Terry strengths, mean 0, of scored battles drawn again.

    cluster: codes [rows], None for independent rows, which are summed to (pair, share) cells first, so that a replicate
    costs what the cells cost. bayes: clusters get exponential weights instead of counts, which gives draws of the
    posterior without a prior (Rubin 1981). Each replicate starts at `start` and holds to a prior of at least
    LEAST_PRIOR, so that one without a finite fit stays finite.
    """
    size = len(battles.names)
    pair = battles.a.astype(np.int64) * size + battles.b
    rng = np.random.default_rng(seed)
    if cluster is None:
        # The won weight of a cell is that of one row times the rows drawn, so rows of unequal weight need their own cell.
        _, kind = np.unique(np.stack([battles.share, battles.weight], axis=1), axis=0, return_inverse=True)
        kinds = int(kind.max()) + 1
        entry, first, group = np.unique(pair * kinds + kind.ravel(), return_index=True, return_inverse=True)
        entry_pair, met, won = (
            entry // kinds,
            battles.weight[first],
            battles.weight[first] * battles.share[first],
        )
        often, draw_of = counts(group, len(entry)).astype(np.float64), np.arange(len(entry))
    else:
        entry, place = np.unique(cluster * np.int64(size * size) + pair, return_inverse=True)
        draw_of, entry_pair = np.divmod(entry, size * size)
        met, won = (
            sums(place, battles.weight, len(entry)),
            sums(place, battles.weight * battles.share, len(entry)),
        )
        often = np.ones(int(cluster.max()) + 1)
    total = int(often.sum())
    strengths = np.empty((replicates, size))
    for replicate in range(replicates):
        drawn = rng.gamma(often) if bayes else rng.multinomial(total, often / total).astype(np.float64)
        times = drawn[draw_of]
        first_won = sums(entry_pair, times * won, size * size).reshape(size, size)
        second_won = sums(entry_pair, times * (met - won), size * size).reshape(size, size)
        strength, _ = fit(first_won + second_won.T, max(prior, LEAST_PRIOR), start)
        strengths[replicate] = strength - strength.mean()
    return strengths


def percentile_interval(
    draws: Floats, level: float = 0.95, reach: float | None = None
) -> tuple[float, float]:
    """(low, high), quantiles of the replicates that have a figure: those of the level, or those that a normal law has `reach`
    deviations out (the expanded percentiles of Hesterberg 2015, section 4.3, for few or unequal clusters).
    """
    tail = (1.0 - level) / 2.0 if reach is None else normal_tail(reach)
    low, high = np.nanquantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)
