"""What a format leaves unsaid of its rows and is known all the same: AlpacaEval's order, MT-Bench's categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MT_BENCH = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
"""Categories of MT-Bench's questions 81 to 160, ten each in this order. Source: Zheng et al. 2023."""

MT_BENCH_FIRST, MT_BENCH_EACH = 81, 10

KEY = ("prompt_id", "model_a", "model_b", "judge")


def with_order(frame: pl.DataFrame) -> pl.DataFrame:
    """AlpacaEval's annotations, one a pair of answers, as order 0; unchanged where two rows are on the same answers' pair.

    Such rows (an instruction that occurs twice) cannot be told from repeats and stay without a key.
    """
    import polars as pl

    if frame.select(KEY).is_duplicated().any():
        return frame
    return frame.with_columns(pl.lit(0, pl.Int32).alias("order"))


def with_mt_bench_categories(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with MT-Bench's categories by question id, where it names none and every id is one of its 80 questions."""
    import polars as pl

    if "category" in frame.columns:
        return frame
    place = frame["prompt_id"].cast(pl.Int64, strict=False) - MT_BENCH_FIRST
    if not (place.is_not_null() & place.is_between(0, MT_BENCH_EACH * len(MT_BENCH) - 1)).all():
        return frame
    labels = pl.Series(MT_BENCH).gather(place // MT_BENCH_EACH)
    return frame.with_columns(labels.alias("category"))
