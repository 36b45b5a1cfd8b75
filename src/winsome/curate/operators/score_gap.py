"""Pairs by how far apart their answers were rated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept, kept

if TYPE_CHECKING:
    from polars import DataFrame, Expr

ON = "pairs"


def score_gap(frame: DataFrame, *, min: float | None = None, max: float | None = None) -> Kept:
    """The pairs whose `margin` (score of the chosen minus score of the rejected answer) lies in [min, max]."""
    import polars as pl

    margin = pl.col("margin")
    reasons: dict[str, Expr] = {"no margin": margin.is_null() | margin.is_nan()}
    if min is not None:
        reasons[f"gap below {min:g}"] = margin < min
    if max is not None:
        reasons[f"gap above {max:g}"] = margin > max
    return kept("rows", frame, reasons)
