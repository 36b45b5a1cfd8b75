"""The cells of the coverage table: each interval of the package under each law, by simulation or by exact enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import coverage_runs as runs
from benchmarks.coverage_runs import FORMULAS, Run
from winsome.standings import plan

ENDLESS = 10**9
UNEVEN, EVEN = "1 to 50, one at 20%", "4 each"


@dataclass(frozen=True)
class Cell:
    """interval: what is measured; law and size: on what. most: experiments at most, 0 for exact enumeration.

    goal: "95%" coverage, "at least 95%", or a power in per cent that is promised.
    """

    interval: str
    law: str
    size: str
    run: Run
    most: int = ENDLESS
    goal: str = "95%"

    @property
    def name(self) -> str:
        return f"{self.interval} / {self.law} / {self.size}"


def cells() -> Iterator[Cell]:
    """All cells, cheap ones first."""
    for n in (10, 20, 30, 50, 100, 300):
        for kind in FORMULAS:
            yield Cell(f"win rate, {kind}", "wins and losses", f"n = {n}", runs.exact(n, kind), 0)
    for law in ("20% ties", "50% ties", "graded"):
        for n in (30, 100, 300):
            yield Cell("win rate, score", law, f"n = {n}", runs.mean_of(law, n))
    for sizes in (UNEVEN, EVEN):
        for clusters in (30, 100):
            for correlation in (0.1, 0.5, 0.9):
                law = f"{sizes}; correlation {correlation}"
                run = runs.clustered(sizes, clusters, correlation)
                yield Cell("clustered, score", law, f"{clusters} prompts", run)
    for law in ("wins and losses", "graded", "50% ties"):
        yield Cell(
            "sequential, every look", law, "500 prompts", runs.sequential(law, None), goal="at least 95%"
        )
    null = runs.sequential("wins and losses", 0.5)
    yield Cell(
        "sequential, every look", "wins and losses, truth 50%", "500 prompts", null, goal="at least 95%"
    )
    for detect in (3.0, 5.0, 10.0):
        for power in (0.8, 0.9):
            goal, law = f"{100 * power:g}%", f"wins and losses, {detect:g} points"
            n = plan(detect, power=power).prompts
            yield Cell("plan, power", law, f"n = {n:,}", runs.planned(detect, n), 0, goal)
    for correlation in (0.2, 0.6):
        run, n = runs.piloted(correlation)
        law = f"5 points, both orders, correlation {correlation}"
        yield Cell("plan, power", law, f"n = {n:,}", run, goal="90%")
    for law, n in (("wins and losses", 30), ("wins and losses", 100), ("50% ties", 100)):
        yield Cell("paired difference", law, f"n = {n}", runs.paired(law, n))
    for sizes, clusters in ((UNEVEN, 30), (UNEVEN, 100), (EVEN, 30), (EVEN, 100)):
        run = runs.paired_clustered(sizes, clusters, 0.5)
        yield Cell("paired difference", f"{sizes}; correlation 0.5", f"{clusters} prompts", run)
    for graded in (False, True):
        for n in (100, 300):
            law = "graded" if graded else "wins and losses"
            run = runs.length_control("1 each", n, graded=graded)
            yield Cell("length-controlled", law, f"n = {n}", run)
    for sizes in (UNEVEN, EVEN):
        run = runs.length_control(sizes, 100, 0.5)
        yield Cell("length-controlled", f"{sizes}; correlation 0.5", "100 prompts", run)
    yield from _rating_cells()
    for n in (30, 100):
        run = runs.exact(n, "bootstrap")
        yield Cell("win rate, bootstrap", "wins and losses", f"n = {n}", run, 0)
    yield Cell("win rate, bootstrap", "graded", "n = 100", runs.bootstrapped("graded", 100))
    for sizes in (UNEVEN, EVEN):
        run = runs.bootstrapped_clusters(sizes, 100, 0.5)
        yield Cell("win rate, bootstrap", f"{sizes}; correlation 0.5", "100 prompts", run)
    for kind in ("bootstrap", "bayes"):
        run = runs.ratings("1 each", 600, circular=1.0, interval=kind)
        size = "6 contenders, 600 rows"
        yield Cell(f"bt, {kind}", "not Bradley-Terry: circular", size, run)


def _rating_cells() -> Iterator[Cell]:
    """Ratings of six contenders: ties, prompts of several rows that hang together, and truths that are not Bradley-Terry."""
    few, many = "6 contenders, 600 rows", "6 contenders, 100 prompts"
    yield Cell("bt, sandwich", "20% ties", few, runs.ratings("1 each", 600, tied=0.2))
    yield Cell("bt, sandwich", "6 rows a prompt", few, runs.ratings("6 each", 100, spread=1.0))
    yield Cell("bt, sandwich", UNEVEN, many, runs.ratings(UNEVEN, 100, tied=0.2, spread=0.5))
    circular = "not Bradley-Terry: circular"
    yield Cell("bt, sandwich", circular, few, runs.ratings("1 each", 600, circular=1.0))
    run = runs.ratings("6 each", 100, tied=0.2, spread=0.5, circular=1.0)
    yield Cell("bt, sandwich", f"{circular}, 6 rows a prompt", few, run)
    run = runs.ratings(UNEVEN, 100, tied=0.2, spread=0.5, circular=1.0)
    yield Cell("bt, sandwich", f"{circular}, {UNEVEN}", many, run)
