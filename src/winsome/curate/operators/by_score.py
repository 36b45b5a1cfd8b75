"""Rows by their score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept, kept

if TYPE_CHECKING:
    from polars import DataFrame, Expr

READS = "value"


def score(frame: DataFrame, *, min: float | None = None, max: float | None = None) -> Kept:
    """The rows whose `value` lies in [min, max], ends included; a row without a score is dropped as such."""
    import polars as pl

    value = pl.col("value")
    reasons: dict[str, Expr] = {"no score": value.is_null() | value.is_nan()}
    if min is not None:
        reasons[f"score below {min:g}"] = value < min
    if max is not None:
        reasons[f"score above {max:g}"] = value > max
    return kept("rows", frame, reasons)
