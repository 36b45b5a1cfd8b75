"""Noise-contrastive alignment on pairs."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_ratio, log_sigmoid, pair_losses, positive

NEEDS = Needs()


def nca(
    batch: Batch,
    *,
    beta: float = 0.1,
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """NCA: -log sigmoid(beta r_w) - log sigmoid(-beta r_w) / 2 - log sigmoid(-beta r_l) / 2, r = log pi - log pi_ref.

    It holds each answer's own likelihood, not only the gap; exchanging the two sides is no change of sign.
    @ref: 2 log 2.
    Minimiser: no closed form; convex in r, each answer held by its own likelihood.
    Source: Chen et al. 2024, with two answers.
    """
    positive("beta", beta)
    chosen = beta * log_ratio(batch, "chosen", reference=reference)
    rejected = beta * log_ratio(batch, "rejected", reference=reference)
    values = -log_sigmoid(chosen) - 0.5 * log_sigmoid(-chosen) - 0.5 * log_sigmoid(-rejected)
    return pair_losses(batch, values, reference=reference, weighted=weighted)
