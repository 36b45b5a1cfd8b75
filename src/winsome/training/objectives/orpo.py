"""Odds-ratio preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_odds, log_sigmoid, logprob, nll, pair_losses

NEEDS = Needs(references=())


def orpo(
    batch: Batch,
    *,
    odds_weight: float = 0.1,
    nll_span: Literal["answer", "all"] = "answer",
    nll_norm: Literal["mean", "sum"] = "mean",
    weighted: bool = False,
) -> Losses:
    """ORPO: -lbar_w - lambda log sigmoid(log odds_w - log odds_l), odds = exp(lbar) / (1 - exp(lbar)), lambda = `odds_weight`.

    lbar = log pi(y|x) / n. `nll_span` all counts the prompt's tokens in the first term, as some versions of TRL do.
    @ref: the same at the start.
    Minimiser: no closed form; finite by its first term.
    Source: Hong et al. 2024.
    """
    odds = [log_odds(logprob(batch, role, norm="mean")) for role in ("chosen", "rejected")]
    values = nll(batch, "chosen", span=nll_span, norm=nll_norm) - odds_weight * log_sigmoid(odds[0] - odds[1])
    return pair_losses(batch, values, reference="none", weighted=weighted)
