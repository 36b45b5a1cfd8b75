"""DPO that weighs what an answer says beyond the other's length."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import positive, sigmoid_losses, tail_weighted_ratio

NEEDS = Needs(tokens=True)


def ld_dpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    alpha: float = 0.4,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """LD-DPO: DPO with log pi(y) = sum of the first min(n_w, n_l) tokens + alpha times the sum of the rest.

    Policy and reference alike; alpha = 1 is DPO, 0 compares equal lengths only.
    @ref: log 2.
    Minimiser: as DPO's where every answer is one token long.
    Source: Liu et al. 2024 (length desensitisation).
    """
    positive("beta", beta)
    chosen = tail_weighted_ratio(batch, "chosen", "rejected", alpha=alpha, reference=reference)
    rejected = tail_weighted_ratio(batch, "rejected", "chosen", alpha=alpha, reference=reference)
    z = beta * (chosen - rejected)
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
