"""Preference ranking optimisation: each answer of a ranked list against all below it."""

from __future__ import annotations

from typing import Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import list_metrics, logprob, ones, per_group

NEEDS = Needs(roles=("response",), references=(), columns=("score",), groups=True)


def pro(
    batch: Batch,
    *,
    nll_weight: float = 0.05,
    temperature: Literal["one", "gap"] = "one",
    nll_norm: Literal["mean", "sum"] = "mean",
) -> Losses:
    """PRO: -sum over k < n of log[exp(lbar_k / T_kk) / sum over i >= k of exp(lbar_i / T_ki)] - lambda lbar_1.

    lbar = log pi(y|x) / n of answers ranked by the column score, best first; equal scores stand in the order given. T = 1, or
    (`temperature` gap) T_ki = 1 / (s_k - s_i) for i below k and T_kk the least of them, which needs distinct scores.
    lambda = `nll_weight` (the paper: 0.05 times the square of one less than the answers).
    @ref: the same at the start; log n! + lambda-term where all lbar are equal.
    Minimiser: no closed form; finite by its last term.
    Source: Song et al. 2023, eq. 5 to 9.
    """
    import torch

    groups = batch.groups
    if groups is None:
        raise BadInput("pro: ranked lists are needed; give data with responses and scores")
    means, scores = (
        logprob(batch, "response", norm="mean"),
        batch.columns["score"].to(batch.policy.sums.dtype),
    )
    above, best = per_group(batch)
    values: list[torch.Tensor] = []
    for number in range(len(best)):
        rows = (groups == number).nonzero()[:, 0]
        rows = rows[torch.sort(scores[rows], descending=True, stable=True).indices]
        lbar, s = means[rows], scores[rows]
        total = lbar.new_zeros(())
        for k in range(len(rows) - 1):
            heat = torch.ones_like(lbar[k:])
            if temperature == "gap":
                gaps = s[k] - s[k + 1 :]
                if not bool((gaps > 0).all()):
                    raise BadInput(
                        "pro: temperature=gap needs distinct scores in a list; drop ties or take one"
                    )
                heat = torch.cat([gaps.max()[None], gaps])
            scaled = lbar[k:] * heat
            total = total + scaled.logsumexp(0) - scaled[0]
        values.append(total)
    stacked = torch.stack(values) - nll_weight * logprob(batch, "response", norm=nll_norm)[best]
    return Losses(stacked, ones(stacked), list_metrics(batch, above))
