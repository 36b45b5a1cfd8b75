"""How many prompts before money is spent: the design that detects a difference with a given chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, counts, dense, sums
from winsome.standings.intervals import check_level, t_quantile
from winsome.standings.laws import normal_quantile


@dataclass(frozen=True)
class Pilot:
    """What a pilot says of the next run: variance of one ask's share, and the part of it that a prompt's asks have in common."""

    variance: float
    correlation: float
    prompts: int
    asks: int


@dataclass(frozen=True)
class Plan:
    """prompts and asks of the judge a contender needs; per_prompt: asks a prompt; variance: of a prompt's mean share."""

    prompts: int
    asks: int
    per_prompt: int
    detect: float
    power: float
    level: float
    variance: float


def plan(
    detect: float,
    *,
    power: float = 0.9,
    level: float = 0.95,
    per_prompt: int = 2,
    pilot: Pilot | None = None,
    comparisons: int = 1,
) -> Plan:
    """The prompts at which a win rate of 50 + `detect` points is told from 50 with chance `power` at `level`.

    Without a pilot every ask is a win or a loss and a prompt's asks say the same (variance 1/4, correlation 1), the worst
    case; with one, a prompt's mean has variance s^2 (rho + (1 - rho) / per_prompt). comparisons: contenders tested
    together (Bonferroni). Raises BadInput for settings out of range.
    """
    check_level(level)
    if not 0 < detect < 50:
        raise BadInput(f"detect {detect} points is not between 0 and 50; give 3 for three points of win rate")
    if not 0 < power < 1 or per_prompt < 1 or comparisons < 1:
        raise BadInput(
            f"power {power}, {per_prompt} asks a prompt, {comparisons} comparisons: out of range; give power 0.9"
        )
    gap = detect / 100.0
    truth = 0.5 + gap
    worst = truth * (1.0 - truth)
    variance = worst
    if pilot is not None:
        variance = min(pilot.variance, worst) * (pilot.correlation + (1.0 - pilot.correlation) / per_prompt)
    adjusted = 1.0 - (1.0 - level) / comparisons
    strength = normal_quantile(power)
    # The score test takes the variance under the null, which is larger by 0.25 / (truth (1 - truth)).
    null = variance * 0.25 / worst
    quantile = normal_quantile((1.0 + adjusted) / 2.0)
    prompts = 2
    for _ in range(20):
        needed = math.ceil(((quantile * math.sqrt(null) + strength * math.sqrt(variance)) / gap) ** 2) + 1
        if needed == prompts:
            break
        prompts = max(3, needed)
        quantile = t_quantile(prompts - 1, adjusted)
    if pilot is None:
        # Wins come in whole numbers: a step of one more keeps the promise between them.
        prompts += math.ceil(1.0 / gap)
    return Plan(prompts, prompts * per_prompt, per_prompt, detect, power, level, variance)


def pilot(asks: Battles) -> Pilot:
    """The variance and the intra-prompt correlation of asks against one opponent, by one-way analysis of variance.

    asks: before `combine`, two contenders. Raises BadInput for fewer than two prompts or more than two contenders.
    """
    used = asks.take(asks.scored)
    if len(np.unique(np.concatenate([used.a, used.b]))) != 2:
        raise BadInput("a pilot is over two contenders; choose one and its baseline")
    share = np.where(used.a < used.b, used.share, 1.0 - used.share)
    codes, prompts = dense(used.clusters()[0])
    if prompts < 2:
        raise BadInput("a pilot needs at least two prompts")
    size = counts(codes, prompts).astype(np.float64)
    means: Floats = sums(codes, share, prompts) / size
    between = float((size * (means - share.mean()) ** 2).sum()) / (prompts - 1)
    if len(share) == prompts:
        return Pilot(max(between, 1e-6), 1.0, prompts, len(share))
    within = float(((share - means[codes]) ** 2).sum()) / (len(share) - prompts)
    typical = (len(share) - float((size**2).sum()) / len(share)) / (prompts - 1)
    common = max(0.0, (between - within) / typical)
    variance = max(common + within, 1e-6)
    return Pilot(variance, min(1.0, common / variance), prompts, len(share))
