from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from winsome.errors import BadInput
from winsome.standings import battles, glicko2
from winsome.standings.columns import Floats
from winsome.standings.glicko2 import Skills, _volatility, after_period

SCALE = 173.7178


def test_the_published_example_to_its_printed_digits() -> None:
    # One player at 1500 (200) beats 1400 (30) and loses to 1550 (100) and 1700 (300); tau = 0.5, volatility 0.06.
    before = Skills(
        np.array([1500.0, 1400.0, 1550.0, 1700.0]), np.array([200.0, 30.0, 100.0, 300.0]), np.full(4, 0.06)
    )
    after = after_period(
        before,
        np.zeros(3, np.int32),
        np.array([1, 2, 3], np.int32),
        np.array([1.0, 0.0, 0.0]),
        np.ones(3),
    )
    mu, phi = (float(after.rating[0]) - 1500) / SCALE, float(after.deviation[0]) / SCALE
    assert (round(mu, 4), round(phi, 4)) == (-0.2069, 0.8722)
    # Printed cut off, not rounded: it is 0.059996.
    assert math.floor(1e5 * float(after.volatility[0])) == 5999
    # The paper goes back to points from the rounded values; unrounded the rating is 1464.05.
    assert round(1500 + SCALE * round(mu, 4), 2) == 1464.06
    assert round(SCALE * round(phi, 4), 2) == 151.52
    assert float(after.rating[0]) == pytest.approx(1464.06, abs=0.01)
    assert float(after.deviation[0]) == pytest.approx(151.52, abs=0.005)


def test_who_did_not_play_grows_less_sure_and_keeps_the_rest() -> None:
    before = Skills(np.array([1000.0, 1000.0, 1200.0]), np.full(3, 80.0), np.full(3, 0.06))
    after = after_period(before, np.zeros(1, np.int32), np.ones(1, np.int32), np.ones(1), np.ones(1))
    assert after.rating[2] == 1200.0
    assert after.volatility[2] == 0.06
    assert after.deviation[2] == pytest.approx(math.sqrt(80.0**2 + (400 / math.log(10) * 0.06) ** 2))
    assert after.rating[0] - 1000 == pytest.approx(1000 - after.rating[1])


def test_volatilities_are_the_roots_that_a_bracketing_solver_finds() -> None:
    rng = np.random.default_rng(0)
    delta, phi, v = rng.normal(0, 2, 300), rng.uniform(0.1, 2, 300), rng.uniform(0.05, 5, 300)
    sigma, tau = rng.uniform(0.01, 0.2, 300), 0.5

    def root(k: int) -> float:
        def slope(x: float) -> float:
            e = math.exp(x)
            return (
                e * (delta[k] ** 2 - phi[k] ** 2 - v[k] - e) / (2 * (phi[k] ** 2 + v[k] + e) ** 2)
                - (x - math.log(sigma[k] ** 2)) / tau**2
            )

        return math.exp(brentq(slope, -40, 10, xtol=1e-12) / 2)

    expected: Floats = np.array([root(k) for k in range(300)])
    np.testing.assert_allclose(_volatility(delta, phi, v, sigma, tau), expected, rtol=1e-6)


def test_ratings_find_known_skills_and_their_deviation_says_how_well() -> None:
    rng = np.random.default_rng(1)
    names = [f"m{k}" for k in range(6)]
    truth = np.linspace(-150, 150, 6)
    inside = 0
    for _ in range(40):
        a = rng.integers(0, 6, 600)
        b = (a + rng.integers(1, 6, 600)) % 6
        share = (rng.random(600) < 1 / (1 + 10 ** ((truth[b] - truth[a]) / 400))).astype(float)
        standings = glicko2(battles([names[k] for k in a], [names[k] for k in b], share), period=150)
        rows = [standings.row(name) for name in names]
        shift = np.mean([row.estimate for row in rows])
        inside += sum(
            (row.low or 0) - shift <= t <= (row.high or 0) - shift for row, t in zip(rows, truth, strict=True)
        )
    assert inside / 240 > 0.9


def test_weights_are_battles_and_the_order_is_said() -> None:
    once = glicko2(battles(["x", "y"], ["y", "z"], [1.0, 0.5], weight=[2.0, 1.0]))
    twice = glicko2(battles(["x", "x", "y"], ["y", "y", "z"], [1.0, 1.0, 0.5]))
    for name in "xyz":
        assert once.row(name).estimate == pytest.approx(twice.row(name).estimate, abs=1e-9)
        assert once.row(name).standard_error == pytest.approx(twice.row(name).standard_error, abs=1e-9)
    assert "file order used" in once.warnings
    assert once.row("x").few_clusters
    assert once.row("x").ranks == (1, 2, 3)


def test_late_battles_count_more_than_early_ones() -> None:
    wins = np.concatenate([np.ones(60), np.zeros(60)])
    early, late = (
        glicko2(battles(["x"] * 120, ["y"] * 120, shares), period=10).row("x").estimate or 0
        for shares in (wins, wins[::-1].copy())
    )
    assert early < 1000 < late


def test_mistakes_are_told() -> None:
    found = battles(["x"], ["y"], [1.0])
    with pytest.raises(BadInput, match="give numbers above 0"):
        glicko2(found, tau=0.0)
    with pytest.raises(BadInput, match=r"up to 1e\+09"):
        glicko2(battles(["x"], ["y"], [1.0], weight=[1e300]))
    with pytest.raises(BadInput, match="0 rows a period; give 1 or more"):
        glicko2(found, period=0)
