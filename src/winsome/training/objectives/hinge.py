"""A hinge on the log-ratios of DPO."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, pair_losses, positive

NEEDS = Needs()


def hinge(
    batch: Batch,
    *,
    beta: float = 0.1,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """Hinge: max(0, 1 - beta D).

    Some call this SLiC; the loss of the SLiC paper has no reference and is `slic`.
    @ref: 1.
    Minimiser: a linear programme in r; with two answers beta D = 1 for the likelier winner, whatever its chance.
    Source: Liu et al. 2023 (statistical rejection sampling).
    """
    positive("beta", beta)
    values = (1.0 - beta * gap(batch, reference=reference, norm=norm)).relu()
    return pair_losses(batch, values, reference=reference, weighted=weighted)
