"""Kahneman-Tversky optimisation: single answers, each desirable or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from winsome.training.batch import Batch, Losses, Needs, Sums
from winsome.training.terms import label_metrics, log_ratio, ones, positive, quotient

NEEDS = Needs(roles=("response",), step_roles=("mismatched",), columns=("label",))


def needs(settings: Mapping[str, Any]) -> Needs:
    """Mismatched answers only where they estimate the divergence."""
    return NEEDS if settings["kl"] == "mismatched" else Needs(roles=("response",), columns=("label",))


def step_sums(batch: Batch, *, reference: Literal["reference", "last", "behaviour"] = "reference") -> Sums:
    """kl: the log-ratios of answers to other prompts than their own, over the whole update and all ranks."""
    ratios = log_ratio(batch, "mismatched", reference=reference).detach()
    return {"kl": (ratios.sum(), ones(ratios).sum())}


def kto(
    batch: Batch,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    kl: Literal["mismatched", "zero"] = "mismatched",
    reference: Literal["reference", "last", "behaviour"] = "reference",
    weighted: bool = False,
) -> Losses:
    """KTO: lambda_D (1 - sigmoid(beta (r - z0))) for a desirable answer, lambda_U (1 - sigmoid(beta (z0 - r))) for another.

    r = log pi - log pi_ref; the column label says which (1 desirable). z0 = max(0, mean of r over answers paired with another
    example's prompt), over the whole update, without gradient; `kl` zero sets z0 = 0 (APO-zero on single answers).
    lambda_D is `desirable_weight`; keep lambda_D n_D / (lambda_U n_U) between 1 and 4/3.
    @ref: lambda / 2.
    Minimiser: none: answers more often undesirable than desirable (weighted by lambda) are driven to probability 0.
    Source: Ethayarajh et al. 2024, eq. 7 and 8.
    """
    positive("beta", beta)
    ratios = log_ratio(batch, "response", reference=reference)
    point = ratios.new_zeros(())
    if kl == "mismatched":
        sums = batch.step_sums or step_sums(batch, reference=reference)
        # The mean is over the update before it is cut at 0: cut micro-batches would be biased upwards.
        point = quotient(sums["kl"]).to(ratios.dtype).clamp(min=0.0)
    desirable = batch.columns["label"] > 0.5
    sign = desirable.to(ratios.dtype) * 2.0 - 1.0
    scale = desirable.to(ratios.dtype) * (desirable_weight - undesirable_weight) + undesirable_weight
    values = scale * (-sign * beta * (ratios - point)).sigmoid()
    if weighted:
        values = values * batch.columns["weight"]
    metrics = dict(label_metrics(batch, ratios))
    metrics["kl"] = (point * len(values), ones(values).sum())
    return Losses(values, ones(values), metrics)
