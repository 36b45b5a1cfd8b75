"""A rating whose differences are log-odds of preference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.training.batch import Losses, Needs
from winsome.training.rewards.batch import RewardBatch, outputs, preferred
from winsome.training.terms import ones

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

NEEDS = Needs(references=())


def size(settings: Mapping[str, Any]) -> int:
    """Outputs of the model: one rating."""
    return 1


def bradley_terry(
    batch: RewardBatch,
    *,
    center: float = 0.0,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
    weighted: bool = False,
) -> Losses:
    """Bradley-Terry: -log sigmoid(s_w - s_l - margin m) + center (s_w + s_l)^2.

    s is the model's one output. `margin` times the pair's own m is taken off inside the sigmoid (0 reads no column); `center`
    pulls ratings towards mean 0, which the first term leaves free.
    @ref: log 2 where both answers are rated alike.
    Minimiser: s = R up to a constant for each prompt, where labels are Bradley-Terry in R.
    Source: Ouyang et al. 2022, eq. 1; margins: Touvron et al. 2023, eq. 2; centring: Eisenstein et al. 2023 (Helping or Herding).
    """
    chosen, rejected = outputs(batch, "chosen")[:, 0], outputs(batch, "rejected")[:, 0]
    more = center * (chosen + rejected) ** 2 if center else None
    made = preferred(
        batch, chosen - rejected, margin=margin, label_smoothing=label_smoothing, weighted=weighted, more=more
    )
    both = (chosen + rejected).detach()
    return Losses(
        made.values, made.counts, {**made.metrics, "mean_score": (both.sum(), 2.0 * ones(both).sum())}
    )
