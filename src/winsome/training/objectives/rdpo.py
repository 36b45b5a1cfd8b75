"""DPO that discounts length."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, lengths, positive, sigmoid_losses

NEEDS = Needs()


def rdpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    alpha: float = 0.01,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """R-DPO: -log sigmoid(beta D + alpha (n_w - n_l)), n in tokens.

    With alpha above 0 a longer chosen answer is learnt less: the sign is plus, since the term stands where the data's own
    preference for length is explained away. alpha is outside beta.
    @ref: -log sigmoid(alpha (n_w - n_l)).
    Minimiser: pi proportional to pi_ref exp((R - alpha n) / beta) where labels are Bradley-Terry in R.
    Source: Park et al. 2024.
    """
    positive("beta", beta)
    longer = lengths(batch, "chosen") - lengths(batch, "rejected")
    z = beta * gap(batch, reference=reference) + alpha * longer
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
