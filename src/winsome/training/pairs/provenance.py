"""Answers of one origin over answers of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.frames import Kept
from winsome.training.pairs.made import pairs_of

if TYPE_CHECKING:
    from polars import DataFrame


def provenance(
    frame: DataFrame,
    *,
    chosen: str,
    rejected: str,
    orient: Literal["fixed", "reward"] = "fixed",
    margin: float = 0.0,
) -> Kept:
    """One pair a prompt: its first answer of provenance `chosen` over its first of provenance `rejected`.

    orient: `reward` lets the higher score be chosen instead, whatever its origin, where scores differ by more than `margin`.
    """
    import polars as pl

    named = frame.with_row_index("_row").select(
        "prompt_id", "response_id", "lang", "value", "_row", "provenance"
    )

    def first(origin: str) -> DataFrame:
        return named.filter(pl.col("provenance") == origin).unique(
            "prompt_id", keep="first", maintain_order=True
        )

    found = first(chosen).join(first(rejected), on="prompt_id", suffix="_other").sort("_row")
    gap = pl.col("value") - pl.col("value_other")
    if orient == "reward":
        found = found.filter(gap.abs() > margin)
        swap = gap < 0
    else:
        swap = pl.lit(False)
    found = found.select(
        "prompt_id",
        "lang",
        chosen_id=pl.when(swap).then("response_id_other").otherwise("response_id"),
        rejected_id=pl.when(swap).then("response_id").otherwise("response_id_other"),
        margin=pl.when(swap).then(-gap).otherwise(gap),
    )
    return pairs_of(
        frame, found, "provenance", f"neither the first {chosen} nor the first {rejected}, or too close"
    )
