"""Pairs as a frame, with every answer that is in none of them counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept, pair_id, settled

if TYPE_CHECKING:
    from polars import DataFrame


def extremes(frame: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The best and the worst rated answer of each prompt, prompts in order; of equal scores the earlier row."""
    import polars as pl

    rated = frame.select("prompt_id", "response_id", "lang", "value").filter(
        pl.col("value").is_not_null() & pl.col("value").is_not_nan()
    )
    places = (
        rated.with_row_index("_row")
        .group_by("prompt_id")
        .agg(
            best=pl.col("_row").get(pl.col("value").arg_max()),
            worst=pl.col("_row").get(pl.col("value").arg_min()),
        )
    )
    best, worst = places["best"].sort(), places["worst"].sort()
    return rated[best], rated[worst]


def pairs_of(frame: DataFrame, found: DataFrame, rule: str, unused: str) -> Kept:
    """`found` (prompt_id, chosen_id, rejected_id, margin, ..) as pairs of `rule`; answers of `frame` in none are `unused`."""
    import polars as pl

    pairs = settled("pairs", found.with_columns(pair_id().alias("pair_id"), pl.lit(rule).alias("rule")))
    in_pairs = pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).unique()
    left = frame.height - len(in_pairs)
    unrated = frame.filter(pl.col("value").is_null() | pl.col("value").is_nan()).select("response_id")
    if unrated.height:
        unrated = unrated.join(in_pairs.to_frame("response_id"), on="response_id", how="anti")
    dropped = {"no score": unrated.height, unused: left - unrated.height}
    return Kept({"pairs": pairs}, {reason: n for reason, n in dropped.items() if n})
