"""Direct preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, positive, sigmoid_losses

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
) -> Losses:
    """DPO: -log sigmoid(beta D - margin m).

    D = [log pi(y_w|x) - log pi_ref(y_w|x)] - [log pi(y_l|x) - log pi_ref(y_l|x)], in sums over the answers' tokens (`norm` sum).
    `margin` times the pair's own m is taken off inside the sigmoid; 0 reads no column.
    @ref: log 2.
    Minimiser: pi proportional to pi_ref exp(R / beta) where labels are Bradley-Terry in R.
    Source: Rafailov et al. 2023, eq. 7; the offset: Amini et al. 2024.
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm=norm)
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
