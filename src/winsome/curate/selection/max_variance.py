"""Prompts whose answers were rated most differently: where a comparison tells most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def max_variance(frame: DataFrame, *, budget: float) -> Kept:
    """The answers to the `budget` prompts (below 1: that share) whose answers' scores have the largest variance.

    A prompt with fewer than two rated answers has none and is dropped. Source: curation of Meta-Rewarding, where the pairs of
    judgements with the highest variance are kept.
    """
    import polars as pl

    spread = (
        frame.group_by("prompt_id", maintain_order=True)
        .agg(pl.col("value").drop_nans().var().alias("variance"))
        .with_row_index("_row")
    )
    known = spread.filter(pl.col("variance").is_not_null())
    wanted = int(budget if budget >= 1 else round(budget * known.height))
    chosen = known.sort(["variance", "_row"], descending=[True, False]).head(wanted)
    rows = frame.filter(pl.col("prompt_id").is_in(chosen["prompt_id"].implode()))
    unknown = frame.filter(
        pl.col("prompt_id").is_in(spread.filter(pl.col("variance").is_null())["prompt_id"].implode())
    ).height
    dropped = {
        "variance unknown": unknown,
        "variance not among the largest": frame.height - rows.height - unknown,
    }
    return Kept({"rows": rows}, {reason: n for reason, n in dropped.items() if n})
