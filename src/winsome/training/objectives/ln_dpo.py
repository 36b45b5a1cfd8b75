"""DPO on means over tokens."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, positive, sigmoid_losses

NEEDS = Needs()


def ln_dpo(
    batch: Batch,
    *,
    beta: float = 2.0,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """Length-normalised DPO: -log sigmoid(beta [r_w / n_w - r_l / n_l]), r = log pi - log pi_ref, n in tokens.

    Each side is divided by its own length, so beta is per token and larger than DPO's.
    @ref: log 2.
    Minimiser: pi proportional to pi_ref exp(n (R / beta + c)) with the c at which it sums to 1, where labels are Bradley-Terry in R.
    Source: Lambert et al. 2024 (Tulu 3).
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm="mean")
    return sigmoid_losses(
        batch,
        z,
        reference=reference,
        label_smoothing=label_smoothing,
        margin=margin,
        nll_weight=nll_weight,
        nll_span=nll_span,
        weighted=weighted,
    )
