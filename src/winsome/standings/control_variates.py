"""Control variates: the human win rate from few human labels and a cheap judge's score of every pair.

Of N pairs all have a synthetic score s and n, drawn at random, a human label y. With f = n / N and rho = corr(y, s)

    theta = mean_n(y) - alpha (mean_n(s) - mean_N(s)),    alpha = Cov(y, s) / Var(s)

has the human mean as its expectation whatever s is, and a smaller variance the more s says about y:

    prompts beyond these N ("population"):  Var(theta) = Var(y) / n (1 - rho^2 (1 - f))
    exactly these N pairs ("pairs"):        Var(theta) = S_y^2 / n (1 - f) (1 - rho^2)

Several judges at once are the same with alpha a vector, the coefficients of least squares. An alpha estimated from the labels that it
corrects costs a bias of order 1 / n; cross-fitting takes it away: each cluster's alpha comes from all others, and what that
leaves to estimate is the rest of the population. Source: Zhou et al. 2025, "Accelerating Unbiased LLM Evaluation via Synthetic
Feedback", section 4; Angelopoulos et al. 2023 for lambda = alpha.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints, dense, sums
from winsome.standings.intervals import check_level, t_quantile, wilson

Target = Literal["population", "pairs"]
Alpha = Literal["cross-fit", "optimal"]

FEWEST, FEW = 4, 30
"""Labels below which there is no estimate, and below which it is warned of."""

FLAT = 1e-9
"""The part of a score's spread below which it counts as constant."""


quantile = functools.lru_cache(maxsize=1024)(t_quantile)
"""Resampling asks for the same one ten thousand times."""


@dataclass(frozen=True)
class Rate:
    """A mean of shares in [0, 1] with its interval."""

    estimate: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class ControlVariates:
    """The assisted figure, and beside it what people and the synthetic judges say alone. Shares lie in [0, 1].

    alpha: a coefficient a synthetic judge. rho2: squared (multiple) correlation of human labels and scores, with its interval; it is
    the share of labels saved where N is far above n. effective_labels: how many human labels alone would be as exact;
    saving: 1 - labels / effective_labels, what was saved at this n and N (below 0: the judges cost more than they brought).
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    human: Rate
    synthetic: tuple[float, ...]
    alpha: tuple[float, ...]
    rho2: float
    rho2_low: float
    rho2_high: float
    effective_labels: float
    saving: float
    labels: int
    pairs: int
    clusters: int
    variance: float
    target: Target
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2.0

    def payload(self) -> dict[str, Any]:
        return vars(self) | {"human": vars(self.human)}


@dataclass(frozen=True, eq=False)
class _Moments:
    """Sums over labelled rows: n, y, s [k], yy, sy [k], ss [k, k]; with a leading axis where there are several sets."""

    n: Floats
    y: Floats
    s: Floats
    yy: Floats
    sy: Floats
    ss: Floats

    @staticmethod
    def of(y: Floats, s: Floats, cluster: Ints, clusters: int) -> _Moments:
        def by(values: Floats) -> Floats:
            columns = values.reshape(len(values), -1).T
            return np.stack([sums(cluster, column, clusters) for column in columns], -1).reshape(
                clusters, *values.shape[1:]
            )

        return _Moments(
            by(np.ones(len(y))),
            by(y),
            by(s),
            by(y * y),
            by(y[:, None] * s),
            by(s[:, :, None] * s[:, None, :]),
        )

    def total(self) -> _Moments:
        return _Moments(*(part.sum(0, keepdims=True) for part in vars(self).values()))

    def without(self, part: _Moments) -> _Moments:
        return _Moments(
            *(mine - theirs for mine, theirs in zip(vars(self).values(), vars(part).values(), strict=True))
        )

    def fit(self, scale: Floats) -> tuple[Floats, Floats]:
        """Coefficients [sets, k] of least squares, and the (signed for k = 1) correlation of y with the fit [sets]."""
        n = self.n[:, None]
        covariance = (self.ss - self.s[:, :, None] * self.s[:, None, :] / n[:, :, None]) / (
            scale[:, None] * scale[None, :]
        )
        with_y = (self.sy - self.s * self.y[:, None] / n) / scale
        values, vectors = np.linalg.eigh(covariance)
        inverse = np.where(values > FLAT, 1.0 / np.where(values > FLAT, values, 1.0), 0.0)
        alpha = np.einsum("gij,gj,gkj,gk->gi", vectors, inverse, vectors, with_y)
        spread = self.yy - self.y**2 / self.n
        explained = np.einsum("gi,gi->g", alpha, with_y)
        ratio = np.where(spread > 1e-12, explained / np.where(spread > 1e-12, spread, 1.0), 0.0)
        sign = np.sign(alpha[:, 0]) if alpha.shape[1] == 1 else 1.0
        return alpha / scale, sign * np.sqrt(np.clip(ratio, 0.0, 1.0))


def control_variates(
    y: Floats,
    s: Floats,
    s_all: Floats,
    *,
    clusters: Ints | None = None,
    clusters_all: Ints | None = None,
    alpha: Alpha | float = "cross-fit",
    target: Target = "population",
    level: float = 0.95,
) -> ControlVariates:
    """The human mean by `alpha`: cross-fitted (exactly unbiased), "optimal" (from the same labels), or a number fixed beforehand.

    y: [n] labels or means of several votes, in [0, 1]. s: [n] or [n, judges] scores of these pairs; s_all: [N] or [N, judges] of all
    pairs, the labelled ones among them. clusters: codes [n] of what depends on each other (a prompt, an annotator);
    clusters_all: the same codes [N], where unlabelled pairs share clusters with labelled ones. The labelled pairs must be a random
    draw of all. Raises BadInput for fewer than 4 labels, missing or unlike columns, labels outside [0, 1].
    """
    check_level(level)
    scores, every = _columns(y, s, s_all, clusters, clusters_all)
    n, size, judges = len(y), len(every), every.shape[1]
    centre = every.mean(0)
    scores, every = scores - centre, every - centre
    cluster, count = (np.arange(n, dtype=np.int32), n) if clusters is None else dense(clusters)
    parts = _Moments.of(y, scores, cluster, count)
    whole = parts.total()
    scale = np.sqrt(np.maximum(np.diagonal(whole.ss[0] - np.outer(whole.s[0], whole.s[0]) / n), 0.0))
    # a score that does not vary has no coefficient: its scaled moments are 0
    flat = scale <= FLAT * np.maximum(1.0, np.abs(centre)) * math.sqrt(n)
    scale = np.where(flat, np.inf, scale)
    (fitted, (r,)) = whole.fit(scale)
    left_out, r_without = whole.without(parts).fit(scale) if count > 1 else (fitted, np.array([r]))
    used = fitted[0] if isinstance(alpha, str) else np.full(judges, float(alpha))
    estimated = int((~flat).sum()) if isinstance(alpha, str) else 0
    human = float(y.mean())
    if alpha == "cross-fit":
        estimate = human - _cross_fitted(left_out, parts, whole, size)
    else:
        estimate = human - float(used @ scores.mean(0))
    variance = _variance(y, scores, every, used, estimated, cluster, count, clusters, clusters_all, target)
    weight = parts.n / n
    df = 1.0 / float(weight @ weight) - 1.0
    plain = _mean_variance(y, weight, cluster, 0) * (1.0 - n / size if target == "pairs" else 1.0)
    one = n * plain if target == "population" else plain / max(1.0 / n - 1.0 / size, 1e-300)
    effective = _effective(variance, one, size, target, n)
    low2, high2 = _squared(float(r), r_without, level)
    against = judges == 1 and r < 0.0 < low2
    warnings = _warnings(n, count, bool(flat.all()), bool(against))
    return ControlVariates(
        estimate=estimate,
        standard_error=math.sqrt(variance),
        **_ends(estimate, variance, df - estimated, level, count),
        human=Rate(human, math.sqrt(plain), **_ends(human, plain, df, level, count)),
        synthetic=tuple(centre.tolist()),
        alpha=tuple(used.tolist()),
        rho2=float(r) ** 2,
        rho2_low=low2,
        rho2_high=high2,
        effective_labels=effective,
        saving=1.0 - n / effective,
        labels=n,
        pairs=size,
        clusters=count,
        variance=one if n < size or target == "population" else float(y.var(ddof=1)),
        target=target,
        level=level,
        warnings=warnings,
    )


def _cross_fitted(left_out: Floats, parts: _Moments, whole: _Moments, size: int) -> float:
    """The correction whose expectation, given the other clusters, is 0: their scores are known, the rest's are drawn.

    Scores are centred on the mean of all N. A cluster's score stands for the N - n_o pairs that are not among the others.
    """
    n, others = whole.n[0], whole.n[0] - parts.n
    own, theirs = parts.s / parts.n[:, None], (whole.s - parts.s) / np.maximum(others, 1.0)[:, None]
    seen = (others / size)[:, None]
    gap = (1.0 - seen) * own + seen * theirs
    return float((parts.n / n) @ np.einsum("gk,gk->g", left_out, gap))


def _mean_variance(residual: Floats, weight: Floats, cluster: Ints, estimated: int) -> float:
    """The variance of a mean from its rows: cluster sums over 1 - w_g, as in `intervals`; one degree a coefficient is taken off."""
    n = len(residual)
    together = sums(cluster, residual - residual.mean(), len(weight)) / n
    variance = float((together**2 / np.maximum(1.0 - weight, 1e-12)).sum())
    return variance * (n - 1.0) / max(n - 1.0 - estimated, 1.0)


def _variance(
    y: Floats,
    s: Floats,
    every: Floats,
    alpha: Floats,
    estimated: int,
    cluster: Ints,
    count: int,
    clusters: Ints | None,
    clusters_all: Ints | None,
    target: Target,
) -> float:
    n, size = len(y), len(every)
    f = n / size
    residual = y - s @ alpha
    weight = sums(cluster, np.ones(n), count) / n
    own = _mean_variance(residual, weight, cluster, estimated)
    # an estimated coefficient's own error; exact for normal scores, (n - 2) / (n - 3) for one judge and N far above n
    own *= 1.0 + estimated * (1.0 - f) / max(n - estimated - 2.0, 1.0)
    if target == "pairs":
        return own * (1.0 - f)
    fitted = every @ alpha
    if clusters is None or clusters_all is None:
        shared = float(((residual - residual.mean()) * (s @ alpha)).sum()) / (n - 1.0)
        return max(own + (float(fitted.var(ddof=1)) + 2.0 * shared) / size, 0.0)
    # scores of one cluster vary together, and with the residuals of its labelled pairs
    codes, total = dense(np.concatenate([clusters, clusters_all]).astype(np.int32))
    of_scores = sums(codes[n:], fitted / size, total)
    of_labels = sums(codes[:n], (residual - residual.mean()) / n, total)
    share = sums(codes[n:], np.ones(size), total) / size
    spread = float((of_scores * (of_scores + 2.0 * of_labels) / np.maximum(1.0 - share, 1e-12)).sum())
    return max(own + spread, 0.0)


def _ends(estimate: float, variance: float, df: float, level: float, count: int) -> dict[str, float]:
    """low and high: the score interval of `intervals` with n_eff = m (1 - m) / variance."""
    mean = min(1.0, max(0.0, estimate))
    spread = mean * (1.0 - mean)
    effective = float(count) if variance <= 1e-18 or spread <= 0.0 else spread / variance
    low, high = wilson(mean, effective, quantile(df, level))
    return {"low": low, "high": high}


def _effective(variance: float, one: float, size: int, target: Target, n: int) -> float:
    """How many human labels alone have `variance`, a label's own variance being `one`; of these pairs never more than all."""
    if one <= 1e-18:
        return float(n)
    if target == "pairs":
        return 1.0 / (variance / one + 1.0 / size)
    return one / variance if variance > 1e-18 else math.inf


def _squared(r: float, without: Floats, level: float) -> tuple[float, float]:
    """The interval of rho^2: Fisher's z with the error of leaving each cluster out, both ends squared."""
    most = 1.0 - 1e-12
    z, others = math.atanh(min(most, max(-most, r))), np.arctanh(np.clip(without, -most, most))
    count = len(others)
    error = math.sqrt((count - 1) / count * float(((others - others.mean()) ** 2).sum()))
    reach = error * quantile(count - 1.0, level) if error > 0.0 else 0.0
    low, high = math.tanh(z - reach), math.tanh(z + reach)
    return (0.0 if low < 0.0 < high else min(low * low, high * high)), max(low * low, high * high)


def _warnings(n: int, count: int, flat: bool, against: bool) -> tuple[str, ...]:
    found: list[str] = []
    if n < FEW:
        found.append(f"{n} human labels: below {FEW} the saving and the interval are rough")
    elif count < FEW:
        found.append(f"{count} clusters of labels: below {FEW} the saving and the interval are rough")
    if flat:
        found.append("the synthetic scores do not vary: the figure is that of people alone")
    elif against:
        found.append("scores and labels go against each other: is a score's share that of the labels' side?")
    return tuple(found)


def _columns(
    y: Floats, s: Floats, s_all: Floats, clusters: Ints | None, clusters_all: Ints | None
) -> tuple[Floats, Floats]:
    """The scores as [n, k] and [N, k]."""
    scores = np.asarray(s, np.float64).reshape(len(s), -1)
    every = np.asarray(s_all, np.float64).reshape(len(s_all), -1)
    if len(y) < FEWEST:
        raise BadInput(
            f"control variates of {len(y)} human labels; {FEWEST} are the least, {FEW} a good beginning"
        )
    if len(y) != len(scores) or scores.shape[1] != every.shape[1]:
        raise BadInput(
            f"control variates: {len(y)} labels, scores {scores.shape} and {every.shape}; give each label's pair a score a judge"
        )
    if len(every) < len(y):
        raise BadInput(
            f"control variates: {len(every)} pairs for {len(y)} labels; s_all holds the labelled pairs, too"
        )
    if not ((y >= 0.0) & (y <= 1.0)).all():
        raise BadInput(
            "control variates: a human label is missing or outside 0 to 1; give 1, 0.5 or 0, or means of them"
        )
    if not (np.isfinite(scores).all() and np.isfinite(every).all()):
        raise BadInput(
            "control variates: a pair has no synthetic score; drop it for people, too, or ask the judge again"
        )
    for codes, rows in ((clusters, len(y)), (clusters_all, len(every))):
        if codes is not None and len(codes) != rows:
            raise BadInput(f"control variates: {len(codes)} clusters for {rows} rows; give each row's")
    return scores, every
