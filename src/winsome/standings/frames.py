"""Battles from and to Polars frames; the columns are those of battles.parquet."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from winsome.errors import BadInput
from winsome.records import OUTCOMES
from winsome.standings.battles import CODE, Battles, outcome_of
from winsome.standings.columns import Codes, Floats, Ints

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
FEW = 10_000


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
    sides = [_names(frame, column, name, needed=False) for column in ("model_a", "model_b")]
    labels = pl.concat([side.unique() for side in sides]).unique().sort()
    for side in sides:
        _refuse_blank(side, labels, frame, name)
    a, b = (_places(side, labels) for side in sides)
    share = _share(frame, name)
    optional: dict[str, Any] = {
        target: _codes(_names(frame, column, name, needed=False))
        for column, target in NAMED.items()
        if column in frame.columns
    }
    optional |= {column: _integers(frame, column, name) for column in COUNTED if column in frame.columns}
    if "extent" in frame.columns:
        optional["extent"] = _floats(frame, "extent", name)
    weight = _floats(frame, "weight", name) if "weight" in frame.columns else np.ones(frame.height)
    return Battles(
        names=tuple(labels.to_list()),
        a=a,
        b=b,
        share=share,
        outcome=_outcome(frame, share, name),
        weight=weight,
        covariates=_covariates(frame, name),
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


def _names(frame: pl.DataFrame, column: str, name: str, *, needed: bool) -> pl.Series:
    try:
        values = frame[column].cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f'{name}: column "{column}" holds {frame[column].dtype}; give names as text'
        ) from error
    if needed:
        _refuse_blank(values, values.unique(), frame, name)
    return values


def _refuse_blank(values: pl.Series, labels: pl.Series, frame: pl.DataFrame, name: str) -> None:
    """Looks at the few distinct `labels` before the rows."""
    blank = [word for word in labels if word is None or not word.strip()]
    if blank:
        bad = values.is_null() | values.is_in(blank)
        _refuse(bad, frame[values.name], name, "is empty; name the contender")


def _codes(values: pl.Series) -> Codes:
    labels = values.drop_nulls().unique().sort()
    return Codes(_places(values, labels), labels.to_list())


def _places(values: pl.Series, labels: pl.Series) -> Ints:
    """[rows] the place of each value among `labels`, -1 for null."""
    if len(labels) <= FEW:
        places = values.cast(pl.Enum(labels)).to_physical()
    else:
        # With many labels a join takes a third of the time of an Enum.
        table = pl.DataFrame({"label": labels, "place": np.arange(len(labels), dtype=np.int32)})
        found = values.rename("label").to_frame().join(table, on="label", how="left", maintain_order="left")
        places = found["place"]
    return places.cast(pl.Int32).fill_null(-1).to_numpy()


def _floats(frame: pl.DataFrame, column: str, name: str) -> Floats:
    values = _numbers(frame, column, name)
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


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
        return _floats(frame, "share", name)
    if "winner" not in frame.columns:
        found = ", ".join(frame.columns)
        raise BadInput(f'{name}: no column "winner" or "share" (found: {found[:80]}); rename the column')
    words = _names(frame, "winner", name, needed=False)
    share = words.replace_strict(WINNERS, default=None, return_dtype=pl.Float64)
    unknown = share.is_null() & words.is_not_null()
    _refuse(unknown, frame["winner"], name, "is unknown; use model_a, model_b, tie or tie (bothbad)")
    return share.fill_null(float("nan")).to_numpy()


def _outcome(frame: pl.DataFrame, share: Floats, name: str) -> Any:
    if "outcome" not in frame.columns:
        return outcome_of(share)
    words = _names(frame, "outcome", name, needed=True).str.replace_all("_", " ", literal=True)
    codes = words.replace_strict(
        {str(word): code for word, code in CODE.items()}, default=None, return_dtype=pl.Int8
    )
    _refuse(codes.is_null(), frame["outcome"], name, f"is no outcome; use one of {', '.join(OUTCOMES)}")
    return codes.to_numpy()


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
