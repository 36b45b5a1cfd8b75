"""The logistic, normal and Student laws. scipy has them too; importing it takes a third of the time of ranking a small file."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from winsome.standings.columns import Floats

ENOUGH = 10_000
"""Terms of a continued fraction; it needs about the square root of the degrees of freedom."""


HUGE = 1e150
"""Beyond this a square overflows; it stands for infinity."""


def expit(x: Floats) -> Floats:
    """1 / (1 + e^-x), exact in both tails; same shape as x."""
    odds = np.exp(-np.abs(x))
    return np.where(x > 0, 1.0, odds) / (1.0 + odds)


def log_expit(x: Floats) -> Floats:
    """log(1 / (1 + e^-x)), exact in both tails; same shape as x."""
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))


def normal_quantile(p: float) -> float:
    """The standard normal's quantile; -inf at 0 and inf at 1."""
    from statistics import NormalDist

    if not 0.0 < p < 1.0:
        return math.nan if not 0.0 <= p <= 1.0 else math.copysign(math.inf, p - 0.5)
    return NormalDist().inv_cdf(p)


def normal_tail(z: float) -> float:
    """The chance of a standard normal value above z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def normal_tails(z: Floats) -> Floats:
    """The chance that a standard normal is farther from 0 than z >= 0; same shape as z."""
    flat = [math.erfc(value) for value in (z / math.sqrt(2.0)).ravel().tolist()]
    return np.array(flat, np.float64).reshape(z.shape)


def student_tails(df: float, t: float) -> float:
    """The chance that a Student variable of df > 0 degrees of freedom is farther from 0 than t >= 0.

    It is I_x(df / 2, 1 / 2) at x = df / (df + t^2), the regularised incomplete beta function.
    """
    if t <= 0.0 or t > HUGE:
        return 1.0 if t <= 0.0 else 0.0
    odds = t * t / df
    if odds == 0.0 or math.isnan(odds):
        return 1.0 + odds
    x, rest = 1.0 / (1.0 + odds), odds / (1.0 + odds)
    front = 2.0 * t * math.exp(_log_density(df, t))
    if rest * (df + 5.0) > 3.0:
        return front / df * _fraction(df / 2.0, 0.5, x)
    return 1.0 - front * _fraction(0.5, df / 2.0, rest)


def student_tails_each(df: Floats, t: Floats) -> Floats:
    """`student_tails` of each, in the shape of both."""
    if df.size > 400:
        # So many are worth the import.
        from scipy.special import stdtr

        return 2.0 * stdtr(df, -t)
    found = [student_tails(*pair) for pair in zip(df.ravel().tolist(), t.ravel().tolist(), strict=True)]
    return np.array(found, np.float64).reshape(df.shape)


@lru_cache(4096)
def student_quantile(df: float, p: float) -> float:
    """The quantile of Student's law at 1/2 <= p < 1, for df > 0 degrees of freedom: student_tails of it is 2 (1 - p)."""
    tails = 2.0 * (1.0 - p)
    if tails >= 1.0:
        return 0.0
    if tails <= 0.0:
        return math.inf
    # log t against log of the tails is nearly straight: Newton there, and halving where it would leave the bracket.
    low, high, at = 0.0, math.inf, _near_quantile(df, normal_quantile(p))
    for _ in range(1000):
        found = student_tails(df, at)
        low, high = (at, high) if found > tails else (low, at)
        density = 2.0 * math.exp(_log_density(df, at))
        step = found * math.log(found / tails) / (density * at) if found > 0.0 and density > 0.0 else math.inf
        if abs(step) < 1e-8:
            # What is left is of the order of its square.
            return at * math.exp(step)
        new = at * math.exp(step) if abs(step) < 1.0 else math.inf
        at = new if low <= new <= high and new < math.inf else min(2.0 * at, 0.5 * (low + high))
        if at > HUGE:
            return math.inf
    return at


def _near_quantile(df: float, z: float) -> float:
    """Student's quantile from the normal one, to the order 1 / df^2: Abramowitz and Stegun 26.7.5."""
    if df < 2.0:
        return max(2.0, z)
    return z + (z**3 + z) / (4.0 * df) + (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / (96.0 * df * df)


def _log_density(df: float, t: float) -> float:
    return (
        _log_gamma_ratio(df / 2.0) - 0.5 * math.log(df * math.pi) - (df + 1.0) / 2.0 * math.log1p(t * t / df)
    )


def _log_gamma_ratio(a: float) -> float:
    """log(gamma(a + 1/2) / gamma(a)); the difference of two logarithms would lose its digits where a is large."""
    if a < 30.0:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1.0 / (8.0 * a) + 1.0 / (192.0 * a**3) - 1.0 / (640.0 * a**5)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) behind x^a (1 - x)^b / (a B(a, b)): DLMF 8.17.22, by modified Lentz."""
    lower = 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    upper, value = 1.0, lower
    for m in range(1, ENOUGH):
        before = value
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            lower = 1.0 / _away(1.0 + term * lower)
            upper = _away(1.0 + term / upper)
            value *= lower * upper
        if abs(value - before) <= 1e-16 * abs(value):
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300
