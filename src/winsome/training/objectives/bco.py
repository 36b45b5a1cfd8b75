"""Binary classifier optimisation on pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from winsome.training.batch import Batch, Losses, Needs, Sums
from winsome.training.terms import log_ratio, log_sigmoid, ones, pair_losses, positive, quotient

NEEDS = Needs(step_roles=("chosen", "rejected"))


def needs(settings: Mapping[str, Any]) -> Needs:
    """No pass beforehand where the shift is 0."""
    return replace(NEEDS, step_roles=()) if settings["shift"] == "zero" else NEEDS


def step_sums(batch: Batch, *, reference: Literal["reference", "last", "behaviour"] = "reference") -> Sums:
    """ratio: the log-ratios of chosen and rejected answers alike."""
    both = [log_ratio(batch, role, reference=reference).detach() for role in ("chosen", "rejected")]
    return {"ratio": (both[0].sum() + both[1].sum(), ones(both[0]).sum() * 2.0)}


def bco(
    batch: Batch,
    *,
    beta: float = 0.1,
    shift: Literal["running", "step", "zero"] = "running",
    reference: Literal["reference", "last", "behaviour"] = "reference",
    weighted: bool = False,
) -> Losses:
    """BCO: -log sigmoid(beta r_w - d) - log sigmoid(-(beta r_l - d)), r = log pi - log pi_ref.

    d is the mean of beta r over both sides, without gradient: `shift` running takes it over all updates so far, step over
    this one, zero sets d = 0 (TRL's bco_pair).
    @ref: 2 log 2 (d = 0 there).
    Minimiser: no closed form; with d = 0 convex in r.
    Source: Jung et al. 2024.
    """
    positive("beta", beta)
    chosen = beta * log_ratio(batch, "chosen", reference=reference)
    rejected = beta * log_ratio(batch, "rejected", reference=reference)
    d = chosen.new_zeros(())
    if shift != "zero":
        sums = batch.run_sums if shift == "running" else batch.step_sums
        d = beta * quotient((sums or step_sums(batch, reference=reference))["ratio"]).to(chosen.dtype)
    values = -log_sigmoid(chosen - d) - log_sigmoid(d - rejected)
    return pair_losses(batch, values, reference=reference, weighted=weighted)
