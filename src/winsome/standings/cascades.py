"""Cost against accuracy of a cascade: a cheap judge where it is sure enough, a dear one elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Bools, Floats, Ints
from winsome.standings.intervals import check_level, clustered_mean, score_interval, t_quantile


@dataclass(frozen=True)
class Point:
    """A cascade with one threshold. sent: share of items that the dear judge sees; cost: of an item, in the costs' unit.

    accuracy with its interval; loss: accuracy of the dear judge alone minus this one, with its paired interval.
    """

    sure: float
    sent: float
    cost: float
    accuracy: float
    low: float
    high: float
    loss: float
    loss_low: float
    loss_high: float
    n: int


def cascade_curve(
    sure: Floats,
    cheap_right: Floats,
    dear_right: Floats,
    cluster: Ints | None = None,
    *,
    costs: tuple[float, float] = (0.0, 1.0),
    thresholds: Sequence[float] | None = None,
    level: float = 0.95,
) -> list[Point]:
    """A point for every threshold, from the cheap judge alone (0) to the dear one alone (above 1).

    sure: [items] in [0, 1], how sure the cheap judge is; an item goes on where it is below the threshold. cheap_right, dear_right:
    [items] in [0, 1], a tie counting a half. costs: of one verdict of each. Both are paid where an item goes on. Raises BadInput for
    columns of unlike lengths or values outside.
    """
    check_level(level)
    if not len(sure) == len(cheap_right) == len(dear_right) or len(sure) == 0:
        raise BadInput("a cascade's curve needs three columns of one length with at least one item")
    for name, values in (("sure", sure), ("cheap_right", cheap_right), ("dear_right", dear_right)):
        if not ((values >= 0.0) & (values <= 1.0)).all():
            raise BadInput(f"a cascade's curve: {name} has a value outside 0 to 1; give shares")
    codes = np.arange(len(sure), dtype=np.int32) if cluster is None else cluster
    wanted = _thresholds(sure) if thresholds is None else thresholds
    return [
        _point(threshold, sure < threshold, cheap_right, dear_right, codes, costs, level)
        for threshold in wanted
    ]


def _thresholds(sure: Floats) -> list[float]:
    """21 thresholds that send on nothing, then about every twentieth more of the items, then all."""
    inner = [float(q) for q in np.quantile(sure, np.arange(1, 20) / 20)]
    return sorted({0.0, *inner, float(np.nextafter(1.0, 2.0))})


def _point(
    threshold: float,
    on: Bools,
    cheap: Floats,
    dear: Floats,
    codes: Ints,
    costs: tuple[float, float],
    level: float,
) -> Point:
    ones = np.ones(len(on))
    right = np.where(on, dear, cheap)
    mean = clustered_mean(right, ones, codes)
    low, high = score_interval(mean, level)
    half = clustered_mean((dear - right + 1.0) / 2.0, ones, codes)
    loss = 2.0 * half.mean - 1.0
    error = half.standard_error
    reach = 2.0 * error * t_quantile(half.df, level) if np.isfinite(error) and error > 0 else 0.0
    sent = float(on.mean())
    return Point(
        threshold, sent, costs[0] + sent * costs[1], mean.mean, low, high, loss, loss - reach, loss + reach, mean.n
    )  # fmt: skip


def chosen(curve: Sequence[Point], tolerance: float = 0.02) -> Point:
    """The cheapest point whose loss against the dear judge is below `tolerance` even at the end of its interval."""
    good = [point for point in curve if point.loss_high <= tolerance]
    if not good:
        raise BadInput(
            "no point of the curve is as good as the dear judge; give its thresholds up to above 1"
        )
    return min(good, key=lambda point: (point.cost, point.sure))
