"""Verdicts out as foreign formats, so that other tools read them: which columns each needs, and what is filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.ledger.formats import alpaca_eval, arena_hard, human, mt_bench, verdict_tables, wildbench
from winsome.ledger.formats.complaints import listed, refuse

if TYPE_CHECKING:
    import polars as pl

    Writer = Callable[[Path, pl.DataFrame], int]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "alpaca_eval": ("model_a", "model_b", "share", "prompt", "answer_a", "answer_b"),
    "arena_hard": ("model_a", "model_b", "share", "prompt_id"),
    "arena_hard_v0.1": ("model_a", "model_b", "share", "prompt_id"),
    "mt_bench": ("model_a", "model_b", "share", "prompt_id"),
    "wildbench": ("model_a", "model_b", "share", "prompt_id"),
    "battles": ("model_a", "model_b", "share"),
    "human": ("prompt", "answer_a", "answer_b"),
}
"""Format -> the columns without which it cannot be written; single grades need GRADED instead."""

GRADED = ("model", "grade", "prompt_id")


def write_verdicts(path: Path, format: str, frame: pl.DataFrame) -> int:
    """Writes verdicts, or the single grades of a frame with a column `grade`, in `format`; returns how many records.

    One order alone is written as the first of two games, the second left empty. Raises BadInput for an unknown format, a
    missing column, or a share that the format has no word for.
    """
    if format not in NEEDS:
        raise BadInput(f'no format "{format}" to write (known: {", ".join(NEEDS)}); choose one')
    graded = "grade" in frame.columns
    if graded and format not in ("mt_bench", "wildbench"):
        refuse(path, f"{format} holds comparisons, these are single grades; write mt_bench or wildbench")
    for name in GRADED if graded else NEEDS[format]:
        if name not in frame.columns or frame[name].dtype.is_nested():
            refuse(path, f'{format} needs "{name}" (found: {listed(frame.columns)}); write battles instead')
    return _writer(format, graded)(path, frame)


def _writer(format: str, graded: bool) -> Writer:
    if graded:
        return mt_bench.write_singles if format == "mt_bench" else wildbench.write_scores
    writers: dict[str, Writer] = {
        "alpaca_eval": alpaca_eval.write_annotations,
        "arena_hard": lambda path, frame: arena_hard.write_judgments(path, _ordered(path, frame), "v2"),
        "arena_hard_v0.1": lambda path, frame: arena_hard.write_judgments(
            path, _ordered(path, frame), "v0.1"
        ),
        "mt_bench": lambda path, frame: mt_bench.write_pairs(path, _ordered(path, frame)),
        "wildbench": wildbench.write_pairs,
        "battles": _battles,
        "human": lambda path, frame: human.write_sheet(path, _sheet(frame)),
    }
    return writers[format]


def _ordered(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the order of every verdict; 0 where none was recorded."""
    import polars as pl

    if "order" not in frame.columns:
        frame = frame.with_columns(order=pl.lit(0))
    wrong = ~frame["order"].is_in([0, 1]) | frame["order"].is_null() | frame["prompt_id"].is_null()
    if wrong.any():
        place = wrong.arg_max() or 0
        refuse(
            path,
            f"verdict {place + 1} has no prompt_id, or an order other than 0 and 1; write battles instead",
        )
    return frame


def _battles(path: Path, frame: pl.DataFrame) -> int:
    words = [name for name in ("prompt", "answer_a", "answer_b", "record") if name in frame.columns]
    return verdict_tables.write_battles(path, frame.drop(words))


def _sheet(frame: pl.DataFrame) -> list[dict[str, object]]:
    import polars as pl

    share = pl.col("share") if "share" in frame.columns else pl.lit(None, pl.Float64)
    winner = pl.when(share > 0.5).then(pl.lit("model_a")).when(share < 0.5).then(pl.lit("model_b"))
    return frame.with_columns(winner.when(share == 0.5).then(pl.lit("tie")).alias("winner")).to_dicts()
