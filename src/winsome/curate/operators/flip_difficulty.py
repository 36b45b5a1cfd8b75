"""Pairs by the loss at which training ranks them right: those that the reference is most sure to have the wrong way round never turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from winsome.curate.operators.perplexity import logprobs_of
from winsome.errors import BadInput
from winsome.frames import Frames, Kept, kept
from winsome.protocols import Contender
from winsome.standings.ranking_accuracy import difficulty

if TYPE_CHECKING:
    from polars import DataFrame, Expr

ON = "pairs"
READS = "sides"


async def flip_difficulty(
    frame: DataFrame,
    *,
    model: Contender,
    beta: float = 0.1,
    min: float | None = None,
    max: float | None = None,
    frames: Frames,
) -> Kept:
    """The pairs whose difficulty, -log sigmoid(beta (lp(rejected) - lp(chosen))) in nats, lies in [min, max].

    That is the DPO loss at or below which a pair is ranked right; the smaller it is, the harder the pair, log 2 where the model finds
    both answers equally likely. lp: the sum over the answer's tokens, end of turn included, under `model`, the reference of the
    training to come, whose weights must lie here. Raises BadInput without bounds and for a beta that is not above 0.
    Source: Chen et al. 2024 (Preference learning algorithms do not learn preference rankings), theorem 4.1.
    """
    import polars as pl

    check({"beta": beta, "min": min, "max": max})
    sums = [
        np.array(await logprobs_of(list(frame[f"{side}_id"]), frames, model, "answer"))
        for side in ("chosen", "rejected")
    ]
    needed = difficulty(sums[0] - sums[1], beta)
    measured = frame.with_columns(pl.Series("_difficulty", needed, dtype=pl.Float64))
    value = pl.col("_difficulty")
    reasons: dict[str, Expr] = {"no log-probability": value.is_nan()}
    if min is not None:
        reasons[f"difficulty below {min:g}"] = value < min
    if max is not None:
        reasons[f"difficulty above {max:g}"] = value > max
    made = kept("rows", measured, reasons)
    known = needed[~np.isnan(needed)]
    facts = {"beta": beta, "wrong_at_first": float((known < np.log(2.0)).mean()) if len(known) else None}
    return Kept({"rows": made.frames["rows"].drop("_difficulty")}, made.dropped, facts=facts)


def check(settings: Mapping[str, Any]) -> None:
    """Raise BadInput for bounds and a beta that cannot be, before anything is asked."""
    low, high, beta = settings.get("min"), settings.get("max"), settings.get("beta")
    if low is None and high is None:
        raise BadInput(
            "filter flip_difficulty: keeps every pair without min and max; give one, such as min: 0.5"
        )
    if low is not None and high is not None and low > high:
        raise BadInput(f"filter flip_difficulty: min={low:g} lies above max={high:g}; turn them round")
    if beta is not None and not beta > 0:
        raise BadInput(f"filter flip_difficulty: beta={beta:g} must be above 0; give that of the training")
