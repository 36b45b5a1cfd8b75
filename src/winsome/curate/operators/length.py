"""Rows by how long their words are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.frames import Kept, kept, text_of

if TYPE_CHECKING:
    from polars import DataFrame, Expr


def length(
    frame: DataFrame,
    *,
    min: int | None = None,
    max: int | None = None,
    unit: Literal["tokens", "characters"] = "characters",
) -> Kept:
    """The rows whose last turn (a document's text) is between `min` and `max` long; tokens are those of the answer's own model."""
    import polars as pl

    text = pl.col("text") if "text" in frame.columns else text_of()
    size = pl.col("n_tokens") if unit == "tokens" else text.str.len_chars()
    reasons: dict[str, Expr] = {"length unknown": size.is_null()}
    if min is not None:
        reasons[f"shorter than {min} {unit}"] = size < min
    if max is not None:
        reasons[f"longer than {max} {unit}"] = size > max
    return kept("rows", frame, reasons)
