"""DPO with the likelihood of the chosen answer."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, positive, sigmoid_losses

NEEDS = Needs()


def dpo_nll(
    batch: Batch,
    *,
    beta: float = 0.1,
    alpha: float = 1.0,
    norm: Literal["sum", "mean"] = "sum",
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    nll_norm: Literal["mean", "sum"] = "mean",
    weighted: bool = False,
) -> Losses:
    """DPO + NLL (iterative RPO): -log sigmoid(beta D) - alpha log pi(y_w|x) / n_w.

    The second term is a mean over each answer's own tokens, then over pairs; TRL's sft term is one mean over the batch's tokens.
    @ref: log 2 - alpha lbar_w.
    Minimiser: no closed form; it lies between DPO's and the chosen answers' own distribution.
    Source: Pang et al. 2024.
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm=norm)
    return sigmoid_losses(
        batch,
        z,
        reference=reference,
        label_smoothing=label_smoothing,
        margin=margin,
        nll_weight=alpha,
        nll_span=nll_span,
        nll_norm=nll_norm,
        weighted=weighted,
    )
