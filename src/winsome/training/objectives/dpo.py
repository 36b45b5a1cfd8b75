"""Direct preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import at_least, gap, positive, reference_gap, sigmoid_losses

NEEDS = Needs()


def dpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    norm: Literal["sum", "mean"] = "sum",
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
    gamma: float = 1.0,
) -> Losses:
    """DPO: -log sigmoid(beta D - margin m).

    D = [log pi(y_w|x) - log pi_ref(y_w|x)] - [log pi(y_l|x) - log pi_ref(y_l|x)], in sums over the answers' tokens (`norm` sum).
    `margin` times the pair's own m is taken off inside the sigmoid; 0 reads no column. `gamma` weighs the reference's own gap in D:
    0 leaves the reference out, above 1 its ranking of the pair must be outdone to lower the loss as much.
    @ref: log 2.
    Minimiser: pi proportional to pi_ref exp(R / beta) where labels are Bradley-Terry in R.
    Source: Rafailov et al. 2023, eq. 7; the offset: Amini et al. 2024; gamma: Chen et al. 2024 (ranking accuracy).
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm=norm)
    if gamma != 1.0:
        at_least("gamma", gamma, 0.0)
        z = z + beta * (1.0 - gamma) * reference_gap(batch, reference=reference, norm=norm)
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
