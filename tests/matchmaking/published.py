"""The published AlpacaEval 2 annotations as files in the format in which they are published."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

BASELINE = "gpt4_1106_preview"
JUDGE = "weighted_alpaca_eval_gpt4_turbo"


def leaderboard(data: Path) -> dict[str, dict[str, float]]:
    """Model -> its row of the leaderboard."""
    rows = pl.read_csv(data / "alpaca_eval_2" / "published_public.csv").rename({"": "model"}).to_dicts()
    return {row["model"]: row for row in rows}


def annotation_files(data: Path, folder: Path) -> dict[str, Path]:
    """An annotations file a model, written to `folder`."""
    home = data / "alpaca_eval_2"
    reference = pl.read_parquet(home / "baseline_gpt4_1106_preview.parquet").rename({"output": "output_1"})
    table = pl.read_parquet(home / "annotations_public.parquet").join(reference, on="index")
    files: dict[str, Path] = {}
    for (model,), part in table.group_by("model", maintain_order=True):
        rows = part.select(
            "instruction",
            "output_1",
            generator_1=pl.lit(BASELINE),
            output_2="output",
            generator_2="model",
            dataset="dataset",
            annotator=pl.lit(JUDGE),
            preference="preference",
        )
        files[str(model)] = folder / f"{model}.json"
        files[str(model)].write_text(json.dumps(rows.to_dicts()), "utf-8")
    return files
