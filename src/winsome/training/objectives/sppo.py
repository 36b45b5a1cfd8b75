"""Self-play preference optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import log_ratio, pair_losses, positive

NEEDS = Needs(columns=("chosen_probability", "rejected_probability"))


def needs(settings: Mapping[str, Any]) -> Needs:
    """Probabilities unless targets are hard; the partition where it is a column."""
    columns = () if settings["targets"] == "hard" else NEEDS.columns
    return Needs(columns=columns + ("log_partition",) * (settings["log_partition"] == "column"))


def sppo(
    batch: Batch,
    *,
    beta: float = 1e-3,
    targets: Literal["probability", "hard"] = "probability",
    log_partition: Literal["half", "column"] = "half",
    reference: Literal["reference", "last", "behaviour"] = "reference",
    weighted: bool = False,
) -> Losses:
    """SPPO: [(r_w - (P_w - 1/2) / beta)^2 + (r_l - (P_l - 1/2) / beta)^2] / 2, r = log pi - log pi_t, beta = 1 / eta.

    P is each answer's mean probability to beat the samples of the last policy pi_t (a comparison with itself counts 1/2): columns
    chosen_probability and rejected_probability. `targets` hard takes 1 and 0 (TRL's sppo_hard, which does not halve).
    `log_partition`: log Z = eta / 2, which makes the 1/2 above, or each pair's own from the column log_partition.
    @ref: [(P_w - 1/2)^2 + (P_l - 1/2)^2] / (2 beta^2).
    Minimiser: pi proportional to pi_t exp(eta P), where log Z is exact.
    Source: Wu et al. 2024, eq. 4.7 and the official code.
    """
    positive("beta", beta)
    total = 0.0
    for role, hard in (("chosen", 1.0), ("rejected", 0.0)):
        won = hard if targets == "hard" else batch.columns[f"{role}_probability"]
        shift = 0.5 / beta if log_partition == "half" else batch.columns["log_partition"]
        total = total + (log_ratio(batch, role, reference=reference) - (won / beta - shift)) ** 2
    return pair_losses(batch, 0.5 * total, reference=reference, weighted=weighted)
