"""DPO over pairs of prompt and answer."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, positive, sigmoid_losses

NEEDS = Needs(prompts=True)


def dove(
    batch: Batch,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """DOVE: -log sigmoid(beta (J(x_w, y_w) - J(x_l, y_l))), J = log pi(x, y) - log pi_ref(x, y).

    The two sides may have different prompts, whose tokens (but the first) count like the answers'. Equal prompts give DPO.
    @ref: log 2.
    Minimiser: pi(x, y) proportional to pi_ref(x, y) exp(R(x, y) / beta) where labels are Bradley-Terry in R.
    Source: Bansal et al. 2024.
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, span="all")
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
