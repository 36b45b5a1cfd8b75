"""What an objective of reward models is given, and the terms that several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from winsome.training.batch import Losses, Sums
from winsome.training.terms import logistic, ones

if TYPE_CHECKING:
    from torch import Tensor

METRICS = {
    "accuracy": "share of pairs whose chosen answer is rated higher (a tie is a half)",
    "margin": "rating of the chosen answer less that of the rejected one",
    "mean_score": "mean rating of all answers",
    "squared_error": "mean square of rating less target, over all attributes",
}
"""What each metric of a reward model's objective means."""


@dataclass(frozen=True)
class RewardBatch:
    """Part of an update: outputs [m, k] of a reward model over m sequences, with gradient.

    `rows` and `columns` are as in `training.batch.Batch`: the sequence of each unit [n] by role, figures of each unit [n].
    """

    scores: Tensor
    rows: Mapping[str, Tensor]
    columns: Mapping[str, Tensor] = field(default_factory=dict[str, Any])
    progress: float = 0.0


def outputs(batch: RewardBatch, role: str) -> Tensor:
    """The outputs of each unit's answer in `role`, [n, k]."""
    return batch.scores[batch.rows[role]]


def preferred(
    batch: RewardBatch,
    gap: Tensor,
    *,
    margin: float,
    label_smoothing: float,
    weighted: bool,
    more: Tensor | None = None,
) -> Losses:
    """The logistic loss of `gap` [n], the log-odds of the chosen answer, less `margin` times the pairs' own; plus `more` [n]."""
    z = gap if margin == 0.0 else gap - margin * batch.columns["margin"]
    values = logistic(z, label_smoothing)
    if more is not None:
        values = values + more
    if weighted:
        values = values * batch.columns["weight"]
    return Losses(values, ones(values), gap_metrics(gap))


def gap_metrics(gap: Tensor) -> Sums:
    """Accuracy and mean of the log-odds of the chosen answers."""
    held = gap.detach()
    above = (held > 0).to(held.dtype) + 0.5 * (held == 0).to(held.dtype)
    return {"accuracy": (above.sum(), ones(held).sum()), "margin": (held.sum(), ones(held).sum())}
