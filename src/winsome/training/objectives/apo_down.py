"""Anchored preference optimisation, for chosen answers worse than the model."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_ratio, pair_losses, positive

NEEDS = Needs()


def apo_down(
    batch: Batch,
    *,
    beta: float = 0.1,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """APO-down: sigmoid(beta r_w) + 1 - sigmoid(beta (r_w - r_l)), r = log pi - log pi_ref.

    Lowers the chosen answer, and the rejected one more.
    @ref: 1.
    Minimiser: none: with two answers one is driven to probability 0.
    Source: D'Oosterlinck et al. 2024, eq. 8.
    """
    positive("beta", beta)
    chosen = beta * log_ratio(batch, "chosen", reference=reference)
    rejected = beta * log_ratio(batch, "rejected", reference=reference)
    values = chosen.sigmoid() + (rejected - chosen).sigmoid()
    return pair_losses(batch, values, reference=reference, weighted=weighted)
