"""DPO with the rejected side weakened."""

from __future__ import annotations

from typing import Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_ratio, positive, sigmoid_losses

NEEDS = Needs()


def dpo_shift(
    batch: Batch,
    *,
    beta: float = 0.1,
    shift: float = 0.95,
    shift_end: float | None = None,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """DPO-Shift: -log sigmoid(beta (r_w - f r_l)), r = log pi - log pi_ref, f in (0, 1].

    f = `shift`, or runs linearly from `shift` to `shift_end` over the updates. f weighs the reference's part too; f = 1 is DPO.
    @ref: log 2.
    Minimiser: no closed form; DPO's where f = 1.
    Source: Yang et al. 2025.
    """
    positive("beta", beta)
    f = shift if shift_end is None else shift + (shift_end - shift) * batch.progress
    if not 0.0 < f <= 1.0:
        raise BadInput(f"shift={f} must be above 0 and at most 1")
    chosen = log_ratio(batch, "chosen", reference=reference)
    z = beta * (chosen - f * log_ratio(batch, "rejected", reference=reference))
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
