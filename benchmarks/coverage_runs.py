"""Experiments behind the cells of the coverage table: each draws from a law with a known truth and asks the package's own interval.

A run adds experiments to a tally [bands, COLUMNS]: how many there were, how many intervals held the truth, how many had the
warning "few effective clusters" and of those how many held it, and how many had no figure. Exact runs weigh every outcome
by its chance instead, over a fine grid of true win rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import gammaln

from benchmarks import coverage_laws as laws
from winsome.standings import Battles, bradley_terry, length_controlled, paired_difference, plan, win_rate
from winsome.standings.battles import outcome_of
from winsome.standings.columns import Codes, Floats
from winsome.standings.intervals import (
    ClusteredMean,
    bayes_interval,
    clustered_mean,
    score_interval,
    wald_interval,
)
from winsome.standings.power import Pilot
from winsome.standings.ratings import ARENA
from winsome.standings.sequential import LONGEST_BET, bets

COLUMNS = ("experiments", "held", "flagged", "flagged and held", "no figure")
EDGES = (0.02, 0.1, 0.3, 0.5)
"""Bands of the true win rate's distance from the nearer end."""

GRID = 2401
REPLICATES = 1000
Run = Callable[[np.random.Generator, int], Floats]
FORMULAS = {"score": score_interval, "wald": wald_interval, "bayes": bayes_interval}


def tallied(truth: Floats, held: Floats, flagged: Floats, none: Floats, weight: float = 1.0) -> Floats:
    """[bands, COLUMNS] of experiments by their true win rate; held, flagged and none are shares in [0, 1]."""
    band = np.clip(np.searchsorted(EDGES, np.minimum(truth, 1.0 - truth), "right") - 1, 0, len(EDGES) - 2)
    columns = (np.ones(len(truth)), held, flagged, held * flagged, none)
    return np.stack([np.bincount(band, weight * c, len(EDGES) - 1) for c in columns], axis=1)


def exact(n: int, kind: str) -> Run:
    def run(rng: np.random.Generator, _: int) -> Floats:
        p = laws.LOWEST + (laws.HIGHEST - laws.LOWEST) * (np.arange(GRID) + 0.5) / GRID
        found = [_of_wins(wins, n, kind) for wins in range(n + 1)]
        low, high, few = (np.array(column) for column in zip(*found, strict=True))
        chance = binomial(n, p)
        inside = (low[None, :] <= p[:, None]) & (p[:, None] <= high[None, :])
        held, flagged = (chance * inside).sum(1), chance @ few
        both = (chance * inside) @ few
        tally = tallied(p, held, flagged, np.zeros(GRID))
        tally[:, 3] = tallied(p, both, np.ones(GRID), np.zeros(GRID))[:, 1]
        return tally

    return run


def _of_wins(wins: int, n: int, kind: str) -> tuple[float, float, float]:
    """(low, high, 1 where flagged) of n rows with this many wins."""
    share = (np.arange(n) < wins).astype(np.float64)
    mean = clustered_mean(share, np.ones(n), np.arange(n, dtype=np.int32))
    if kind != "bootstrap":
        return *FORMULAS[kind](mean), float(mean.few_clusters)
    row = win_rate(_plain(share), baseline="base", interval="bootstrap", replicates=REPLICATES).row("x")
    return (row.low or 0.0) / 100, (row.high or 0.0) / 100, float(row.few_clusters)


def binomial(n: int, p: Floats) -> Floats:
    """[p, n + 1] the chance of each number of wins."""
    k = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.exp(ways + k * np.log(p)[:, None] + (n - k) * np.log1p(-p)[:, None])


def _plain(share: Floats) -> Battles:
    rows = len(share)
    zeros = np.zeros(rows, np.int32)
    return Battles(("x", "base"), zeros, zeros + 1, share, outcome_of(share), np.ones(rows))


def _held(p: Floats, means: list[ClusteredMean]) -> Floats:
    """The tally of score intervals, one a mean."""
    limits = np.array([score_interval(mean) for mean in means])
    few = np.array([mean.few_clusters for mean in means], np.float64)
    held = ((limits[:, 0] <= p) & (p <= limits[:, 1])).astype(np.float64)
    return tallied(p, held, few, np.zeros(len(p)))


def mean_of(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p, each, ones = laws.rates(rng, experiments), np.arange(n, dtype=np.int32), np.ones(n)
        return _held(p, [clustered_mean(share, ones, each) for share in laws.shares(rng, law, p, n)])

    return run


def clustered(law: str, clusters: int, correlation: float) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        means: list[ClusteredMean] = []
        for truth in p.tolist():
            sizes = laws.cluster_sizes(rng, law, clusters)
            wins = laws.clustered_wins(rng, truth, sizes, correlation)
            # Equal rows of a cluster are one row of their summed weight.
            weight = np.concatenate([wins, sizes - wins]).astype(np.float64)
            share, kept = np.repeat([1.0, 0.0], clusters), weight > 0
            codes = np.tile(np.arange(clusters, dtype=np.int32), 2)
            means.append(clustered_mean(share[kept], weight[kept], codes[kept]))
        return _held(p, means)

    return run


def sequential(law: laws.Share, truth: float | None) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments) if truth is None else np.full(experiments, truth)
        drawn = laws.shares(rng, law, p, 500)
        held = np.array([always_inside(share, m) for share, m in zip(drawn, p.tolist(), strict=True)])
        return tallied(p, held.astype(np.float64), np.zeros(experiments), np.zeros(experiments))

    return run


def always_inside(share: Floats, truth: float, level: float = 0.95) -> bool:
    """Whether `truth` is in the confidence sequence at every n: its two gamblers alone, none of the other candidates."""
    bet = bets(share, level)
    up = np.cumsum(np.log1p(np.minimum(bet, LONGEST_BET / truth) * (share - truth)))
    down = np.cumsum(np.log1p(-np.minimum(bet, LONGEST_BET / (1.0 - truth)) * (share - truth)))
    return bool(max(up.max(), down.max()) < np.log(2.0 / (1.0 - level)))


def planned(detect: float, n: int) -> Run:
    def run(rng: np.random.Generator, _: int) -> Floats:
        above = np.array([_of_wins(wins, n, "score")[0] > 0.5 for wins in range(n + 1)])
        truth = np.array([0.5 + detect / 100.0])
        return tallied(truth, binomial(n, truth) @ above, np.zeros(1), np.zeros(1))

    return run


def piloted(correlation: float) -> tuple[Run, int]:
    """Both orders of each prompt, five points above a half; a pilot that knows the law; how many prompts it promises."""
    truth = 0.55
    known = Pilot(truth * (1.0 - truth), correlation, 100, 200)
    n = plan(5.0, pilot=known).prompts

    def run(rng: np.random.Generator, experiments: int) -> Floats:
        each, ones, sizes = np.arange(n, dtype=np.int32), np.ones(n), np.full(n, 2, np.int32)
        drawn = [laws.clustered_wins(rng, truth, sizes, correlation) / 2.0 for _ in range(experiments)]
        above = [score_interval(clustered_mean(share, ones, each))[0] > 0.5 for share in drawn]
        none = np.zeros(experiments)
        return tallied(np.full(experiments, truth), np.array(above, np.float64), none, none)

    return run, n


def paired(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, 2 * experiments).reshape(-1, 2)
        drawn = laws.paired(rng, law, p, n)
        return _differences(p, [laws.pair_of_contenders(shares) for shares in drawn])

    return run


def paired_clustered(law: str, clusters: int, correlation: float) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, 2 * experiments).reshape(-1, 2)
        sizes = (laws.cluster_sizes(rng, law, clusters) for _ in p)
        return _differences(
            p, [laws.clustered_pairs(rng, *both, correlation) for both in zip(p, sizes, strict=True)]
        )

    return run


def _differences(p: Floats, drawn: list[Battles]) -> Floats:
    """The tally of paired differences; p: [experiments, 2] true win rates. The band is that of the difference as a share."""
    found = [paired_difference(battles, "x", "y", baseline="base") for battles in drawn]
    truth = 100.0 * (p[:, 0] - p[:, 1])
    held = np.array([f.low <= t <= f.high for f, t in zip(found, truth.tolist(), strict=True)], np.float64)
    few = np.array([f.few_clusters for f in found], np.float64)
    return tallied((1.0 + truth / 100.0) / 2.0, held, few, np.zeros(len(found)))


def length_control(law: str, clusters: int, correlation: float = 0.0, graded: bool = False) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        held, few, none = np.zeros(experiments), np.zeros(experiments), np.zeros(experiments)
        for k, truth in enumerate(p.tolist()):
            sizes = laws.cluster_sizes(rng, law, clusters)
            found = laws.with_lengths(rng, truth, sizes, graded, correlation)
            row = length_controlled(found, baseline="base", baseline_row=False).row("x")
            none[k], few[k] = row.low is None, row.few_clusters
            held[k] = row.low is not None and row.low <= 100 * truth <= (row.high or 0.0)
        return _without(tallied(p, held, few, none))

    return run


def _without(tally: Floats) -> Floats:
    """The tally of those experiments that have a figure."""
    return tally - np.eye(len(COLUMNS))[0] * tally[:, 4:5]


def bootstrapped(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        return _redrawn(p, [_plain(share) for share in laws.shares(rng, law, p, n)])

    return run


def bootstrapped_clusters(law: str, clusters: int, correlation: float) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        drawn: list[Battles] = []
        for truth in p.tolist():
            sizes = laws.cluster_sizes(rng, law, clusters)
            wins = laws.clustered_wins(rng, truth, sizes, correlation)
            prompt = np.repeat(np.arange(clusters, dtype=np.int32), sizes)
            first = np.concatenate([np.arange(size) for size in sizes.tolist()])
            share = (first < wins[prompt]).astype(np.float64)
            labels = Codes(prompt, [str(k) for k in range(clusters)])
            drawn.append(replace(_plain(share), cluster=labels))
        return _redrawn(p, drawn)

    return run


def _redrawn(p: Floats, drawn: list[Battles]) -> Floats:
    """The tally of bootstrap intervals of x's win rate."""
    held, few = np.zeros(len(p)), np.zeros(len(p))
    for k, battles in enumerate(drawn):
        found = win_rate(battles, baseline="base", interval="bootstrap", replicates=REPLICATES, seed=k)
        row = found.row("x")
        held[k], few[k] = (row.low or 0.0) <= 100 * p[k] <= (row.high or 0.0), row.few_clusters
    return tallied(p, held, few, np.zeros(len(p)))


def ratings(
    law: str,
    clusters: int,
    *,
    tied: float = 0.0,
    spread: float = 0.0,
    circular: float = 0.0,
    interval: Literal["sandwich", "bootstrap", "bayes"] = "sandwich",
) -> Run:
    """The share of six contenders whose rating is held; redraws: 300."""

    def run(rng: np.random.Generator, experiments: int) -> Floats:
        held, few = np.zeros(experiments), np.zeros(experiments)
        for k in range(experiments):
            chance = laws.chances(rng, 6, circular)
            truth = 1000.0 + ARENA * laws.expected(chance, tied, spread)
            found = laws.arena(rng, chance, laws.cluster_sizes(rng, law, clusters), tied, spread)
            rows = bradley_terry(found, interval=interval, replicates=300, seed=k)
            named = {row.contender: row for row in rows.rows}
            inside = [
                (named[f"m{c}"].low or 0.0) <= t <= (named[f"m{c}"].high or 0.0)
                for c, t in enumerate(truth.tolist())
            ]
            held[k], few[k] = sum(inside) / len(inside), any(row.few_clusters for row in rows.rows)
        return tallied(np.full(experiments, 0.5), held, few, np.zeros(experiments))

    return run
