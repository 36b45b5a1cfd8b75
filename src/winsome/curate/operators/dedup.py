"""Rows whose words were there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept, text_of

if TYPE_CHECKING:
    from polars import DataFrame


def dedup(frame: DataFrame, *, within: str = "") -> Kept:
    """The first of all rows with the same words, runs of white space as one, in Unicode NFKC and lower case.

    within: a column; only rows that agree in it are compared (answers within a prompt: prompt_id).
    """
    import polars as pl

    text = pl.col("text") if "text" in frame.columns else text_of()
    plain = text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    keys = [plain.alias("_words"), *([pl.col(within)] if within else [])]
    first = frame.select(pl.struct(keys).is_first_distinct().alias("first"))["first"]
    lost = int((~first).sum())
    return Kept({"rows": frame.filter(first)}, {"same words as an earlier row": lost} if lost else {})
