"""WildBench's figures from verdict columns: rewards at any length margin, by group and in all, with both denominators.

Published rewards leave tasks whose answers were empty or cut out of the five counts but not out of the overall total; group rewards
divide by what was counted. `published` keeps that, `counted` divides by what was counted everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.intervals import clustered_mean, t_quantile
from winsome.suites.wildbench import WEIGHTS, check_margin

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Denominator = Literal["published", "counted"]
KINDS = ("win_much", "win", "tie", "lose", "lose_much")
GAIN = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
UNCOUNTED = ("empty", "truncated", "unparsed")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Columns [rows]: model's code, share and extent of the model's side, characters by which its answer is longer.

    why: "" for a counted task, else empty, truncated or unparsed; groups [rows, groups]: whether the task belongs to each of WEIGHTS.
    """

    model: NDArray[np.int32]
    share: Floats
    extent: Floats
    longer: Floats
    why: NDArray[np.str_]
    groups: Bools

    def __post_init__(self) -> None:
        odd = sorted(set(np.unique(self.why).tolist()) - {"", *UNCOUNTED})
        if odd:
            raise BadInput(
                f'WildBench verdicts: "{odd[0]}" is no reason to leave a task out; use {", ".join(UNCOUNTED)}'
            )


@dataclass(frozen=True)
class Rewards:
    """One model at one margin. counts: the five outcomes; uncounted: tasks left out, by why; the rest lies in [-1, 1]."""

    margin: int
    counts: Mapping[str, int]
    uncounted: Mapping[str, int]
    total: int
    reward: float | None
    low: float | None
    high: float | None
    groups: Mapping[str, float | None]
    macro: float | None


def outcome_codes(verdicts: Verdicts, margin: int) -> NDArray[np.int64]:
    """The place in KINDS of each verdict once slight wins by more than `margin` characters are ties (-1: none are)."""
    check_margin(margin)
    sign = np.sign(verdicts.share - 0.5)
    much = verdicts.extent > 1.0
    if margin >= 0:
        sign = np.where(~much & (sign * verdicts.longer > margin), 0.0, sign)
    return (2 - sign * np.where(much, 2.0, 1.0)).astype(np.int64)


def rewards(
    verdicts: Verdicts,
    models: int,
    margins: Sequence[int] = (-1, 500, 1000, 1500),
    *,
    denominator: Denominator = "counted",
    level: float = 0.95,
) -> list[list[Rewards]]:
    """[margin][model] every figure; the interval is the t interval of a mean over tasks."""
    counted = verdicts.why == ""
    found: list[list[Rewards]] = []
    for margin in margins:
        code = outcome_codes(verdicts, margin)
        flat = verdicts.model.astype(np.int64) * len(KINDS) + code
        table = np.bincount(flat[counted], minlength=models * len(KINDS)).reshape(models, len(KINDS))
        by_group = [
            np.bincount(flat[counted & member], minlength=models * len(KINDS)).reshape(models, len(KINDS))
            for member in verdicts.groups.T
        ]
        left = {why: np.bincount(verdicts.model[verdicts.why == why], minlength=models) for why in UNCOUNTED}
        found.append(
            [
                _of_model(
                    margin,
                    table[m],
                    [group[m] for group in by_group],
                    {w: int(n[m]) for w, n in left.items()},
                    denominator,
                    level,
                )
                for m in range(models)
            ]
        )
    return found


def _of_model(
    margin: int,
    counts: NDArray[np.int64],
    groups: Sequence[NDArray[np.int64]],
    left: Mapping[str, int],
    denominator: Denominator,
    level: float,
) -> Rewards:
    inside = int(counts.sum())
    total = inside + sum(left.values())
    over = total if denominator == "published" else inside
    reward = float(counts @ GAIN) / over if over else None
    low = high = None
    if reward is not None and inside > 1:
        # tasks left out count 0 where the published denominator keeps them
        spread = (float(counts @ GAIN**2) - over * reward**2) / (over - 1)
        reach = t_quantile(over - 1.0, level) * float(np.sqrt(max(0.0, spread) / over))
        low, high = max(-1.0, reward - reach), min(1.0, reward + reach)
    by_group = {name: reward_of(group) for name, group in zip(WEIGHTS, groups, strict=True)}
    known = [(WEIGHTS[name], value) for name, value in by_group.items() if value is not None]
    macro = sum(w * v for w, v in known) / sum(w for w, _ in known) if len(known) == len(WEIGHTS) else None
    named = {kind: int(n) for kind, n in zip(KINDS, counts, strict=True)}
    return Rewards(margin, named, left, total, reward, low, high, by_group, macro)


def reward_of(counts: NDArray[np.int64] | Sequence[int]) -> float | None:
    """The reward of five counts over what they count; None without any."""
    array = np.asarray(counts, np.float64)
    return float(array @ GAIN) / float(array.sum()) if array.sum() else None


def mixed(by_reference: Sequence[float]) -> float:
    """The mean of the rewards against the references."""
    return sum(by_reference) / len(by_reference)


def mix_interval(
    share: Floats, extent: Floats, task: NDArray[np.int32], level: float = 0.95
) -> tuple[float, float, float]:
    """(mix, low, high) of verdicts against several references, tasks as clusters."""
    gain = (2.0 * share - 1.0) * extent / 2.0
    mean = clustered_mean((gain + 1.0) / 2.0, np.ones(len(gain)), task)
    reach = 2.0 * mean.standard_error * t_quantile(mean.df, level)
    mix = 2.0 * mean.mean - 1.0
    return mix, max(-1.0, mix - reach), min(1.0, mix + reach)
