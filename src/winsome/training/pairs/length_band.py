"""The shortest of the nearly best answers over the longest of the nearly worst: preference without a lesson in length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Kept, text_of
from winsome.training.pairs.made import pairs_of

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def length_band(frame: DataFrame, *, rho: float = 0.1, margin: float = 0.0) -> Kept:
    """One pair a prompt: of the answers within `rho` times the score range below the best the shortest is chosen, of those within it
    above the worst the longest is rejected.

    Lengths are in tokens where they are known for all answers, else in characters. Raises BadInput for rho outside [0, 0.5).
    Source: Meta-Rewarding, section 2.3.
    """
    import polars as pl

    if not 0.0 <= rho < 0.5:
        raise BadInput(f"pair length_band: rho={rho:g} must be at least 0 and below 0.5")
    counted = frame["n_tokens"].null_count() == 0
    size = pl.col("n_tokens") if counted else text_of().str.len_chars()
    rated = frame.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan()).with_row_index("_row")
    rated = rated.select(
        "prompt_id", "response_id", "lang", "value", "_row", size=size,
        top=pl.col("value").max().over("prompt_id"), bottom=pl.col("value").min().over("prompt_id"),
    )  # fmt: skip
    band = rho * (pl.col("top") - pl.col("bottom"))
    near_best = rated.filter(pl.col("value") >= pl.col("top") - band).sort("size", "_row")
    near_worst = rated.filter(pl.col("value") <= pl.col("bottom") + band).sort(
        "size", "_row", descending=[True, False]
    )
    found = (
        near_best.unique("prompt_id", keep="first", maintain_order=True)
        .join(
            near_worst.unique("prompt_id", keep="first", maintain_order=True),
            on="prompt_id",
            suffix="_rejected",
        )
        .sort("_row")
        .select(
            "prompt_id",
            "lang",
            chosen_id="response_id",
            rejected_id="response_id_rejected",
            margin=pl.col("value") - pl.col("value_rejected"),
        )
        .filter(pl.col("margin") > margin)
    )
    return pairs_of(frame, found, "length_band", "outside the bands, or too close")
