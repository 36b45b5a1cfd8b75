"""Intervals of a mean of shares over clusters: one score formula, and the ones that peers use beside it.

A share lies in [0, 1], rows of one cluster (a prompt) depend on each other, clusters do not. With w_g the cluster's share
of the total weight and r_g its weighted mean residual, the mean m has variance

    v = sum_g (w_g r_g)^2 / (1 - w_g),    n_eff = m (1 - m) / v   (v = 0: the number of clusters),

and the interval is the set of p with (m - p)^2 <= t^2 p (1 - p) / n_eff, t the Student quantile with
1 / sum_g w_g^2 - 1 degrees of freedom. Where every cluster is one row, v is the textbook s^2 / n, and
without ties the interval is Wilson's, but for n - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints, counts, dense, sums
from winsome.standings.laws import normal_quantile, student_quantile, student_tails

IntervalKind = Literal["sandwich", "wald", "bootstrap", "bayes"]
KINDS: tuple[IntervalKind, ...] = ("sandwich", "wald", "bootstrap", "bayes")

FEW_CLUSTERS = 20
"""Below this many effective clusters (1 / sum w^2) coverage can fall under 92%."""

FEW_RARE = 5
"""With the rarer outcome in fewer clusters than this, their spread says little about the variance."""


@dataclass(frozen=True, eq=False)
class ClusteredMean:
    """A mean of shares with what its variance needs.

    mean: in [0, 1]. clusters: codes of the clusters that entered, ascending. weights: their shares of the total weight,
    sum 1. residuals: sum over a cluster's rows of weight share x (share - mean), so they sum to 0.
    rarer: how many clusters hold the rarer of the outcomes "more than a half" and "less than a half".
    """

    mean: float
    clusters: Ints
    weights: Floats
    residuals: Floats
    rarer: int

    @property
    def n(self) -> int:
        return len(self.weights)

    @property
    def scaled(self) -> Floats:
        """The residuals over sqrt(1 - w_g), [clusters]; their squares sum to the variance v; 0 for one cluster."""
        if self.n < 2:
            return np.zeros(self.n)
        return self.residuals / np.sqrt(1.0 - self.weights)

    @property
    def variance(self) -> float:
        return float(self.scaled @ self.scaled)

    @property
    def standard_error(self) -> float:
        """sqrt(v): std(ddof=1) / sqrt(n) where every cluster is one row; NaN for one cluster."""
        return math.sqrt(self.variance) if self.n > 1 else math.nan

    @property
    def effective_clusters(self) -> float:
        return 1.0 / float(self.weights @ self.weights)

    @property
    def df(self) -> float:
        """Degrees of freedom; rounding must not leave a single cluster with a positive one."""
        return max(0.0, self.effective_clusters - 1.0) if self.n > 1 else 0.0

    @property
    def n_effective(self) -> float:
        """How many independent wins and losses would know the mean as well as these clusters do."""
        spread, variance = self.mean * (1.0 - self.mean), self.variance
        return float(self.n) if variance <= 1e-18 or spread <= 0 else spread / variance

    @property
    def few_clusters(self) -> bool:
        """Whether coverage is in doubt: few effective clusters, or the rarer outcome in few of them."""
        return self.effective_clusters < FEW_CLUSTERS - 1e-9 or self.rarer < FEW_RARE


def clustered_mean(
    share: Floats, weight: Floats, cluster: Ints, stratum: Ints | None = None
) -> ClusteredMean:
    """The mean of `share` [rows] with its residuals by cluster; over strata it is the mean of their means.

    weight: positive [rows]; cluster: codes [rows]; stratum: codes [rows], the opponent as a rule, each stratum counts 1.
    """
    part, parts = (np.zeros(len(share), np.int32), 1) if stratum is None else dense(stratum)
    totals = sums(part, weight, parts)
    means = sums(part, weight * share, parts) / totals
    row_weight = weight / totals[part] / parts
    local, clusters = dense(cluster)
    first = np.empty(clusters, np.int32)
    first[local] = cluster
    above = counts(local[share > 0.5], clusters) > 0
    below = counts(local[share < 0.5], clusters) > 0
    return ClusteredMean(
        mean=min(1.0, max(0.0, float(means.mean()))),
        clusters=first,
        weights=sums(local, row_weight, clusters),
        residuals=sums(local, row_weight * (share - means[part]), clusters),
        rarer=int(min(above.sum(), below.sum())),
    )


def score_interval(mean: ClusteredMean, level: float = 0.95) -> tuple[float, float]:
    """(low, high) of the mean in [0, 1] by the formula above; (0, 1) for one cluster, never of zero width."""
    return wilson(mean.mean, mean.n_effective, t_quantile(mean.df, level))


def wald_interval(mean: ClusteredMean, level: float = 0.95) -> tuple[float, float]:
    """(low, high) = mean -+ z standard errors, as most peers print it; may leave [0, 1] and have no width."""
    half = -normal_quantile((1.0 - level) / 2.0) * mean.standard_error
    return mean.mean - half, mean.mean + half


def bayes_interval(mean: ClusteredMean, level: float = 0.95) -> tuple[float, float]:
    """(low, high), the central quantiles of Beta(m n + 1/2, (1 - m) n + 1/2), Jeffreys' prior and n = n_eff.

    Where all is won or lost the interval reaches to that end. Source: Brown, Cai and DasGupta 2001, section 3.1.
    """
    from scipy.special import betaincinv

    wins, losses = mean.mean * mean.n_effective + 0.5, (1.0 - mean.mean) * mean.n_effective + 0.5
    tail = (1.0 - level) / 2.0
    low, high = float(betaincinv(wins, losses, tail)), float(betaincinv(wins, losses, 1.0 - tail))
    return 0.0 if mean.mean <= 0.0 else low, 1.0 if mean.mean >= 1.0 else high


def wilson(mean: float, n: float, quantile: float) -> tuple[float, float]:
    """The roots p of (mean - p)^2 = quantile^2 p (1 - p) / n; (0, 1) where n is 0 or the quantile infinite."""
    q = math.inf if n <= 0 else quantile * quantile / n
    if not math.isfinite(q):
        return 0.0, 1.0
    centre = (mean + q / 2) / (1 + q)
    half = math.sqrt(max(0.0, q * mean * (1 - mean) + q * q / 4)) / (1 + q)
    return max(0.0, centre - half), min(1.0, centre + half)


def t_quantile(df: float, level: float) -> float:
    """The two-sided Student quantile; infinite without degrees of freedom."""
    if df <= 0:
        return math.inf
    return student_quantile(df, (1.0 + level) / 2.0)


def clustered_quantile(cluster: Ints | None, weight: Floats, level: float) -> float:
    """How many sandwich errors an interval reaches to both sides; cluster: codes [rows], None for independent rows.

    The errors of few or unequal clusters are too small and vary: as in the formula above residuals count 1 / (1 - w_g) and
    the quantile is Student's. The errors themselves stay those of the sandwich. Normal for independent rows, and for one cluster, of
    which the residuals say nothing.
    """
    normal = -normal_quantile((1.0 - level) / 2.0)
    if cluster is None:
        return normal
    totals = sums(cluster, weight / weight.max(), int(cluster.max()) + 1)
    share = totals[totals > 0] / totals.sum()
    if len(share) < 2:
        return normal
    squares = float(share @ share)
    stretch = math.sqrt(float((share**2 / (1.0 - share)).sum()) / squares)
    return stretch * t_quantile(1.0 / squares - 1.0, level)


def score_p_value(mean: ClusteredMean, null: float = 0.5) -> float:
    """Two-sided p value of "the mean is `null`": below 1 - level exactly where the score interval excludes it."""
    if mean.df <= 0:
        return 1.0
    t = abs(mean.mean - null) / math.sqrt(null * (1.0 - null) / mean.n_effective)
    return student_tails(mean.df, t)


def check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise BadInput(f"level {level} is not between 0 and 1; give 0.95 for 95%")
