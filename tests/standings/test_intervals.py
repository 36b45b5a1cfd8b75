"""The one interval: against Wilson's in closed form, at the edges, and its coverage by enumeration and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, t

from winsome.standings.columns import Floats
from winsome.standings.intervals import (
    ClusteredMean,
    bayes_interval,
    clustered_mean,
    clustered_quantile,
    score_interval,
    score_p_value,
    t_quantile,
    wald_interval,
    wilson,
)


def mean_of(shares: list[float] | Floats, cluster: list[int] | None = None) -> ClusteredMean:
    share = np.asarray(shares, np.float64)
    codes = np.arange(len(share)) if cluster is None else np.array(cluster)
    return clustered_mean(share, np.ones(len(share)), codes.astype(np.int32))


def test_without_clusters_it_is_wilson_on_one_row_less() -> None:
    found = score_interval(mean_of([1.0] * 7 + [0.0] * 13))
    n, q = 19, t.ppf(0.975, 19)
    centre, spread = 0.35 + q * q / (2 * n), q * math.sqrt(0.35 * 0.65 / n + q * q / (4 * n * n))
    assert found == pytest.approx(((centre - spread) / (1 + q * q / n), (centre + spread) / (1 + q * q / n)))


def test_standard_error_of_single_rows_is_the_textbook_one() -> None:
    shares = np.random.default_rng(0).random(50)
    assert mean_of(shares).standard_error == pytest.approx(shares.std(ddof=1) / math.sqrt(50), rel=1e-12)


def test_cluster_variance_by_hand() -> None:
    # Two rows in cluster 0 (weight 1/2), one each in 1 and 2; mean 1/2; sums of residuals (1, -1/2, -1/2) / 4.
    found = mean_of([1.0, 1.0, 0.0, 0.0], [0, 0, 1, 2])
    assert found.variance == pytest.approx(0.25**2 / 0.5 + 2 * 0.125**2 / 0.75)
    assert found.df == pytest.approx(1 / (0.25 + 2 / 16) - 1)
    assert found.n == 3


@pytest.mark.parametrize(
    "shares", [[1.0], [0.0], [0.5], [1.0] * 3, [0.0] * 100, [0.5] * 10, [0.3] * 10, [1.0, 0.5]], ids=str
)
def test_no_edge_has_zero_width_or_leaves_the_range(shares: list[float]) -> None:
    mean = mean_of(shares)
    low, high = score_interval(mean)
    assert 0.0 <= low <= mean.mean <= high <= 1.0
    assert high - low > 0.01
    assert mean.few_clusters


def test_one_cluster_knows_nothing() -> None:
    mean = mean_of([1.0, 0.0, 1.0], [0, 0, 0])
    assert score_interval(mean) == (0.0, 1.0)
    assert score_p_value(mean) == 1.0
    assert math.isnan(mean.standard_error)


def test_wald_is_mean_and_normal_quantile() -> None:
    mean = mean_of([1.0] * 30 + [0.0] * 70)
    low, high = wald_interval(mean)
    assert (low + high) / 2 == pytest.approx(0.3)
    assert (high - low) / 2 == pytest.approx(1.959963984540054 * mean.standard_error)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=40))
def test_mirror_and_p_value_agree_with_the_interval(rows: list[tuple[float, int]]) -> None:
    shares, clusters = np.array([s for s, _ in rows]), [c for _, c in rows]
    mean, mirror = mean_of(shares, clusters), mean_of(1 - shares, clusters)
    low, high = score_interval(mean)
    assert score_interval(mirror) == pytest.approx((1 - high, 1 - low), abs=1e-7)
    p_value = score_p_value(mean)
    if abs(p_value - 0.05) > 1e-6:
        assert (p_value < 0.05) == (low > 0.5 or high < 0.5)
    bayes = bayes_interval(mean)
    assert 0 <= bayes[0] < bayes[1] <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=2, max_size=30), st.integers(2, 4))
def test_copies_under_the_same_prompts_change_nothing(rows: list[tuple[float, int]], k: int) -> None:
    shares, clusters = [s for s, _ in rows], [c for _, c in rows]
    once, often = mean_of(shares, clusters), mean_of(shares * k, clusters * k)
    assert often.mean == pytest.approx(once.mean, abs=1e-12)
    assert often.residuals @ often.residuals == pytest.approx(
        once.residuals @ once.residuals, rel=1e-9, abs=1e-15
    )
    assert often.residuals.tolist() == pytest.approx(once.residuals.tolist(), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=2, max_size=30), st.integers(2, 4))
def test_copies_under_new_prompts_divide_the_sandwich(rows: list[tuple[float, int]], k: int) -> None:
    shares, clusters = [s for s, _ in rows], [c for _, c in rows]
    once = mean_of(shares, clusters)
    often = mean_of(shares * k, [c + 10 * copy for copy in range(k) for c in clusters])
    assert often.residuals @ often.residuals * k == pytest.approx(
        once.residuals @ once.residuals, rel=1e-9, abs=1e-15
    )


def binomial_coverage(n: int, p: float) -> float:
    """Exact coverage of the interval for wins of n independent rows."""
    wins = np.arange(n + 1)
    limits = [score_interval(mean_of([1.0] * int(w) + [0.0] * int(n - w))) for w in wins]
    covered = np.array([low <= p <= high for low, high in limits])
    return float(binom.pmf(wins, n, p) @ covered)


@pytest.mark.parametrize("n", [30, 100])
def test_binomial_coverage_by_enumeration(n: int) -> None:
    grid = np.linspace(0.02, 0.98, 97)
    cells = np.array([binomial_coverage(n, p) for p in grid])
    assert 0.94 <= cells.mean() <= 0.965
    assert cells[(grid >= 0.1) & (grid <= 0.9)].min() >= 0.92


def clustered_coverage(
    rng: np.random.Generator, clusters: int, p: float, correlation: float, experiments: int
) -> float:
    """Coverage over clusters of 1 to 50 rows, one of which holds 20% of all, with beta-binomial wins."""
    covered = 0
    for _ in range(experiments):
        sizes = rng.integers(1, 51, clusters)
        sizes[0] = max(1, round(sizes[1:].sum() / 4))
        spread = (1 - correlation) / correlation if correlation else 0.0
        chances = rng.beta(p * spread, (1 - p) * spread, clusters) if correlation else np.full(clusters, p)
        shares = rng.binomial(sizes, chances) / sizes
        # A cluster's rows enter by their mean and weight, which leaves mean and residuals what they are.
        mean = clustered_mean(shares, sizes.astype(np.float64), np.arange(clusters, dtype=np.int32))
        low, high = score_interval(mean)
        covered += low <= p <= high
    return covered / experiments


def test_clustered_coverage_is_near_nominal() -> None:
    rng = np.random.default_rng(1)
    cells = [clustered_coverage(rng, 50, p, rho, 300) for p in (0.2, 0.5, 0.7) for rho in (0.1, 0.5)]
    assert 0.935 <= float(np.mean(cells)) <= 0.975
    assert min(cells) >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [30, 100])
def test_clustered_coverage_in_full(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    cells = {
        (p, rho): clustered_coverage(rng, clusters, p, rho, 4000)
        for p in (0.1, 0.3, 0.5, 0.7, 0.9)
        for rho in (0.0, 0.1, 0.5)
    }
    assert 0.94 <= float(np.mean(list(cells.values()))) <= 0.965
    # 30 clusters, one with 20% of the rows, are 15 effective ones: there the figure carries its warning.
    assert min(cells.values()) >= (0.92 if clusters == 100 else 0.89), cells


def test_a_quantile_without_freedom_is_infinite() -> None:
    assert t_quantile(0.0, 0.95) == math.inf
    assert wilson(0.3, 0.0, 2.0) == (0.0, 1.0)


def test_ratings_reach_as_far_as_students_law_for_equal_clusters_and_farther_for_unequal_ones() -> None:
    four_each = np.repeat(np.arange(12, dtype=np.int32), 4)
    wanted = t.ppf(0.975, 11) * np.sqrt(12 / 11)
    assert clustered_quantile(four_each, np.ones(48), 0.95) == pytest.approx(wanted)
    assert clustered_quantile(four_each, np.full(48, 1e9), 0.95) == pytest.approx(wanted)
    assert clustered_quantile(None, np.ones(48), 0.95) == pytest.approx(norm.ppf(0.975))
    assert clustered_quantile(np.zeros(48, np.int32), np.ones(48), 0.95) == pytest.approx(norm.ppf(0.975))
    uneven = np.concatenate([np.zeros(10, np.int32), four_each[:40] + 1])
    share = np.array([10, *[4] * 10]) / 50
    stretch = np.sqrt((share**2 / (1 - share)).sum() / (share**2).sum())
    degrees = 1 / (share**2).sum() - 1
    assert clustered_quantile(uneven, np.ones(50), 0.95) == pytest.approx(stretch * t.ppf(0.975, degrees))
