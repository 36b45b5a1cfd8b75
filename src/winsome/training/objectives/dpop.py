"""DPO that keeps the chosen answer likely."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, log_ratio, positive, sigmoid_losses

NEEDS = Needs()


def dpop(
    batch: Batch,
    *,
    beta: float = 0.3,
    penalty: float = 50.0,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """DPO-positive: -log sigmoid(beta (D - lambda max(0, log pi_ref(y_w|x) - log pi(y_w|x)))), lambda = `penalty`.

    The penalty stands inside the sigmoid and inside beta.
    @ref: log 2.
    Minimiser: no closed form; DPO's where lambda = 0.
    Source: Pal et al. 2024.
    """
    positive("beta", beta)
    fallen = (-log_ratio(batch, "chosen", reference=reference)).relu()
    z = beta * (gap(batch, reference=reference) - penalty * fallen)
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
