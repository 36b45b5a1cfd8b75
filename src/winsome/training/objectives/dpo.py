"""Direct preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, logistic, pair_losses, positive

NEEDS = Needs()


def dpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """DPO loss a pair: -log sigmoid(beta D - margin m).

    D = [log pi(y_w|x) - log pi_ref(y_w|x)] - [log pi(y_l|x) - log pi_ref(y_l|x)], sums over the answer's tokens (`norm` sum).
    `margin` times the pair's column m is taken off inside the sigmoid (the offset of ODPO); 0 needs no column.
    @ref: log 2. Source: Rafailov et al. 2023, eq. 7; offset: Amini et al. 2024, eq. 5.
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm=norm)
    if margin != 0.0:
        z = z - margin * batch.columns["margin"]
    values = logistic(z, label_smoothing)
    return pair_losses(
        batch, values, reference=reference, nll_weight=nll_weight, nll_span=nll_span, weighted=weighted
    )
