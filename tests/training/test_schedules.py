"""Schedules against torch's and transformers' own; the range test on a loss whose best rate is known."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from winsome.errors import BadInput
from winsome.training.schedules import factor, range_rates, range_test


def theirs(make, updates: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("updates", [10, 37, 200])
def test_one_cycle_is_torchs(updates):
    peer = theirs(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=updates), updates)
    assert [factor("one_cycle", i, updates) for i in range(updates)] == pytest.approx(peer, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        ("linear", lambda o: get_linear_schedule_with_warmup(o, 0, 50)),
        ("cosine", lambda o: get_cosine_schedule_with_warmup(o, 0, 50)),
    ],
)
def test_falls_are_those_of_transformers(schedule, make):
    assert [factor(schedule, i, 50) for i in range(50)] == pytest.approx(theirs(make, 50), abs=1e-12)


def test_warmup_rises_in_a_line_and_no_update_has_rate_zero():
    rates = [factor("constant", i, 20, warmup=4) for i in range(20)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(rates[4:]) == {1.0}
    assert min(factor("linear", i, 20, warmup=4) for i in range(20)) > 0.0
    assert factor("cosine", 19, 20, floor=0.1) == pytest.approx(0.1, abs=0.01)


def test_a_range_test_finds_where_a_parabola_falls_fastest_and_stops_before_it_bursts():
    """Gradient descent on x^2 / 2 diverges above a rate of 2 and falls fastest below it."""
    x = [3.0]

    def step(rate: float) -> float:
        loss = x[0] ** 2 / 2
        x[0] -= rate * x[0]
        return loss

    best, curve = range_test(step, range_rates(1e-3, 100.0, 60))
    assert 0.01 < best < 2.0
    assert curve[-1][0] < 100.0
    with pytest.raises(BadInput, match="diverged after"):
        range_test(lambda rate: math.nan, [1.0, 2.0])
    with pytest.raises(BadInput, match="0 < low < high"):
        range_rates(1.0, 0.1, 5)
