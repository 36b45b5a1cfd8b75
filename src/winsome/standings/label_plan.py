"""How many human labels a figure still needs, with and without a synthetic judge beside them.

From Var(theta) of `control_variates`, with V the variance that is wanted:

    population:  n = Var(y) (1 - rho^2) / (V - Var(y) rho^2 / N),   impossible where V < Var(y) / N
    pairs:       n = 1 / (V / (S_y^2 (1 - rho^2)) + 1 / N)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from winsome.errors import BadInput
from winsome.standings.control_variates import FEW, ControlVariates, Target
from winsome.standings.intervals import check_level, t_quantile
from winsome.standings.laws import normal_quantile


@dataclass(frozen=True)
class LabelPlan:
    """labels: how many human labels the assisted figure needs, human_only: how many without; None: more than the pairs give.

    saving: 1 - labels / human_only, with what the ends of rho^2's interval give. half_width: in [0, 1].
    """

    labels: int | None
    human_only: int | None
    saving: float | None
    saving_low: float | None
    saving_high: float | None
    half_width: float
    pairs: int
    target: Target

    def remaining(self, have: int) -> int | None:
        """Labels still to be given by whoever has `have`."""
        return None if self.labels is None else max(0, self.labels - have)

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


def label_plan(
    variance: float,
    rho2: float,
    pairs: int,
    half_width: float,
    *,
    rho2_low: float | None = None,
    rho2_high: float | None = None,
    target: Target = "population",
    judges: int = 1,
    level: float = 0.95,
) -> LabelPlan:
    """The labels for an interval of estimate -+ `half_width`; variance: of a pair's label, rho2: of labels and scores.

    Raises BadInput for values out of range.
    """
    check_level(level)
    if not 0.0 < half_width < 0.5:
        raise BadInput(f"half-width {half_width:g} is not between 0 and 0.5; give 0.02 for two points")
    if not 0.0 <= rho2 <= 1.0 or variance < 0.0 or pairs < 1:
        raise BadInput(f"rho2 {rho2:g}, variance {variance:g}, {pairs} pairs: out of range")

    def needed(r2: float, coefficients: int) -> int | None:
        return _needed(variance, r2, pairs, half_width, target, coefficients, level)

    alone = needed(0.0, 0)

    def saved(r2: float | None) -> float | None:
        labels = needed(rho2 if r2 is None else r2, judges)
        return None if labels is None or alone is None else 1.0 - labels / alone

    return LabelPlan(
        needed(rho2, judges), alone, saved(rho2), saved(rho2_low), saved(rho2_high), half_width, pairs, target
    )


def of_pilot(found: ControlVariates, half_width: float) -> LabelPlan:
    """The plan of a figure that has labels already: their variance and correlation stand for those to come."""
    return label_plan(
        found.variance, found.rho2, found.pairs, half_width, rho2_low=found.rho2_low, rho2_high=found.rho2_high,
        target=found.target, judges=len(found.alpha), level=found.level,
    )  # fmt: skip


def half_width_of(detect: float, *, power: float = 0.9, level: float = 0.95) -> float:
    """The half-width at which a win rate of 0.5 + `detect` is told from 0.5 with chance `power`."""
    reach = normal_quantile((1.0 + level) / 2.0)
    return detect * reach / (reach + normal_quantile(power))


def _needed(
    variance: float, rho2: float, pairs: int, half_width: float, target: Target, judges: int, level: float
) -> int | None:
    """Student's quantile and the price of estimating coefficients depend on n itself, so n is found by repetition."""
    labels = float(FEW)
    for _ in range(50):
        free = max(labels - 1.0 - judges, 1.0)
        wanted = (half_width / t_quantile(free, level)) ** 2
        price = 1.0 + judges * (1.0 - min(1.0, labels / pairs)) / max(labels - judges - 2.0, 1.0)
        own = variance * (1.0 - rho2) * price
        if target == "population":
            left = wanted - variance * rho2 / pairs
            exact = own / left if left > 0.0 else math.inf
        else:
            exact = 1.0 / (wanted / own + 1.0 / pairs) if own > 0.0 else 0.0
        found = max(exact, judges + 3.0)
        if not math.isfinite(found) or abs(found - labels) < 1e-6:
            labels = found
            break
        labels = found
    # n = pairs has a spread of rounding and of a degree of freedom
    return math.ceil(labels - 1e-6) if labels <= pairs * 1.0001 + 1.0 else None
