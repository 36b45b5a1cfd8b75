"""The cells of the coverage table: each interval of the package under each law, by simulation or by exact enumeration.

A cell adds experiments to a tally [bands, COLUMNS]: how many there were, how many intervals held the truth, how many had the
warning "few effective clusters" and of those how many held it, and how many had no figure. Exact cells weigh every outcome
by its chance instead, over a fine grid of true win rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import gammaln

from benchmarks import coverage_laws as laws
from winsome.standings import Battles, bradley_terry, length_controlled, paired_difference, plan, win_rate
from winsome.standings.columns import Floats
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


@dataclass(frozen=True)
class Cell:
    """interval: what is measured; law and size: on what. most: experiments at most, 0 for exact enumeration.

    goal: "95%" coverage, "at least 95%", or a power in per cent that is promised.
    """

    interval: str
    law: str
    size: str
    run: Run
    most: int = 10**9
    goal: str = "95%"

    @property
    def name(self) -> str:
        return f"{self.interval} / {self.law} / {self.size}"


def tallied(truth: Floats, held: Floats, flagged: Floats, none: Floats, weight: float = 1.0) -> Floats:
    """[bands, COLUMNS] of experiments by their true win rate; held, flagged and none are shares in [0, 1]."""
    band = np.clip(np.searchsorted(EDGES, np.minimum(truth, 1.0 - truth), "right") - 1, 0, len(EDGES) - 2)
    columns = (np.ones(len(truth)), held, flagged, held * flagged, none)
    return np.stack([np.bincount(band, weight * c, len(EDGES) - 1) for c in columns], axis=1)


def cells() -> Iterator[Cell]:
    """All cells, cheap ones first."""
    for n in (10, 20, 30, 50, 100, 300):
        for kind in FORMULAS:
            yield Cell(f"win rate, {kind}", "wins and losses", f"n = {n}", _exact(n, kind), 0)
    for law in ("20% ties", "50% ties", "graded"):
        for n in (30, 100, 300):
            yield Cell("win rate, score", law, f"n = {n}", _mean(law, n))
    for sizes in ("1 to 50, one at 20%", "4 each"):
        for clusters in (30, 100):
            for correlation in (0.1, 0.5, 0.9):
                law = f"{sizes}; correlation {correlation}"
                run = _clustered(sizes, clusters, correlation)
                yield Cell("clustered, score", law, f"{clusters} prompts", run)
    for law in ("wins and losses", "graded", "50% ties"):
        yield Cell("sequential, every look", law, "500 prompts", _sequential(law, None), goal="at least 95%")
    null = _sequential("wins and losses", 0.5)
    yield Cell(
        "sequential, every look", "wins and losses, truth 50%", "500 prompts", null, goal="at least 95%"
    )
    for detect in (3.0, 5.0, 10.0):
        for power in (0.8, 0.9):
            goal, law = f"{100 * power:g}%", f"wins and losses, {detect:g} points"
            n = plan(detect, power=power).prompts
            yield Cell("plan, power", law, f"n = {n:,}", _planned(detect, n), 0, goal)
    for correlation in (0.2, 0.6):
        run, n = _piloted(correlation)
        law = f"5 points, both orders, correlation {correlation}"
        yield Cell("plan, power", law, f"n = {n:,}", run, goal="90%")
    for law, n in (("wins and losses", 30), ("wins and losses", 100), ("50% ties", 100)):
        yield Cell("paired difference", law, f"n = {n}", _paired(law, n))
    for graded in (False, True):
        for n in (100, 300):
            law = "graded" if graded else "wins and losses"
            yield Cell("length-controlled", law, f"n = {n}", _length_controlled(n, graded))
    for name, per_prompt, tied, spread, circular in (
        ("Bradley-Terry with 20% ties", 1, 0.2, 0.0, 0.0),
        ("Bradley-Terry, prompts of 6 rows that agree", 6, 0.0, 1.0, 0.0),
        ("not Bradley-Terry: circular", 1, 0.0, 0.0, 1.0),
        ("not Bradley-Terry: circular, prompts of 6 rows", 6, 0.2, 0.5, 1.0),
    ):
        size = "6 contenders, 600 rows"
        yield Cell("bt, sandwich", name, size, _ratings(per_prompt, tied, spread, circular))
    for n in (30, 100):
        run = _exact(n, "bootstrap")
        yield Cell("win rate, bootstrap", "wins and losses", f"n = {n}", run, 0)
    yield Cell("win rate, bootstrap", "graded", "n = 100", _bootstrapped("graded", 100), 2000)
    run = _ratings(1, 0.0, 0.0, 1.0, bootstrap=True)
    yield Cell("bt, bootstrap", "not Bradley-Terry: circular", "6 contenders, 600 rows", run, 1000)


def _exact(n: int, kind: str) -> Run:
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
    from winsome.standings.battles import outcome_of

    rows = len(share)
    zeros = np.zeros(rows, np.int32)
    return Battles(("x", "base"), zeros, zeros + 1, share, outcome_of(share), np.ones(rows))


def _held(p: Floats, means: list[ClusteredMean]) -> Floats:
    """The tally of score intervals, one a mean."""
    limits = np.array([score_interval(mean) for mean in means])
    few = np.array([mean.few_clusters for mean in means], np.float64)
    held = ((limits[:, 0] <= p) & (p <= limits[:, 1])).astype(np.float64)
    return tallied(p, held, few, np.zeros(len(p)))


def _mean(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p, each, ones = laws.rates(rng, experiments), np.arange(n, dtype=np.int32), np.ones(n)
        return _held(p, [clustered_mean(share, ones, each) for share in laws.shares(rng, law, p, n)])

    return run


def _clustered(law: str, clusters: int, correlation: float) -> Run:
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


def _sequential(law: laws.Share, truth: float | None) -> Run:
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


def _planned(detect: float, n: int) -> Run:
    def run(rng: np.random.Generator, _: int) -> Floats:
        above = np.array([_of_wins(wins, n, "score")[0] > 0.5 for wins in range(n + 1)])
        truth = np.array([0.5 + detect / 100.0])
        return tallied(truth, binomial(n, truth) @ above, np.zeros(1), np.zeros(1))

    return run


def _piloted(correlation: float) -> tuple[Run, int]:
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


def _paired(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, 2 * experiments).reshape(-1, 2)
        drawn = laws.paired(rng, law, p, n)
        found = [paired_difference(laws.pair_of_contenders(s), "x", "y", baseline="base") for s in drawn]
        truth = 100.0 * (p[:, 0] - p[:, 1])
        held = np.array(
            [f.low <= t <= f.high for f, t in zip(found, truth.tolist(), strict=True)], np.float64
        )
        few = np.array([f.few_clusters for f in found], np.float64)
        # The band is that of the difference as a share.
        return tallied((1.0 + truth / 100.0) / 2.0, held, few, np.zeros(experiments))

    return run


def _length_controlled(n: int, graded: bool) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        held, few, none = np.zeros(experiments), np.zeros(experiments), np.zeros(experiments)
        for k, truth in enumerate(p.tolist()):
            found = laws.with_lengths(rng, truth, n, graded)
            row = length_controlled(found, baseline="base", baseline_row=False).row("x")
            none[k], few[k] = row.low is None, row.few_clusters
            held[k] = row.low is not None and row.low <= 100 * truth <= (row.high or 0.0)
        return _without(tallied(p, held, few, none))

    return run


def _without(tally: Floats) -> Floats:
    """The tally of those experiments that have a figure."""
    return tally - np.eye(len(COLUMNS))[0] * tally[:, 4:5]


def _bootstrapped(law: laws.Share, n: int) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        p = laws.rates(rng, experiments)
        held, few = np.zeros(experiments), np.zeros(experiments)
        for k, share in enumerate(laws.shares(rng, law, p, n)):
            row = win_rate(
                _plain(share), baseline="base", interval="bootstrap", replicates=REPLICATES, seed=k
            ).row("x")
            held[k] = (row.low or 0.0) <= 100 * p[k] <= (row.high or 0.0)
            few[k] = row.few_clusters
        return tallied(p, held, few, np.zeros(experiments))

    return run


def _ratings(per_prompt: int, tied: float, spread: float, circular: float, bootstrap: bool = False) -> Run:
    def run(rng: np.random.Generator, experiments: int) -> Floats:
        held = np.zeros(experiments)
        kind: Literal["bootstrap", "sandwich"] = "bootstrap" if bootstrap else "sandwich"
        for k in range(experiments):
            chance = laws.chances(rng, 6, circular)
            truth = 1000.0 + ARENA * laws.expected(chance, tied, spread)
            found = laws.arena(rng, chance, 600, per_prompt, tied, spread)
            rows = bradley_terry(found, interval=kind, replicates=300, seed=k)
            named = {row.contender: row for row in rows.rows}
            inside = [
                (named[f"m{c}"].low or 0.0) <= t <= (named[f"m{c}"].high or 0.0)
                for c, t in enumerate(truth.tolist())
            ]
            held[k] = sum(inside) / len(inside)
        return tallied(np.full(experiments, 0.5), held, np.zeros(experiments), np.zeros(experiments))

    return run


__all__ = ["COLUMNS", "EDGES", "Cell", "always_inside", "binomial", "cells", "tallied"]
