"""Contrastive preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import logistic, logprob, pair_losses, positive

NEEDS = Needs(references=())


def cpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    alpha: float = 1.0,
    gamma: float = 0.0,
    loss_type: Literal["sigmoid", "hinge", "ipo"] = "sigmoid",
    norm: Literal["sum", "mean"] = "sum",
    label_smoothing: float = 0.0,
    nll_norm: Literal["mean", "sum"] = "mean",
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """CPO: -log sigmoid(beta (l_w - l_l) - gamma) - alpha lbar_w, l = log pi(y|x).

    The reference is taken to be uniform, so none is read. The likelihood of the chosen answer is a mean over its tokens (`nll_norm`
    mean, as the official code has it) or the paper's sum. With `norm` mean and gamma above 0 the first term is SimPO's (CPO-SimPO).
    `loss_type` as in TRL: hinge has max(0, 1 - beta (l_w - l_l)) as the first term, ipo (l_w - l_l - 1 / (2 beta))^2, which TRL
    takes of means over tokens (`norm` mean); gamma and label_smoothing belong to sigmoid.
    @ref: the same at the start.
    Minimiser: no closed form; with alpha = 0, pi proportional to exp(R / beta) where labels are Bradley-Terry in R.
    Source: Xu et al. 2024 (CPO); with gamma: Meng et al. 2024; hinge and ipo: TRL's CPOTrainer.
    """
    positive("beta", beta)
    gap = logprob(batch, "chosen", norm=norm) - logprob(batch, "rejected", norm=norm)
    if loss_type == "sigmoid":
        values = logistic(beta * gap - gamma, label_smoothing)
    elif gamma or label_smoothing:
        raise BadInput(f"cpo: gamma and label_smoothing belong to loss_type=sigmoid, not {loss_type}")
    else:
        values = (1.0 - beta * gap).relu() if loss_type == "hinge" else (gap - 0.5 / beta) ** 2
    return pair_losses(
        batch,
        values,
        reference="none",
        nll_weight=alpha,
        nll_span=nll_span,
        nll_norm=nll_norm,
        weighted=weighted,
    )
