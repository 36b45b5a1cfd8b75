"""Rank responses to align human feedback: a hinge between all answers of a ranked list."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import list_metrics, logprob, ones, per_group

NEEDS = Needs(roles=("response",), references=(), columns=("score",), groups=True)


def rrhf(
    batch: Batch,
    *,
    nll_weight: float = 1.0,
    nll_norm: Literal["sum", "mean"] = "sum",
    margin: float = 0.0,
) -> Losses:
    """RRHF: sum over answers i above j of max(0, lbar_j - lbar_i + m) - lambda l_best, lbar = log pi(y|x) / n.

    Answers are ranked by the column score; equal scores make no term; of several best the first is learnt. m = `margin` times
    the difference in score (the paper has none: without it an ordered list has no gradient in the first term).
    lambda = `nll_weight`; `nll_norm` sum is the paper's.
    @ref: the same at the start.
    Minimiser: no closed form; a convex programme in the log-probabilities.
    Source: Yuan et al. 2023, eq. 2 to 4.
    """
    import torch

    means, scores = (
        logprob(batch, "response", norm="mean"),
        batch.columns["score"].to(batch.policy.sums.dtype),
    )
    above, best = per_group(batch)
    wanted = means[None, :] - means[:, None] + margin * (scores[:, None] - scores[None, :])
    hinges = torch.where(above, wanted, 0.0).relu().sum(1)
    values = torch.zeros(len(best), dtype=means.dtype, device=means.device).index_add(0, batch.groups, hinges)  # type: ignore[arg-type]
    values = values - nll_weight * logprob(batch, "response", norm=nll_norm)[best]
    return Losses(values, ones(values), list_metrics(batch, above))
