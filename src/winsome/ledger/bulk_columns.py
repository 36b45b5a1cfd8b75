"""The columns of a frame of recorded verdicts: found, typed, checked, filled in where the frame has none."""

from __future__ import annotations

from typing import Any

import polars as pl

from winsome.errors import BadInput
from winsome.records import OUTCOMES

WINNERS = {
    "model_a": 1.0, "a": 1.0, "left": 1.0, "win": 1.0,
    "model_b": 0.0, "b": 0.0, "right": 0.0, "loss": 0.0,
    "tie": 0.5, "tie (bothbad)": 0.5, "both_bad": 0.5, "bothbad": 0.5,
}  # fmt: skip


def verdict_columns(frame: pl.DataFrame, judge: str, name: str) -> pl.DataFrame:
    """The columns that are used, typed, with defaults where the frame has none."""
    have = set(frame.columns)
    for column in ("model_a", "model_b"):
        if column not in have:
            raise BadInput(
                f'{name}: no column "{column}" (found: {", ".join(frame.columns)[:80]}); rename the column'
            )
    if not have & {"share", "winner"}:
        raise BadInput(
            f'{name}: no column "share" or "winner" (found: {", ".join(frame.columns)[:80]}); rename it'
        )
    texts = (
        "model_a", "model_b", "prompt", "prompt_id", "answer_a", "answer_b", "category", "cluster", "judge", "aspect",
    )  # fmt: skip
    typed = dict.fromkeys((*texts, "annotator", "reason", "outcome", "winner"), pl.String)
    typed |= {"order": pl.Int64, "repeat": pl.Int64, "share": pl.Float64, "extent": pl.Float64}
    chosen = frame.select([c for c in frame.columns if c in typed])
    for column in chosen.columns:
        cast = chosen[column].cast(typed[column], strict=False)
        refuse(
            cast.is_null() & chosen[column].is_not_null(),
            chosen[column],
            name,
            f"is no {_plain(typed[column])}",
        )
        chosen = chosen.with_columns(cast)
    for column in ("model_a", "model_b"):
        refuse(
            chosen[column].is_null() | (chosen[column] == ""),
            chosen[column],
            name,
            "is empty; name the contender",
        )
    if "share" not in have:
        share = chosen["winner"].replace_strict(WINNERS, default=None, return_dtype=pl.Float64)
        refuse(
            share.is_null() & chosen["winner"].is_not_null(),
            chosen["winner"],
            name,
            "is unknown; use model_a, model_b or tie",
        )
        chosen = chosen.with_columns(share.alias("share"))
    chosen = chosen.with_columns(pl.col("share").fill_nan(None))
    refuse(
        ~chosen["share"].is_between(0, 1), chosen["share"], name, "lies outside [0, 1]; give side a's share"
    )
    fill: dict[str, Any] = {"aspect": "", "annotator": "", "reason": "", "judge": judge, "order": 0}
    for column, value in fill.items():
        given = pl.col(column).fill_null(value) if column in chosen.columns else pl.lit(value)
        chosen = chosen.with_columns(given.alias(column))
    missing = [
        c
        for c in ("prompt", "prompt_id", "answer_a", "answer_b", "category", "cluster")
        if c not in chosen.columns
    ]
    chosen = chosen.with_columns([pl.lit(None, pl.String).alias(c) for c in missing])
    if "extent" not in chosen.columns:
        chosen = chosen.with_columns(pl.lit(None, pl.Float64).alias("extent"))
    return chosen.with_columns(_outcome(chosen, name), pl.int_range(1, pl.len() + 1).alias("record"))


def _outcome(frame: pl.DataFrame, name: str) -> pl.Series:
    share = pl.col("share")
    by_share = (
        pl.when(share.is_null()).then(pl.lit("unparsed"))
        .when(share > 0.5).then(pl.lit("win"))
        .when(share < 0.5).then(pl.lit("loss"))
        .otherwise(pl.lit("tie"))
    )  # fmt: skip
    if "outcome" not in frame.columns:
        return frame.select(by_share.alias("outcome")).to_series()
    given = frame.select(pl.col("outcome").fill_null(by_share)).to_series()
    refuse(
        ~given.is_in(list(OUTCOMES)), given, name, f"is no outcome; use one of {', '.join(OUTCOMES)}"[:110]
    )
    return given


def refuse(bad: pl.Series, values: pl.Series, name: str, problem: str) -> None:
    """BadInput naming the first record that is `bad` and the field `values`."""
    bad = bad.fill_null(False)
    if bad.any():
        row = bad.arg_max() or 0
        raise BadInput(
            f'{name}: record {row + 1}, field "{values.name}": {str(values[row])[:40]!r} {problem}'
        )


def _plain(kind: Any) -> str:
    return {pl.Float64: "number; give a number", pl.Int64: "whole number; give one"}.get(
        kind, "text; give text"
    )
