"""The published AlpacaEval 2 annotations as battles, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from winsome.standings import Battles, Calibration

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


def calibration(folder: Path) -> Calibration:
    """Difficulties and gamed rows of the suite, with the two sums recovered from published weights."""
    table = pl.read_csv(folder / "alpaca_eval_2" / "calibration.csv")
    hard = table["instruction_difficulty"].to_numpy()
    gamed = [table[f"std_delta_len_{version}"].to_numpy() for version in ("verbose", "concise")]
    return Calibration(
        difficulty=dict(zip(table["index"].cast(pl.String), hard.tolist(), strict=True)),
        gamed_length=np.concatenate(gamed),
        gamed_difficulty=np.tile(hard, 2),
        sums=(-182.70, 412.93),
    )
