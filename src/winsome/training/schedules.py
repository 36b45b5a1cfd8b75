"""Learning rates by update: each schedule gives the factor of the highest rate, from the share of updates done."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from winsome.errors import BadInput

Schedule = Literal["constant", "linear", "cosine", "one_cycle"]

START_DIVISOR = 25.0
FINAL_DIVISOR = 1e4
RISE = 0.3
"""One cycle: it starts at the rate / 25, is highest after 0.3 of the updates, ends at the start / 10,000 (Smith and Topin 2019)."""


def factor(schedule: Schedule, update: int, updates: int, *, warmup: int = 0, floor: float = 0.0) -> float:
    """The factor of the highest rate at `update` (from 0) of `updates`.

    Over the first `warmup` updates the rate rises in a line; then it stays (constant), or falls to `floor` in a line or by half
    a cosine. one_cycle has its own rise, so it takes no warm-up.
    """
    if schedule == "one_cycle":
        return _one_cycle(update, updates)
    if update < warmup:
        return (update + 1) / (warmup + 1)
    done = (update - warmup) / max(1, updates - warmup)
    if schedule == "constant":
        return 1.0
    fallen = done if schedule == "linear" else (1.0 - math.cos(math.pi * done)) / 2.0
    return 1.0 - (1.0 - floor) * fallen


def _one_cycle(update: int, updates: int) -> float:
    peak = max(1.0, RISE * updates - 1.0)
    last = max(peak + 1.0, updates - 1.0)
    low, end = 1.0 / START_DIVISOR, 1.0 / (START_DIVISOR * FINAL_DIVISOR)
    if update <= peak:
        return _between(low, 1.0, update / peak)
    return _between(1.0, end, min(1.0, (update - peak) / (last - peak)))


def _between(first: float, last: float, share: float) -> float:
    """Half a cosine from `first` to `last`."""
    return last + (first - last) * (1.0 + math.cos(math.pi * share)) / 2.0


def range_rates(lowest: float, highest: float, updates: int) -> list[float]:
    """Rates of a range test: equal ratios from `lowest` to `highest`, one an update."""
    if not 0.0 < lowest < highest or updates < 2:
        raise BadInput(
            f"range test from {lowest} to {highest} in {updates} updates: give 0 < low < high, 2 or more"
        )
    return [lowest * (highest / lowest) ** (i / (updates - 1)) for i in range(updates)]


def range_test(
    step: Callable[[float], float], rates: Sequence[float], *, smoothing: float = 0.9, stop: float = 4.0
) -> tuple[float, list[tuple[float, float]]]:
    """The rate at which the smoothed loss falls fastest, and the curve of (rate, smoothed loss).

    `step` makes one update at a rate and gives its loss. The test ends once the smoothed loss is above `stop` times its lowest
    (for losses above 0) or is not finite. Source of the procedure: Smith 2017, section 3.3.
    """
    curve: list[tuple[float, float]] = []
    mean, lowest = 0.0, math.inf
    for number, rate in enumerate(rates, 1):
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = smoothing * mean + (1.0 - smoothing) * loss
        smooth = mean / (1.0 - smoothing**number)
        curve.append((rate, smooth))
        lowest = min(lowest, smooth)
        if smooth > stop * lowest > 0.0:
            break
    if len(curve) < 3:
        raise BadInput(f"range test: the loss diverged after {len(curve)} updates; start from a lower rate")
    falls = [
        (curve[i + 1][1] - curve[i - 1][1]) / math.log(curve[i + 1][0] / curve[i - 1][0])
        for i in range(1, len(curve) - 1)
    ]
    return curve[1 + falls.index(min(falls))][0], curve
