"""Make the table that ships for the published length control from local copies of the published figures.

    python -m benchmarks.alpaca_eval_calibration DATA/alpaca_eval_2 src/winsome/matchmaking/alpaca_eval_2.csv

A row an instruction, in the suite's order: its id (a digest, no words), its difficulty, and the standardised lengths of the
baseline's two gamed versions. All are figures; the texts stay where they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from winsome.records import Prompt, user


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    words = pl.read_parquet(
        given.data / "baseline_gpt4_1106_preview.parquet", columns=["index", "instruction"]
    )
    figures = pl.read_csv(given.data / "calibration.csv").join(words, on="index").sort("index")
    table = figures.select(
        prompt_id=pl.Series([Prompt((user(text),)).id for text in figures["instruction"]]),
        difficulty=pl.col("instruction_difficulty").round(9),
        verbose=pl.col("std_delta_len_verbose").round(9),
        concise=pl.col("std_delta_len_concise").round(9),
    )
    table.write_csv(given.out)


if __name__ == "__main__":
    main()
