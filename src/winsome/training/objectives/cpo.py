"""Contrastive preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import logprob, positive, sigmoid_losses

NEEDS = Needs(references=())


def cpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    alpha: float = 1.0,
    gamma: float = 0.0,
    norm: Literal["sum", "mean"] = "sum",
    label_smoothing: float = 0.0,
    nll_norm: Literal["mean", "sum"] = "mean",
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """CPO: -log sigmoid(beta (l_w - l_l) - gamma) - alpha lbar_w, l = log pi(y|x).

    The reference is taken to be uniform, so none is read. The likelihood of the chosen answer is a mean over its tokens (`nll_norm`
    mean, as the official code has it) or the paper's sum. With `norm` mean and gamma above 0 the first term is SimPO's (CPO-SimPO).
    @ref: the same at the start.
    Minimiser: no closed form; with alpha = 0, pi proportional to exp(R / beta) where labels are Bradley-Terry in R.
    Source: Xu et al. 2024 (CPO); with gamma: Meng et al. 2024.
    """
    positive("beta", beta)
    z = beta * (logprob(batch, "chosen", norm=norm) - logprob(batch, "rejected", norm=norm)) - gamma
    return sigmoid_losses(
        batch,
        z,
        reference="none",
        label_smoothing=label_smoothing,
        nll_weight=alpha,
        nll_span=nll_span,
        nll_norm=nll_norm,
        weighted=weighted,
    )
