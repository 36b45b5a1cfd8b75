"""Agreement of raters: accuracy, Cohen's and Fleiss' kappa, Krippendorff's alpha, each with an interval over clusters.

Every coefficient is a function of sums over clusters (prompts), so its error comes from leaving each cluster out in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints, dense, sums
from winsome.standings.intervals import FEW_CLUSTERS, check_level, clustered_mean, score_interval, t_quantile

Weights = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its interval; n: clusters, items: what was rated. accuracy lies in [0, 1], the others in [-1, 1].

    few_clusters: too few effective clusters for the interval to be trusted; a warning says how many.
    """

    coefficient: str
    estimate: float
    standard_error: float
    low: float
    high: float
    n: int
    items: int
    warnings: tuple[str, ...] = ()
    few_clusters: bool = False

    def payload(self) -> dict[str, Any]:
        values = {
            "coefficient": self.coefficient,
            "n": self.n,
            "items": self.items,
            "warnings": list(self.warnings),
        }
        figures = {name: getattr(self, name) for name in ("estimate", "standard_error", "low", "high")}
        return values | {name: value if math.isfinite(value) else None for name, value in figures.items()}


def accuracy(first: Ints, second: Ints, cluster: Ints | None = None, *, level: float = 0.95) -> Agreement:
    """How often two columns of codes [rows] are equal, with the score interval; a row is a pair of ratings."""
    codes = _codes(first, second, cluster)
    check_level(level)
    mean = clustered_mean((first == second).astype(np.float64), np.ones(len(first)), codes)
    low, high = score_interval(mean, level)
    figures = mean.mean, mean.standard_error, low, high, mean.n, len(first)
    return Agreement("accuracy", *figures, *_few(mean.effective_clusters, mean.n))


def cohen_kappa(
    first: Ints,
    second: Ints,
    cluster: Ints | None = None,
    *,
    categories: int | None = None,
    weights: Weights = "none",
    level: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two raters' codes [rows]; linear and quadratic weights take the codes as ordered.

    Source: Cohen 1960, 1968. NaN where both raters always give one and the same label.
    """
    codes = _codes(first, second, cluster)
    size = int(max(first.max(), second.max())) + 1 if categories is None else categories
    distance = _distance(size, weights)
    cell = first.astype(np.int64) * size + second
    tables = _by_cluster(codes, cell, np.ones(len(cell)), size * size)

    def kappa(totals: Floats) -> Floats:
        table = totals.reshape(-1, size, size)
        observed = (table * distance).sum((1, 2))
        chance = np.einsum("gi,ij,gj->g", table.sum(2), distance, table.sum(1)) / table.sum((1, 2))
        return 1.0 - observed / chance

    rows = np.bincount(codes)
    return _jackknifed("cohen kappa", tables, kappa, rows.astype(np.float64), len(first), level)


def fleiss_kappa(
    ratings: Floats,
    cluster: Ints | None = None,
    *,
    chance: Literal["marginal", "uniform"] = "marginal",
    level: float = 0.95,
) -> Agreement:
    """Fleiss' kappa of `ratings` [items, categories], how many raters gave each item each category.

    chance: agreement by the raters' own frequencies, or uniform (Randolph 2005). Items with fewer than two ratings are left
    out; with unequal numbers an item counts once. Source: Fleiss 1971.
    """
    kept = ratings.sum(1) >= 2
    codes = _item_clusters(cluster, kept)
    table = ratings[kept]
    raters = table.sum(1)
    agreed = ((table * table).sum(1) - raters) / (raters * (raters - 1.0))
    columns = np.concatenate([np.ones((len(table), 1)), agreed[:, None], table], axis=1)
    totals = np.stack([sums(codes, column, int(codes.max()) + 1) for column in columns.T], axis=1)

    def kappa(totals: Floats) -> Floats:
        shares = totals[:, 2:] / totals[:, 2:].sum(1, keepdims=True)
        expected = (shares * shares).sum(1) if chance == "marginal" else 1.0 / ratings.shape[1]
        return (totals[:, 1] / totals[:, 0] - expected) / (1.0 - expected)

    return _jackknifed(
        "fleiss kappa", totals, kappa, np.bincount(codes).astype(np.float64), len(table), level
    )


def krippendorff_alpha(
    ratings: Floats,
    cluster: Ints | None = None,
    *,
    values: Floats | None = None,
    level: float = 0.95,
) -> Agreement:
    """Krippendorff's alpha of `ratings` [items, categories], counts as in `fleiss_kappa`; missing ratings are allowed.

    Nominal; with `values` [categories] the interval metric, squared differences of the values. Source: Krippendorff 2011.
    """
    kept = ratings.sum(1) >= 2
    codes = _item_clusters(cluster, kept)
    table = ratings[kept]
    size = table.shape[1]
    distance = _distance(size, "none") if values is None else (values[:, None] - values[None, :]) ** 2
    raters = table.sum(1)
    disagreed = np.einsum("ui,ij,uj->u", table, distance, table) / (raters - 1.0)
    columns = np.concatenate([disagreed[:, None], table], axis=1)
    totals = np.stack([sums(codes, column, int(codes.max()) + 1) for column in columns.T], axis=1)

    def alpha(totals: Floats) -> Floats:
        marginal = totals[:, 1:]
        count = marginal.sum(1)
        expected = np.einsum("gi,ij,gj->g", marginal, distance, marginal) / (count - 1.0)
        return 1.0 - totals[:, 0] / expected

    return _jackknifed(
        "krippendorff alpha", totals, alpha, np.bincount(codes).astype(np.float64), len(table), level
    )


def pairwise_agreement(ratings: Floats, cluster: Ints | None = None, *, level: float = 0.95) -> Agreement:
    """How often two different raters of an item agree, over all pairs of `ratings` [items, categories]: the ceiling."""
    kept = ratings.sum(1) >= 2
    codes = _item_clusters(cluster, kept)
    table = ratings[kept]
    raters = table.sum(1)
    pairs = raters * (raters - 1.0) / 2.0
    agreed = (table * (table - 1.0)).sum(1) / 2.0 / pairs
    mean = clustered_mean(agreed, pairs, codes)
    low, high = score_interval(mean, level)
    figures = mean.mean, mean.standard_error, low, high, mean.n, len(table)
    return Agreement("agreement of two raters", *figures, *_few(mean.effective_clusters, mean.n))


def rating_counts(item: Ints, category: Ints, items: int, categories: int) -> Floats:
    """[items, categories] how many ratings, given one a row by codes, each item has of each category."""
    return sums(
        item.astype(np.int64) * categories + category, np.ones(len(item)), items * categories
    ).reshape(items, categories)


def _jackknifed(
    name: str, totals: Floats, coefficient: Callable[[Floats], Floats], size: Floats, items: int, level: float
) -> Agreement:
    """The coefficient of the summed `totals` [clusters, q] with a Student interval from leaving each cluster out."""
    check_level(level)
    clusters = len(totals)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(coefficient(totals.sum(0, keepdims=True))[0])
        left_out = coefficient(totals.sum(0, keepdims=True) - totals)
    share = size / size.sum()
    effective = 1.0 / float(share @ share)
    notes, few = _few(effective, clusters)
    if not math.isfinite(estimate):
        notes = (*notes, f"{name} is not defined: every rating is the same")
        return Agreement(name, math.nan, math.nan, math.nan, math.nan, clusters, items, notes, few)
    usable = left_out[np.isfinite(left_out)]
    spread = (
        float(((usable - estimate) ** 2).sum()) * (clusters - 1) / clusters
        if len(usable) == clusters > 1
        else 0.0
    )
    if spread <= 1e-18:
        notes = (
            *notes,
            f"{name} has no spread over {clusters} clusters: the interval is that of one more disagreement",
        )
        figures = estimate, math.nan, _rule_of_three(estimate, clusters, level), 1.0
        return Agreement(name, *figures, clusters, items, notes, few)
    error = math.sqrt(spread)
    reach = t_quantile(effective - 1.0, level) * error
    low, high = max(-1.0, estimate - reach), min(1.0, estimate + reach)
    return Agreement(name, estimate, error, low, high, clusters, items, notes, few)


def _rule_of_three(estimate: float, clusters: int, level: float) -> float:
    """A lower end where nothing varied: agreement lost at the rate that `clusters` agreeing ones cannot exclude."""
    missed = 1.0 - (1.0 - level) ** (1.0 / clusters)
    return max(-1.0, estimate - 2.0 * missed)


def _by_cluster(codes: Ints, cell: np.ndarray[Any, np.dtype[np.int64]], values: Floats, cells: int) -> Floats:
    clusters = int(codes.max()) + 1
    return sums(codes.astype(np.int64) * cells + cell, values, clusters * cells).reshape(clusters, cells)


def _distance(size: int, weights: Weights) -> Floats:
    step = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    return (
        step if weights == "linear" else step**2 if weights == "quadratic" else (step > 0).astype(np.float64)
    )


def _codes(first: Ints, second: Ints, cluster: Ints | None) -> Ints:
    if len(first) == 0:
        raise BadInput("agreement of no ratings; give at least one item that both rated")
    if len(first) != len(second):
        raise BadInput(
            f"agreement of {len(first)} ratings with {len(second)}; give both raters' label of each item"
        )
    return np.arange(len(first), dtype=np.int32) if cluster is None else dense(cluster)[0]


def _item_clusters(cluster: Ints | None, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> Ints:
    if not kept.any():
        raise BadInput("no item has two ratings; agreement needs at least one")
    return np.arange(int(kept.sum()), dtype=np.int32) if cluster is None else dense(cluster[kept])[0]


def _few(effective: float, clusters: int) -> tuple[tuple[str, ...], bool]:
    """The warning on few effective clusters where it holds, and whether it does."""
    if effective >= FEW_CLUSTERS:
        return (), False
    return (f"few effective clusters ({effective:.1f} of {clusters}): the interval is rough",), True
