from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings import Pilot, battles, pilot, plan
from winsome.standings.intervals import clustered_mean, score_interval


@pytest.mark.parametrize(("detect", "power"), [(3.0, 0.9), (10.0, 0.8), (25.0, 0.9)])
def test_the_promised_power_is_met(detect: float, power: float) -> None:
    n = plan(detect, power=power).prompts
    rng, decided, runs = np.random.default_rng(0), 0, 1500
    for _ in range(runs):
        share = (rng.random(n) < 0.5 + detect / 100).astype(float)
        low, high = score_interval(clustered_mean(share, np.ones(n), np.arange(n, dtype=np.int32)))
        decided += low > 0.5 or high < 0.5
    assert decided / runs >= power - 0.025
    assert decided / runs <= power + 0.05


def test_three_points_need_between_1050_and_2900_prompts() -> None:
    assert plan(3.0).prompts == pytest.approx(2949, abs=5)
    assert plan(3.0, pilot=Pilot(0.09, 1.0, 100, 100)).prompts == pytest.approx(1053, abs=5)


def test_independent_orders_halve_the_variance_and_equal_ones_do_not() -> None:
    apart, equal = (plan(5.0, pilot=Pilot(0.2, rho, 50, 100)).prompts for rho in (0.0, 1.0))
    assert apart == pytest.approx(equal / 2, rel=0.02)
    assert plan(5.0, comparisons=10).prompts > plan(5.0).prompts


def test_the_pilot_measures_variance_and_correlation() -> None:
    rng = np.random.default_rng(1)
    prompts, asks = 3000, 2
    common = rng.normal(0, 0.1, prompts)
    share = np.clip(0.5 + common[:, None] + rng.normal(0, 0.1, (prompts, asks)), 0, 1)
    names = [str(i) for i in np.repeat(np.arange(prompts), asks)]
    found = pilot(battles(["x"] * prompts * asks, ["y"] * prompts * asks, share.ravel(), prompt=names))
    assert found.correlation == pytest.approx(0.5, abs=0.03)
    assert found.variance == pytest.approx(0.02, abs=0.001)


def test_mistakes_are_told() -> None:
    for detect in (0.0, 50.0):
        with pytest.raises(BadInput, match="not between 0 and 50"):
            plan(detect)
    with pytest.raises(BadInput, match="two contenders"):
        pilot(battles(["x", "x"], ["y", "z"], [1.0, 1.0]))
