"""Battles from and to Polars frames; the columns are those of battles.parquet."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import polars as pl

from winsome.errors import BadInput
from winsome.records import OUTCOMES, Outcome
from winsome.standings.battles import CODE, Battles, outcome_of
from winsome.standings.coding import coded, together
from winsome.standings.columns import Codes, Floats

WINNERS = {
    "model_a": 1.0, "a": 1.0, "left": 1.0, "win": 1.0,
    "model_b": 0.0, "b": 0.0, "right": 0.0, "loss": 0.0,
    "tie": 0.5, "tie (bothbad)": 0.5, "both_bad": 0.5, "bothbad": 0.5,
}  # fmt: skip
"""Words of the `winner` column -> side a's share."""

NAMED = {
    "prompt_id": "cluster",
    "contest": "contest",
    "judge": "judge",
    "aspect": "aspect",
    "annotator": "annotator",
    "category": "category",
}
"""Optional columns of names -> fields of Battles."""

COUNTED = ("order", "repeat", "asks")


def from_frame(frame: pl.DataFrame, *, name: str = "battles") -> Battles:
    """Battles of a frame with columns model_a, model_b and either winner or share.

    winner: model_a, model_b, tie, tie (bothbad), left, right; null is unparsed. share: side a's share in [0, 1].
    Optional: outcome, weight, prompt_id, contest, order, repeat, asks, judge, aspect, annotator, category, extent, and
    pairs of numbers `x_a`, `x_b`, which become covariate x. Raises BadInput naming `name`, record and field.
    """
    for column in ("model_a", "model_b"):
        if column not in frame.columns:
            found = ", ".join(frame.columns) or "none"
            raise BadInput(f'{name}: no column "{column}" (found: {found[:90]}); rename the column')
    if frame.height == 0:
        raise BadInput(f"{name}: no verdicts; give a file with at least one row")
    a, b = together(*(_sides(frame, column, name) for column in ("model_a", "model_b")))
    share = _share(frame, name)
    optional: dict[str, Any] = {
        target: coded(_names(frame, column, name))
        for column, target in NAMED.items()
        if column in frame.columns
    }
    optional |= {column: _integers(frame, column, name) for column in COUNTED if column in frame.columns}
    if "extent" in frame.columns:
        optional["extent"] = _floats(frame, "extent", name)
    weight = _floats(frame, "weight", name) if "weight" in frame.columns else np.ones(frame.height)
    return Battles(
        names=tuple(a.labels),
        a=a.values,
        b=b.values,
        share=share,
        outcome=_outcome(frame, share, name),
        weight=weight,
        covariates=_covariates(frame, name),
        name=name,
        **optional,
    )


def to_frame(battles: Battles) -> pl.DataFrame:
    """A frame with the columns that `from_frame` reads; optional columns only where they are there."""
    columns: dict[str, Any] = {
        "model_a": _labelled(Codes(battles.a, battles.names)),
        "model_b": _labelled(Codes(battles.b, battles.names)),
        "share": pl.Series(battles.share).fill_nan(None),
        "outcome": _labelled(Codes(battles.outcome.astype(np.int32), OUTCOMES)),
        "weight": battles.weight,
    }
    for column, field in NAMED.items():
        codes = getattr(battles, field)
        if codes is not None:
            columns[column] = _labelled(codes)
    for column in (*COUNTED, "extent"):
        values = getattr(battles, column)
        if values is not None:
            columns[column] = values
    for covariate, values in battles.covariates.items():
        columns[f"{covariate}_a"], columns[f"{covariate}_b"] = values[:, 0], values[:, 1]
    return pl.DataFrame(columns)


def _labelled(codes: Codes) -> pl.Series:
    labels = pl.Series(list(codes.labels), dtype=pl.String)
    places = pl.Series(codes.values)
    return labels.gather(pl.select(pl.when(places >= 0).then(places)).to_series())


def _names(frame: pl.DataFrame, column: str, name: str) -> pl.Series:
    values = frame[column]
    if values.dtype == pl.String or values.dtype == pl.Categorical:
        return values
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f'{name}: column "{column}" holds {values.dtype}; give names as text') from error


def _sides(frame: pl.DataFrame, column: str, name: str) -> Codes:
    """The codes of a column of contenders, none of them empty; the few labels are looked at before the rows."""
    values = _names(frame, column, name)
    found = coded(values)
    if values.has_nulls() or any(not label.strip() for label in found.labels):
        blank = values.cast(pl.String).str.strip_chars().fill_null("") == ""
        _refuse(blank, frame[column], name, "is empty; name the contender")
    return found


def _floats(frame: pl.DataFrame, column: str, name: str) -> Floats:
    values = _numbers(frame, column, name)
    return values.cast(pl.Float64).to_numpy()


def _integers(frame: pl.DataFrame, column: str, name: str) -> Any:
    values = _numbers(frame, column, name)
    _refuse(values.is_null(), frame[column], name, "is empty; give a whole number")
    whole = values.cast(pl.Float64)
    _refuse(
        (whole != whole.round(0)) | (whole.abs() >= 2**31) | whole.is_nan(),
        frame[column],
        name,
        "is no whole number",
    )
    return whole.cast(pl.Int32).to_numpy()


def _numbers(frame: pl.DataFrame, column: str, name: str) -> pl.Series:
    values = frame[column]
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return values
    try:
        numbers = values.cast(pl.String).cast(pl.Float64, strict=False)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f'{name}: column "{column}" holds {values.dtype}; give numbers') from error
    _refuse(numbers.is_null() & values.is_not_null(), values, name, "is no number; give a number")
    return numbers


def _share(frame: pl.DataFrame, name: str) -> Floats:
    if "share" in frame.columns:
        values = _numbers(frame, "share", name).cast(pl.Float64)
        _refuse(
            values.is_nan(),
            frame["share"],
            name,
            "is no number; give 0 to 1, or nothing where there is no verdict",
        )
        return values.fill_null(float("nan")).to_numpy()
    if "winner" not in frame.columns:
        found = ", ".join(frame.columns)
        raise BadInput(f'{name}: no column "winner" or "share" (found: {found[:80]}); rename the column')
    words = coded(_names(frame, "winner", name))
    share = np.array([*(WINNERS.get(label, np.nan) for label in words.labels), np.nan])[words.values]
    unknown = pl.Series(np.isnan(share) & (words.values >= 0))
    _refuse(unknown, frame["winner"], name, "is unknown; use model_a, model_b, tie or tie (bothbad)")
    return share


def _outcome(frame: pl.DataFrame, share: Floats, name: str) -> Any:
    if "outcome" not in frame.columns:
        return outcome_of(share)
    words = coded(_names(frame, "outcome", name))
    known = [CODE.get(cast("Outcome", label.replace("_", " ")), -1) for label in words.labels]
    codes = np.array([*known, -1], np.int8)[words.values]
    _refuse(pl.Series(codes < 0), frame["outcome"], name, f"is no outcome; use one of {', '.join(OUTCOMES)}")
    return codes


def _covariates(frame: pl.DataFrame, name: str) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for column in frame.columns:
        stem = column.removesuffix("_a")
        if stem == column or f"{stem}_b" not in frame.columns or stem == "model":
            continue
        if frame[column].dtype.is_numeric() and frame[f"{stem}_b"].dtype.is_numeric():
            found[stem] = np.stack([_floats(frame, f"{stem}{side}", name) for side in ("_a", "_b")], axis=1)
    return found


def _refuse(bad: pl.Series, values: pl.Series, name: str, problem: str) -> None:
    if bad.any():
        row = bad.fill_null(False).arg_max() or 0
        shown = str(values[row])[:40]
        raise BadInput(f'{name}: record {row + 1}, field "{values.name}": {shown!r} {problem}')
