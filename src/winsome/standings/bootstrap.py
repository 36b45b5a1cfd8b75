"""Bootstrap over clusters: whole prompts are drawn again, the same draw for every contender, from sums made once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints, counts, sums
from winsome.standings.laws import normal_tail
from winsome.standings.sides import ClusterBy, cluster_codes
from winsome.standings.strengths import fit_each

LEAST_PRIOR = 1e-3
"""Weight of the tied battle against an average contender that keeps a replicate finite."""

BLOCK = 2_000_000
"""Numbers that the replicates of a block may draw and sum up, so that memory does not grow with their count."""


def _by_cell(draw: NDArray[Any], cell: NDArray[Any], values: Floats, draws: int, cells: int) -> Any:
    """The sparse matrix [cells, draws] of values that belong to a draw (a cluster, or a kind of row) and a cell (a pair)."""
    # So many sums are worth the import.
    from scipy.sparse import csr_array

    return csr_array((values, (cell, draw)), shape=(cells, draws))


def _drawn(matrix: Any, often: Floats) -> Floats:
    """[replicates, K, K] the sums by pair where draws count `often`, [replicates, draws]."""
    found = np.ascontiguousarray((matrix @ often.T).T)
    return found.reshape(len(often), math.isqrt(found.shape[1]), -1)


def _blocks(replicates: int, numbers: int) -> list[int]:
    """How many replicates to make at a time, where each takes so many numbers."""
    most = max(1, BLOCK // numbers)
    return [min(most, replicates - done) for done in range(0, replicates, most)]


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
    first, second = (
        _by_cell(entry_cluster, entry_cell, values, count, size * size) for values in (wins, weight)
    )
    rng = np.random.default_rng(seed)
    rates: list[Floats] = []
    for some in _blocks(replicates, count + size * size):
        draws = rng.integers(count, size=(some, count)) + count * np.arange(some)[:, None]
        often = counts(draws.ravel(), some * count).reshape(some, count).astype(np.float64)
        rates.append(_rates(_drawn(first, often), _drawn(second, often), baseline))
    return np.concatenate(rates)


def _rates(won: Floats, met: Floats, baseline: int | None) -> Floats:
    """[replicates, K] win rates of sums by ordered pair [replicates, K, K]."""
    both = met + met.swapaxes(1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairwise = (won + (met - won).swapaxes(1, 2)) / both
        if baseline is not None:
            return pairwise[:, :, baseline]
        seen = both > 0
        return np.where(seen, pairwise, 0.0).sum(2) / seen.sum(2)


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
    first, second = (
        _by_cell(draw_of, entry_pair, values, len(often), size * size) for values in (won, met - won)
    )
    total, held = int(often.sum()), max(prior, LEAST_PRIOR)
    strengths: list[Floats] = []
    for some in _blocks(replicates, len(often) + size * size):
        drawn = (
            rng.gamma(often, size=(some, len(often)))
            if bayes
            else rng.multinomial(total, often / total, size=some).astype(np.float64)
        )
        found = fit_each(_drawn(first, drawn) + _drawn(second, drawn).swapaxes(1, 2), held, start)
        strengths.append(found - found.mean(1, keepdims=True))
    return np.concatenate(strengths)


def percentile_interval(
    draws: Floats, level: float = 0.95, reach: float | None = None
) -> tuple[float, float]:
    """(low, high), quantiles of the replicates that have a figure: those of the level, or those that a normal law has `reach`
    deviations out (the expanded percentiles of Hesterberg 2015, section 4.3, for few or unequal clusters).
    """
    tail = (1.0 - level) / 2.0 if reach is None else normal_tail(reach)
    low, high = np.nanquantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)
