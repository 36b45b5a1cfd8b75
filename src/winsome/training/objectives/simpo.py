"""Preference optimisation on mean log-probabilities, without reference."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import logprob, positive, sigmoid_losses

NEEDS = Needs(references=())


def simpo(
    batch: Batch,
    *,
    beta: float = 2.0,
    gamma: float = 1.0,
    gamma_scale: Literal["absolute", "beta"] = "absolute",
    label_smoothing: float = 0.0,
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """SimPO: -log sigmoid(beta (lbar_w - lbar_l) - gamma), lbar = log pi(y|x) / n.

    `gamma_scale` beta takes gamma as a multiple of beta (gamma_beta_ratio of the official code); absolute as it stands in the paper
    and in TRL. No reference is read.
    @ref: -log sigmoid(beta (lbar_w - lbar_l) - gamma) of the start.
    Minimiser: no closed form; finite where labels are uncertain.
    Source: Meng et al. 2024, eq. 6.
    """
    positive("beta", beta)
    target = gamma * beta if gamma_scale == "beta" else gamma
    z = beta * (logprob(batch, "chosen", norm="mean") - logprob(batch, "rejected", norm="mean")) - target
    return sigmoid_losses(
        batch,
        z,
        reference="none",
        label_smoothing=label_smoothing,
        margin=margin,
        nll_weight=nll_weight,
        nll_span=nll_span,
        weighted=weighted,
    )
