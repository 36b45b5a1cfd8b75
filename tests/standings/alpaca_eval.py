"""The published AlpacaEval 2 annotations as battles, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from winsome.standings import Battles

BASELINE = "gpt4_1106_preview"


def published(folder: Path) -> tuple[Battles, dict[str, dict[str, float]]]:
    """The battles of 24 models against the reference, and the leaderboard's row of each model."""
    home = folder / "alpaca_eval_2"
    answers = pl.read_parquet(home / "baseline_gpt4_1106_preview.parquet").select(
        "index", length_b=pl.col("output").str.len_chars()
    )
    frame = (
        pl.read_parquet(home / "annotations_public.parquet")
        .join(answers, on="index")
        .select(
            model_a="model",
            model_b=pl.lit(BASELINE),
            share=pl.col("preference") - 1,
            prompt_id=pl.col("index").cast(pl.String),
            length_a=pl.col("output").str.len_chars(),
            length_b="length_b",
        )
    )
    rows = pl.read_csv(home / "published_public.csv").rename({"": "model"}).to_dicts()
    return Battles.from_frame(frame), {row["model"]: row for row in rows}
