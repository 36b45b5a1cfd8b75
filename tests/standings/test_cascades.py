"""The curve of a cascade: ends, costs and losses by hand."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings.cascades import cascade_curve, chosen

SURE = np.array([0.1, 0.2, 0.3, 0.8, 0.9, 1.0] * 50)
CHEAP = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0] * 50)
DEAR = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0] * 50)


def test_points_by_hand() -> None:
    nothing, some, all_ = cascade_curve(SURE, CHEAP, DEAR, costs=(1.0, 10.0), thresholds=[0.0, 0.5, 1.1])
    assert (nothing.sent, nothing.cost, nothing.accuracy) == (0.0, 1.0, pytest.approx(4 / 6))
    assert (some.sent, some.cost, some.accuracy) == (0.5, 6.0, 1.0)
    assert (all_.sent, all_.cost, all_.accuracy) == (1.0, 11.0, pytest.approx(5 / 6))
    assert nothing.loss == pytest.approx(1 / 6)
    assert some.loss == pytest.approx(-1 / 6)
    assert (all_.loss, all_.loss_low, all_.loss_high) == (0.0, 0.0, 0.0)


def test_the_cheapest_point_within_the_tolerance_is_chosen() -> None:
    curve = cascade_curve(SURE, CHEAP, DEAR, costs=(1.0, 10.0))
    assert curve[0].sent == 0.0
    assert curve[-1].sent == 1.0
    best = chosen(curve, 0.02)
    assert best.loss_high <= 0.02
    assert all(point.cost >= best.cost for point in curve if point.loss_high <= 0.02)
    assert best.sent < 0.6


def test_losses_cover_over_simulated_judges() -> None:
    """Paired intervals of the loss of a threshold hold in 95% of 300 arenas."""
    draw, hits = np.random.default_rng(1), 0
    for _ in range(300):
        sure = draw.random(400)
        cheap = (draw.random(400) < 0.5 + 0.4 * sure).astype(float)
        dear = (draw.random(400) < 0.85).astype(float)
        (point,) = cascade_curve(sure, cheap, dear, thresholds=[0.5])
        truth = 0.5 * (0.85 - (0.5 + 0.4 * 0.75))
        hits += point.loss_low <= truth <= point.loss_high
    assert hits >= 300 * 0.95 - 3 * np.sqrt(300 * 0.05 * 0.95)


def test_bad_columns_are_one_line() -> None:
    with pytest.raises(BadInput, match="one length"):
        cascade_curve(SURE, CHEAP[:3], DEAR)
    with pytest.raises(BadInput, match="outside 0 to 1"):
        cascade_curve(SURE, CHEAP, DEAR + 1)
