"""What can be said of the order: pairwise decisions under multiplicity control, possible ranks, and the n that decides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from winsome.standings.columns import Bools, Floats, Ints, sums
from winsome.standings.intervals import ClusteredMean, score_interval
from winsome.standings.laws import normal_quantile, normal_tails, student_tails_each

BLOCK_CELLS = 4_000_000
"""Cells of the dense block in which clusters are multiplied: 32 MB."""


def possible_ranks(estimates: Floats, decided: Bools) -> list[tuple[int, ...]]:
    """For each contender all ranks from 1 + (how many are decided better) to K - (how many are decided worse).

    decided: [K, K], True where the pair's difference is not zero; its sign is that of the estimates.
    A contender without an estimate (NaN) has no ranks and counts for nobody.
    """
    known = ~np.isnan(estimates)
    with np.errstate(invalid="ignore"):
        better = decided & (estimates[:, None] < estimates[None, :])
        worse = decided & (estimates[:, None] > estimates[None, :])
    count = int(known.sum())
    return [
        tuple(range(1 + int(better[i].sum()), count - int(worse[i].sum()) + 1)) if known[i] else ()
        for i in range(len(estimates))
    ]


def holm(p_values: Floats, level: float = 0.95) -> Bools:
    """Which hypotheses are refused when the chance of any false one stays below 1 - level. Source: Holm 1979.

    p_values: any shape; NaN is never refused and does not count as a test.
    """
    flat = p_values.ravel()
    order = np.argsort(flat)
    tests = int((~np.isnan(flat)).sum())
    bounds = (1.0 - level) / np.arange(tests, 0, -1)
    passes = flat[order[:tests]] <= bounds
    stop = tests if passes.all() else int(np.argmin(passes))
    refused = np.zeros(len(flat), np.bool_)
    refused[order[:stop]] = True
    return refused.reshape(p_values.shape)


def benjamini_hochberg(p_values: Floats, level: float = 0.95) -> Bools:
    """Which hypotheses are refused when the expected share of false ones among them stays below 1 - level.

    p_values: any shape; NaN is never refused and does not count as a test. Source: Benjamini and Hochberg 1995.
    """
    flat = p_values.ravel()
    order = np.argsort(flat)
    tests = int((~np.isnan(flat)).sum())
    passes = flat[order[:tests]] <= (1.0 - level) * np.arange(1, tests + 1) / max(tests, 1)
    refused = np.zeros(len(flat), np.bool_)
    refused[order[: int(np.flatnonzero(passes).max(initial=-1)) + 1]] = True
    return refused.reshape(p_values.shape)


def decided_pairs(p_values: Floats, level: float = 0.95) -> Bools:
    """[K, K] symmetric decisions by Holm's method over the pairs of a symmetric matrix of p values."""
    size = len(p_values)
    upper = np.triu_indices(size, 1)
    decided = np.zeros((size, size), np.bool_)
    decided[upper] = holm(p_values[upper], level)
    return decided | decided.T


def share_difference_p_values(means: Sequence[ClusteredMean | None]) -> Floats:
    """[K, K] p values of "two mean shares are equal", from scores like those of the interval; NaN without both.

    Clusters in which both took part are paired: their scaled residuals subtract. The difference d in [-1, 1] is taken
    as a share (1 + d) / 2, so that a difference without spread is judged by its number of clusters, not as certain.
    """
    size = len(means)
    p_values = np.full((size, size), np.nan)
    known = [(i, mean) for i, mean in enumerate(means) if mean is not None]
    if len(known) < 2:
        return p_values
    present = np.array([i for i, _ in known])
    owner = np.concatenate([np.full(mean.n, i, np.int32) for i, mean in known])
    cluster = np.concatenate([mean.clusters for _, mean in known])
    scaled = np.concatenate([mean.scaled for _, mean in known])
    products = gram(owner, cluster, scaled, size)
    variance = np.diag(products)[:, None] + np.diag(products)[None, :] - 2.0 * products
    estimate = np.array([mean.mean for _, mean in known])
    n = np.array([float(mean.n) for _, mean in known])
    df = np.array([mean.df for _, mean in known])
    at = np.ix_(present, present)
    share = (1.0 + estimate[:, None] - estimate[None, :]) / 2.0
    spread, v = share * (1.0 - share), np.maximum(variance[at], 0.0) / 4.0
    fewer = np.minimum(n[:, None], n[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        n_effective = np.where((v <= 1e-18) | (spread <= 0), fewer, spread / v)
        t = 2.0 * np.abs(share - 0.5) * np.sqrt(n_effective)
    freedom = np.minimum(df[:, None], df[None, :])
    p_values[at] = np.where(freedom > 0, student_tails_each(np.maximum(freedom, 1e-9), t), 1.0)
    return p_values


def normal_p_values(estimates: Floats, covariance: Floats) -> Floats:
    """[K, K] p values of "two estimates are equal" by the normal law; 1 where a difference has no spread."""
    spread = np.diag(covariance)
    variance = np.maximum(spread[:, None] + spread[None, :] - 2.0 * covariance, 0.0)
    distance = np.abs(estimates[:, None] - estimates[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, normal_tails(distance / np.sqrt(variance)), 1.0)


def gram(owner: Ints, cluster: Ints, values: Floats, owners: int) -> Floats:
    """[K, K] sum over clusters of s_g s_g', s_g[k] the sum of the `values` of owner k in cluster g.

    owner, cluster, values: [entries]. Clusters are multiplied block by block, so memory does not grow with them.
    """
    order = np.argsort(cluster, kind="stable")
    owner, cluster, values = owner[order], cluster[order], values[order]
    block = max(1, BLOCK_CELLS // max(1, owners))
    total = np.zeros((owners, owners))
    last = int(cluster[-1]) + 1 if len(cluster) else 0
    for start in range(0, last, block):
        rows = slice(*np.searchsorted(cluster, (start, start + block)))
        height = min(block, last - start)
        cells = (cluster[rows].astype(np.int64) - start) * owners + owner[rows]
        scores = sums(cells, values[rows], height * owners).reshape(height, owners)
        total += scores.T @ scores
    return total


def needed_n(mean: ClusteredMean, truth: float, level: float = 0.95, power: float = 0.9) -> float:
    """How many clusters like these decide that a win rate of `truth` in [0, 1] is not a half; inf for a half.

    The score test needs n_eff = ((z_level / 2 + z_power sqrt(truth (1 - truth))) / (truth - 1/2))^2; a cluster brings
    n_eff / n of it now.
    """
    if abs(truth - 0.5) < 1e-12:
        return math.inf
    quantile, strength = normal_quantile((1.0 + level) / 2.0), normal_quantile(power)
    needed = ((quantile / 2 + strength * math.sqrt(truth * (1.0 - truth))) / (truth - 0.5)) ** 2
    return max(2.0, math.ceil(needed * mean.n / mean.n_effective))


def decision(name: str, mean: ClusteredMean, level: float = 0.95, power: float = 0.9) -> str | None:
    """None where the score interval excludes a half; else the sentence that says which n would decide."""
    low, high = score_interval(mean, level)
    if low > 0.5 or high < 0.5:
        return None
    present = needed_n(mean, mean.mean, level, power)
    ends = sorted(needed_n(mean, end, level, power) for end in (low, high))
    if not math.isfinite(present):
        return f"{name}: Not decided at n = {mean.n}; no n would, if the true win rate is the present estimate of 50%"
    return (
        f"{name}: Not decided at n = {mean.n}; {_count(present)} would, if the true win rate is the present estimate "
        f"(and {_count(ends[0])} to {_count(ends[1])} at the ends of its interval), with power {power:g}"
    )


def _count(n: float) -> str:
    return f"{n:,.0f}" if n < 1e9 else "any number"
