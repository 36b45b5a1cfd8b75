"""DPO made unbiased under labels flipped at a known rate."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, log_sigmoid, pair_losses, positive, share

NEEDS = Needs()


def robust(
    batch: Batch,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.1,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """Robust DPO: [-(1 - e) log sigmoid(beta D) + e log sigmoid(-beta D)] / (1 - 2e), e = `label_smoothing` in [0, 0.5).

    Its mean over labels flipped at rate e is DPO's loss on the true labels. One pair's loss is negative and without floor where
    beta D is large: nothing is clipped.
    @ref: log 2.
    Minimiser: DPO's on the true labels, where labels are flipped at rate e.
    Source: Chowdhury et al. 2024.
    """
    positive("beta", beta)
    share("label_smoothing", label_smoothing, 0.5)
    z = beta * gap(batch, reference=reference, norm=norm)
    kept, flipped = (1.0 - label_smoothing) * log_sigmoid(z), label_smoothing * log_sigmoid(-z)
    return pair_losses(
        batch, (flipped - kept) / (1.0 - 2.0 * label_smoothing), reference=reference, weighted=weighted
    )
