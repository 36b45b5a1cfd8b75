"""Anchored preference optimisation, for chosen answers better than the model."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_ratio, pair_losses, positive

NEEDS = Needs()


def apo_zero(
    batch: Batch,
    *,
    beta: float = 0.1,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """APO-zero: 1 - sigmoid(beta r_w) + sigmoid(beta r_l), r = log pi - log pi_ref.

    Raises chosen and lowers rejected answers, each against the reference.
    @ref: 1.
    Minimiser: none: answers rejected more often than chosen are driven to probability 0.
    Source: D'Oosterlinck et al. 2024, eq. 7.
    """
    positive("beta", beta)
    chosen = beta * log_ratio(batch, "chosen", reference=reference)
    rejected = beta * log_ratio(batch, "rejected", reference=reference)
    return pair_losses(
        batch, (-chosen).sigmoid() + rejected.sigmoid(), reference=reference, weighted=weighted
    )
