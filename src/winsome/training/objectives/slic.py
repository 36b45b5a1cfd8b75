"""Sequence likelihood calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import logprob, nll, pair_losses

NEEDS = Needs(references=())


def needs(settings: Mapping[str, Any]) -> Needs:
    """A third sequence where the target is not the chosen answer."""
    return NEEDS if settings["target"] == "chosen" else Needs(("chosen", "rejected", "target"), references=())


def slic(
    batch: Batch,
    *,
    delta: float = 1.0,
    regulariser: float = 0.1,
    target: Literal["chosen", "target"] = "chosen",
    norm: Literal["sum", "mean"] = "sum",
    weighted: bool = False,
) -> Losses:
    """SLiC: max(0, delta - l_w + l_l) - lambda l_target, l = log pi(y|x), lambda = `regulariser`.

    `target` is the answer that the second term keeps likely: the chosen one, or one of the pair's own in the role target (the SFT
    answer of the paper).
    @ref: the same at the start.
    Minimiser: no closed form; a convex programme in the log-probabilities.
    Source: Zhao et al. 2023 (SLiC-HF).
    """
    values = (delta - logprob(batch, "chosen", norm=norm) + logprob(batch, "rejected", norm=norm)).relu()
    values = values + regulariser * nll(batch, target, norm=norm)
    return pair_losses(batch, values, reference="none", weighted=weighted)
