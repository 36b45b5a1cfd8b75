"""Glicko-2: ratings with a deviation and a volatility, brought up to date one rating period at a time.

On the natural scale mu = (rating - start) / ARENA and phi = deviation / ARENA. In a period a side's battles against
opponents j, with g_j = 1 / sqrt(1 + 3 phi_j^2 / pi^2) and E_j = sigmoid(g_j (mu - mu_j)), give

    1 / v = sum g_j^2 E_j (1 - E_j),    delta = v sum g_j (share - E_j),

the volatility s maximises its posterior around its old value, phi* = sqrt(phi^2 + s^2), and then
phi = 1 / sqrt(1 / phi*^2 + 1 / v), mu = mu + phi^2 sum g_j (share - E_j).
Source: Glickman 2013 (revised 2022), "Example of the Glicko-2 system".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints, sums
from winsome.standings.intervals import FEW_CLUSTERS, check_level
from winsome.standings.laws import expit, normal_quantile
from winsome.standings.ranking import decided_pairs, normal_p_values, possible_ranks
from winsome.standings.ratings import ARENA, FILE_ORDER
from winsome.standings.sides import check_rankable, dropped, pooled, tally
from winsome.standings.table import Row, Standings

BATTLES_A_PERIOD = 15
"""Battles that a contender has in a period on average; the system is made for 10 to 15 or more."""

CLOSE = 1e-6
"""At this width of its bracket the logarithm of the squared volatility is found."""


@dataclass(frozen=True, eq=False)
class Skills:
    """What is known of each contender [K]: rating and its deviation in Arena points, volatility on the natural scale."""

    rating: Floats
    deviation: Floats
    volatility: Floats


def glicko2(
    battles: Battles,
    *,
    period: int | None = None,
    start: float = 1000.0,
    deviation: float = 350.0,
    volatility: float = 0.06,
    tau: float = 0.5,
    level: float = 0.95,
) -> Standings:
    """Glicko-2 ratings after the last period, in Arena points; rows in their order, `period` rows a rating period.

    period: None for BATTLES_A_PERIOD battles a contender on average; rows of one period are simultaneous. start,
    deviation, volatility: of a contender never seen; tau: how much volatility may change. A weight counts as that many
    battles. standard_error is the rating's deviation, the interval rating -+ z deviations: of the skill as it is at the
    end, taking battles as independent. Each row carries its `volatility`. Raises BadInput for settings out of range.
    """
    check_level(level)
    check_rankable(battles)
    if not (min(deviation, volatility, tau) > 0 and max(deviation, volatility, tau) < math.inf):
        raise BadInput(
            f"glicko2 with deviation {deviation}, volatility {volatility}, tau {tau}; give numbers above 0"
        )
    if period is not None and period < 1:
        raise BadInput(f"glicko2 with {period} rows a period; give 1 or more")
    size, used = len(battles.names), battles.take(battles.scored)
    rows_a_period = period or math.ceil(BATTLES_A_PERIOD * size / 2)
    skills = Skills(np.full(size, start), np.full(size, deviation), np.full(size, volatility))
    for first in range(0, len(used), rows_a_period):
        part = slice(first, first + rows_a_period)
        skills = after_period(skills, used.a[part], used.b[part], used.share[part], used.weight[part], tau)
    half = -normal_quantile((1.0 - level) / 2.0) * skills.deviation
    p_values = normal_p_values(skills.rating, np.diag(skills.deviation**2))
    ranks = possible_ranks(skills.rating, decided_pairs(p_values, level))
    found = tally(battles)
    rows: list[Row] = []
    notes = [*battles.notes, *pooled(battles), FILE_ORDER]
    for code, name in enumerate(battles.names):
        rating, n = float(skills.rating[code]), int(found.n[code])
        figures = (
            rating,
            float(skills.deviation[code]),
            rating - float(half[code]),
            rating + float(half[code]),
        )
        extra = {"volatility": float(skills.volatility[code])}
        few = n < FEW_CLUSTERS
        if few:
            notes.append(f"{name}: few effective clusters ({n}): the interval is mostly that of an unknown")
        entered = int(found.battles[code])
        rows.append(Row(name, *figures, n, entered, found.counts(code), ranks[code], extra, few_clusters=few))
    return Standings(
        method="glicko2",
        rows=tuple(sorted(rows, key=lambda row: (-(row.estimate or 0.0), row.contender))),
        scale="Arena points",
        level=level,
        interval="deviation",
        dropped=dropped(battles),
        warnings=tuple(notes),
    )


def after_period(skills: Skills, a: Ints, b: Ints, share: Floats, weight: Floats, tau: float = 0.5) -> Skills:
    """The skills after one rating period, whose battles [rows] all meet the skills before it; share: side a's, in [0, 1].

    Who did not play keeps rating and volatility, and grows less sure.
    """
    size = len(skills.rating)
    mu, phi = skills.rating / ARENA, skills.deviation / ARENA
    own, other = np.concatenate([a, b]), np.concatenate([b, a])
    shares, weights = np.concatenate([share, 1.0 - share]), np.concatenate([weight, weight])
    g = 1.0 / np.sqrt(1.0 + 3.0 * phi[other] ** 2 / math.pi**2)
    expected = expit(g * (mu[own] - mu[other]))
    information = sums(own, weights * g * g * expected * (1.0 - expected), size)
    gain = sums(own, weights * g * (shares - expected), size)
    played = information > 0
    variance = 1.0 / np.where(played, information, 1.0)
    sigma = np.where(
        played, _volatility(variance * gain, phi, variance, skills.volatility, tau), skills.volatility
    )
    spread = phi**2 + sigma**2
    phi = 1.0 / np.sqrt(1.0 / spread + information)
    return Skills(ARENA * (mu + phi**2 * gain), ARENA * phi, sigma)


def _volatility(delta: Floats, phi: Floats, variance: Floats, before: Floats, tau: float) -> Floats:
    """The volatilities [K] with the largest posterior, by the Illinois method for all contenders side by side."""
    centre = np.log(before**2)
    excess = delta**2 - phi**2 - variance

    def slope(x: Floats) -> Floats:
        odds = np.exp(x)
        return odds * (excess - odds) / (2.0 * (phi**2 + variance + odds) ** 2) - (x - centre) / tau**2

    low, high = centre.copy(), np.log(np.maximum(excess, 1e-300))
    below = excess <= 0
    high[below] = centre[below] - tau
    while (rising := below & (slope(high) < 0)).any():
        high[rising] -= tau
    at_low, at_high = slope(low), slope(high)
    for _ in range(100):
        open_ = np.abs(high - low) > CLOSE
        if not open_.any():
            break
        gap = np.where(at_high == at_low, 1.0, at_high - at_low)
        tried = low + (low - high) * at_low / gap
        value = slope(tried)
        crossed = value * at_high <= 0
        low = np.where(open_ & crossed, high, low)
        at_low = np.where(open_, np.where(crossed, at_high, at_low / 2.0), at_low)
        high, at_high = np.where(open_, tried, high), np.where(open_, value, at_high)
    return np.exp(low / 2.0)
