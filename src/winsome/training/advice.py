"""What is said of data and figures, so that a loss that looks fine does not hide what users found out weeks later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from winsome.training.examples import ROLES

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from winsome.training.units import Units

BALANCED = (1.0, 4.0 / 3.0)
"""Of desirable over undesirable answers, each times its weight: Ethayarajh et al. 2024, section 4.2."""
FALLEN = -10.0
"""Nats an answer by which chosen ones have become less likely than under the reference, from which it is said once."""


def of_data(units: Units, settings: Mapping[str, Any]) -> list[str]:
    """How long the sides of pairs are beside each other; of labelled answers, whether their weights balance."""
    told: list[str] = []
    lengths = units.sequences.lengths[:, 1]
    if set(ROLES["pairs"]) <= units.rows.keys():
        chosen, rejected = (float(lengths[units.rows[role]].mean()) for role in ROLES["pairs"])
        told.append(
            f"data: chosen answers have {chosen:.1f} tokens, rejected {rejected:.1f} ({chosen / rejected - 1:+.0%})"
        )
    if "label" in units.columns and "undesirable_weight" in settings:
        told.append(_balance(units.columns["label"], settings))
    return told


def _balance(labels: NDArray[float64], settings: Mapping[str, Any]) -> str:
    good = int((labels > 0.5).sum())
    bad = len(labels) - good
    line = f"data: {good} answers are desirable, {bad} not"
    if not good or not bad:
        return f"{line}; with one kind alone nothing says what to avoid or to seek"
    weights = settings["desirable_weight"], settings["undesirable_weight"]
    found = weights[0] * good / (weights[1] * bad)
    if BALANCED[0] - 1e-9 <= found <= BALANCED[1] + 1e-9:
        return line
    return f"{line}; --undesirable-weight {weights[0] * good / bad:.3g} balances them (now {found:.2f} to 1)"


def of_figures(figures: Mapping[str, float]) -> str | None:
    """What may be wrong though the loss falls: both answers of pairs become less likely."""
    fallen = figures.get("chosen_ratio", 0.0)
    if fallen > FALLEN:
        return None
    return (
        f"the chosen answers are {-fallen:.0f} nats less likely than at the start, as the rejected ones; usual for DPO, and a risk: "
        "--nll-weight 1, dpo_nll or dpop keep them likely"
    )
