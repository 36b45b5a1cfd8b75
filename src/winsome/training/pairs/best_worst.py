"""The best answer over the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept
from winsome.training.pairs.made import extremes, pairs_of

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def best_worst(frame: DataFrame, *, margin: float = 0.0) -> Kept:
    """One pair a prompt: its highest score over its lowest, where they differ by more than `margin`.

    Of equal scores the earlier answer counts. Prompts whose answers all have one score make no pair. Source: RIP, section 3.
    """
    import polars as pl

    best, worst = extremes(frame)
    found = best.join(worst, on="prompt_id", how="inner", maintain_order="left", suffix="_worst").select(
        "prompt_id",
        "lang",
        chosen_id="response_id",
        rejected_id="response_id_worst",
        margin=pl.col("value") - pl.col("value_worst"),
    )
    return pairs_of(
        frame, found.filter(pl.col("margin") > margin), "best_worst", "between best and worst, or too close"
    )
