"""Answers at given ranks over answers at others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Kept
from winsome.training.pairs.made import pairs_of

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def rank(
    frame: DataFrame,
    *,
    chosen: tuple[int, ...] = (1,),
    rejected: tuple[int, ...] = (-1,),
    margin: float = 0.0,
) -> Kept:
    """Each of the ranks `chosen` over each of the ranks `rejected` of a prompt (1 the best, -1 the worst), where the first has the
    higher score by more than `margin`.

    Raises BadInput for rank 0.
    """
    import polars as pl

    if 0 in (*chosen, *rejected):
        raise BadInput("pair rank: there is no rank 0; 1 is the best answer and -1 the worst")
    rated = frame.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
    ordered = rated.with_row_index("_row").sort(["value", "_row"], descending=[True, False]).select(
        "prompt_id", "response_id", "lang", "value", "_row",
        place=pl.int_range(1, pl.len() + 1).over("prompt_id"), size=pl.len().over("prompt_id"),
    )  # fmt: skip

    def at(wanted: tuple[int, ...]) -> DataFrame:
        places = [r if r > 0 else pl.col("size") + 1 + r for r in wanted]
        return ordered.filter(pl.any_horizontal([pl.col("place") == place for place in places]))

    found = (
        at(chosen)
        .join(at(rejected), on="prompt_id", how="inner", suffix="_rejected")
        .sort("_row", "_row_rejected")
        .select(
            "prompt_id",
            "lang",
            chosen_id="response_id",
            rejected_id="response_id_rejected",
            margin=pl.col("value") - pl.col("value_rejected"),
        )
        .filter(pl.col("margin") > margin)
    )
    return pairs_of(frame, found, "rank", "at no wanted rank, or too close")
