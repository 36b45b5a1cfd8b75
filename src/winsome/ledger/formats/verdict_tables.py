"""Verdicts in tables with named columns, Chatbot Arena's battles among them, read in bulk.

model_a, model_b (or a and b, left and right) and winner or share; optional prompt_id (or question_id, uid), category, judge,
annotator, aspect, order, repeat, time, weight, extent, outcome, and pairs of numbers such as length_a and length_b. Polars reads
the columns; where it fails or finds a hole, the records are read again one by one, so that the message names the place.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.fields import label, measured, number
from winsome.ledger.formats.flat_lines import FEW, each_distinct, flat_lines
from winsome.ledger.formats.reading import (
    BLANK,
    Row,
    chunks,
    first,
    form_of,
    head,
    is_zipped,
    parquet,
    read,
    read_bytes,
    separator,
)
from winsome.ledger.formats.writing import write_bytes, write_rows

if TYPE_CHECKING:
    import polars as pl

SIDES = (("model_a", "model_b"), ("a", "b"), ("left", "right"))
"""Names of the two columns of contenders, in the order of preference."""

WINNERS = {
    "model_a": 1.0, "a": 1.0, "A": 1.0, "left": 1.0, "win": 1.0,
    "model_b": 0.0, "b": 0.0, "B": 0.0, "right": 0.0, "loss": 0.0,
    "tie": 0.5, "draw": 0.5,
    "tie (bothbad)": 0.5, "tie (both bad)": 0.5, "both bad": 0.5, "both_bad": 0.5, "bothbad": 0.5,
}  # fmt: skip
"""Word of `winner` -> share of the first side."""

BOTH_BAD = "both bad"
"""The `reason` of a tie whose word says more than a tie."""

BAD_TIES = ("tie (bothbad)", "tie (both bad)", "both bad", "both_bad", "bothbad")

RENAMED = {
    "prompt_id": ("prompt_id", "question_id", "uid", "prompt", "id"),
    "time": ("time", "tstamp", "timestamp"),
}
ONE_HOT = {"winner_model_a": "won_a", "winner_model_b": "won_b", "winner_tie": "won_tie"}
"""Columns of 0 and 1 in place of `winner`, as lmsys's table of 55,000 battles has them."""
TEXTS = ("category", "judge", "annotator", "worker", "aspect", "outcome", "language", "contest")
NUMBERS = ("share", "weight", "extent", "order", "repeat", "asks", *ONE_HOT.values())
ARENA = ("anony", "conversation_a", "tstamp", "conv_a")
"""Columns of Chatbot Arena's files, in which `judge` is the person who voted."""


def sides_of(names: Sequence[str]) -> tuple[str, str] | None:
    """The two columns that hold the contenders, None where there are none."""
    return next((pair for pair in SIDES if set(pair) <= set(names)), None)


def verdicts(path: Path | str) -> pl.DataFrame:
    """Verdicts of a table: model_a, model_b, share (null: no verdict) and the optional columns that it has; reason: "both bad"
    of ties that say so.

    Raises BadInput naming file, record and field.
    """
    path = Path(path)
    names = list(first(path))
    columns = _columns(path, names)
    frame = _fast(path, columns)
    if frame is None:
        frame = _slow(path, columns)
    return _finished(path, frame, columns, arena=any(name in names for name in ARENA))


def _columns(path: Path, names: list[str]) -> dict[str, str]:
    """Column of the file -> its name here."""
    sides = sides_of(names)
    if sides is None:
        refuse(
            path,
            f'has no "model_a" and "model_b" (found: {listed(names)}); rename the columns of the contenders',
        )
    columns = {sides[0]: "model_a", sides[1]: "model_b"}
    one_hot = "winner" not in names and "share" not in names and ONE_HOT.keys() <= set(names)
    if "winner" not in names and "share" not in names and not one_hot:
        refuse(
            path, f'has no "winner" and no "share" (found: {listed(names)}); rename the column of the verdict'
        )
    if "winner" in names:
        columns["winner"] = "winner"
    if one_hot:
        columns |= ONE_HOT
    for name, others in RENAMED.items():
        found = next((other for other in others if other in names), None)
        if found is not None:
            columns[found] = name
    columns |= {name: name for name in (*TEXTS, *NUMBERS) if name in names}
    pairs = (name.removesuffix("_a") for name in names if name.endswith("_a") and name not in sides)
    for stem in pairs:
        if f"{stem}_b" in names and not stem.startswith(
            ("conv", "answer", "response", "user", "assistant", "winner")
        ):
            columns |= {f"{stem}_a": f"{stem}_a", f"{stem}_b": f"{stem}_b"}
    return columns


def _kind(name: str) -> str:
    numeric = name in NUMBERS or (name.endswith(("_a", "_b")) and name not in ("model_a", "model_b"))
    return "number" if numeric else "text"


def _fast(path: Path, columns: dict[str, str]) -> pl.DataFrame | None:
    """The columns as Polars reads them; None where it cannot, or where a cell that must be filled is not."""
    import polars as pl

    form = form_of(path, head(path))
    if form == "parquet":
        frame = parquet(path, columns=list(columns))
    else:
        frame = _fast_csv(path, columns) if form == "csv" else _fast_lines(path, columns)
    if frame is None or frame.is_empty():
        return None
    frame = frame.rename(columns)
    names = [frame[name] for name in ("model_a", "model_b")]
    whole = all(name.null_count() == 0 for name in names)
    plain = not any(dtype.is_nested() or dtype == pl.Binary for dtype in frame.dtypes)
    return frame if whole and plain else None


def _nested(names: pl.Series) -> bool:
    """Whether a name is a list or an object that was read as text."""
    import polars as pl

    return names.dtype == pl.String and bool(names.unique().str.contains(r"^[\[{]").any())


def _fast_csv(path: Path, columns: dict[str, str]) -> pl.DataFrame | None:
    import polars as pl

    text = head(path).decode("utf-8", "ignore").removeprefix("\ufeff")
    between = separator(text)
    lines, quotes, separators = _counted(path, b'"', between.encode())
    width = text.partition("\n")[0].count(between) + 1
    # A short row is filled up in silence and a stray quote swallows lines: only one plain record a line is read here.
    if quotes or separators != (width - 1) * lines:
        return None
    try:
        frame = pl.read_csv(_source(path), separator=between, infer_schema=False, columns=list(columns))
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None
    return frame if frame.height == lines - 1 else None


def _fast_lines(path: Path, columns: dict[str, str]) -> pl.DataFrame | None:
    import polars as pl

    if head(path).lstrip(BLANK)[:1] == b"[":
        return None
    numbers = {name for name, here in columns.items() if _kind(here) == "number" or here == "time"}
    frame = flat_lines(path, list(columns), numbers)
    if frame is not None:
        return frame
    schema = {name: pl.Float64 if _kind(here) == "number" else pl.String for name, here in columns.items()}
    try:
        frame = pl.read_ndjson(_source(path), schema=schema)
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None
    sides = [name for name, here in columns.items() if here in ("model_a", "model_b")]
    torn = frame.height != _counted(path)[0] or any(_nested(frame[name]) for name in sides)
    return None if torn else frame


def _source(path: Path) -> Path | io.BytesIO:
    return io.BytesIO(read_bytes(path)) if is_zipped(path) else path


def _counted(path: Path, *needles: bytes) -> tuple[int, ...]:
    """How many lines a file has, and how often each needle stands in it."""
    counts, last = [0] * (1 + len(needles)), b"\n"
    for chunk in chunks(path):
        for at, needle in enumerate((b"\n", *needles)):
            counts[at] += chunk.count(needle)
        last = chunk[-1:]
    return counts[0] + (last != b"\n"), *counts[1:]


def _slow(path: Path, columns: dict[str, str]) -> pl.DataFrame:
    """The columns record by record, every cell checked."""
    import polars as pl

    source = read(path)
    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        kept: Row = {}
        for name, here in columns.items():
            if here in ("model_a", "model_b"):
                kept[here] = label(source, place, name)
            elif here == "winner":
                kept[here] = None if row.get(name) in (None, "") else label(source, place, name)
            elif _kind(here) == "number":
                reader = measured if here == "share" else number
                kept[here] = reader(source, place, name) if name in row else None
            else:
                kept[here] = None if row.get(name) in (None, "") else str(row[name])
        rows.append(kept)
    schema: dict[str, Any] = {
        here: pl.Float64 if _kind(here) == "number" else pl.String for here in columns.values()
    }
    return pl.DataFrame(rows, schema=schema)


def _finished(path: Path, frame: pl.DataFrame, columns: dict[str, str], *, arena: bool) -> pl.DataFrame:
    for name in frame.columns:
        if _kind(name) == "text":
            # Times may be words or numbers, and 1.5 million numbers as words would cost as much as reading them.
            if name != "time" or not frame[name].dtype.is_numeric():
                frame = frame.with_columns(_texts(frame[name]))
        elif not frame[name].dtype.is_numeric():
            frame = frame.with_columns(_numbers(path, frame[name]))
    names: set[str] = set()
    for name in ("model_a", "model_b"):
        # Names are few and rows are many, so the names are looked at first.
        found: list[str] = frame[name].unique().to_list()
        blank = [word for word in found if not word.strip()]
        if blank:
            place = frame[name].is_in(blank).arg_max() or 0
            refuse(path, f'record {place + 1} has no name in "{name}"; name the contender')
        if any(word != word.strip() for word in found):
            # "x " and "x" are one contender: nobody means the blank behind a comma.
            frame = frame.with_columns(each_distinct(frame[name], lambda words: words.str.strip_chars()))
        names.update(word.strip() for word in found)
    if "winner" in frame.columns:
        frame = _shares(path, frame, names)
    elif "won_tie" in frame.columns:
        frame = _one_hot(path, frame)
    voter = next(
        (name for name in ("worker", "judge") if name in frame.columns and (arena or name == "worker")), None
    )
    if voter is not None and "annotator" not in frame.columns:
        frame = frame.rename({voter: "annotator"})
    if "language" in frame.columns:
        frame = frame.rename({"language": "lang"})
    return frame


def _texts(values: pl.Series) -> pl.Series:
    """The column as text; as a Categorical where it is looked at again and again and its texts repeat."""
    import polars as pl

    if values.dtype == pl.Categorical:
        return values
    texts = values.cast(pl.String)
    often = texts.name in ("model_a", "model_b", "winner") and texts.head(10 * FEW).n_unique() <= FEW
    return texts.cast(pl.Categorical) if often else texts


def _numbers(path: Path, values: pl.Series) -> pl.Series:
    import polars as pl

    words = values.cast(pl.String).str.strip_chars()
    missing = words.is_null() | words.str.to_lowercase().is_in(["", "nan", "null", "none"])
    figures = words.cast(pl.Float64, strict=False)
    bad = (figures.is_null() | figures.is_infinite().fill_null(False)) & ~missing
    if bad.any():
        place = bad.arg_max() or 0
        refuse(path, f'record {place + 1} has {shown(str(values[place]))} in "{values.name}"; give a number')
    return figures


def _shares(path: Path, frame: pl.DataFrame, names: set[str]) -> pl.DataFrame:
    """The frame with `share` in place of `winner`, which names a side or one of the contenders `names`."""
    import polars as pl

    def share(words: pl.Series) -> pl.Series:
        return words.replace_strict(WINNERS, default=None, return_dtype=pl.Float64)

    words = frame["winner"]
    used = set(words.unique())
    if not used <= WINNERS.keys() | {None, ""}:
        words = each_distinct(words, lambda words: words.str.strip_chars())
        used = set(words.unique())
    shares = each_distinct(words, share)
    if not used.isdisjoint(names):
        shares = _named(path, frame, words, shares)
    if not used <= WINNERS.keys() | {None, ""}:
        # Names come first: a contender may be called "Left".
        lower = each_distinct(words, lambda words: words.str.to_lowercase())
        shares = shares.fill_null(each_distinct(lower, share))
        unknown = shares.is_null() & (words != "")
        if unknown.any():
            place = unknown.arg_max() or 0
            found = shown(frame["winner"][place])
            refuse(
                path,
                f'record {place + 1} has {found} in "winner"; use model_a, model_b, tie, tie (bothbad) or a contender\'s name',
            )
        words, used = lower, set(lower.unique())
    if not used.isdisjoint(BAD_TIES):
        said = pl.when(words.cast(pl.String).is_in(BAD_TIES) & (shares == 0.5)).then(pl.lit(BOTH_BAD))
        frame = frame.with_columns(reason=said)
    frame = frame.drop("winner")
    return frame if "share" in frame.columns else frame.with_columns(shares.alias("share"))


def _one_hot(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `share` in place of the three columns of which one is 1."""
    import polars as pl

    columns = list(ONE_HOT.values())
    ones = frame.select(pl.sum_horizontal(pl.col(columns) == 1).alias("one"), pl.sum_horizontal(pl.col(columns) == 0).alias("none"))  # fmt: skip
    torn = ((ones["one"] != 1) | (ones["none"] != 2)).fill_null(True)
    if torn.any():
        refuse(
            path,
            f"record {(torn.arg_max() or 0) + 1} has not one 1 and two 0 in {', '.join(ONE_HOT)}; mend it",
        )
    return frame.with_columns((pl.col("won_a") + 0.5 * pl.col("won_tie")).alias("share")).drop(columns)


def _named(path: Path, frame: pl.DataFrame, words: pl.Series, shares: pl.Series) -> pl.Series:
    """The shares where winners may be contenders' names; refused where a contender is called as the other side is."""
    import polars as pl

    by_name = pl.when(words == pl.col("model_a")).then(1.0).when(words == pl.col("model_b")).then(0.0)
    named = frame.select(share=by_name.otherwise(None))["share"]
    torn = (named != shares).fill_null(False)
    if torn.any():
        place = torn.arg_max() or 0
        found = shown(words[place])
        refuse(
            path,
            f'record {place + 1} has {found} in "winner", a side and the contender on the other side: rename it',
        )
    return shares.fill_null(named)


def write_battles(path: Path | str, verdicts: pl.DataFrame) -> int:
    """Writes verdicts as a table with winner (share, where a verdict is graded), by the ending of the name."""
    import polars as pl

    path = Path(path)
    graded = ~verdicts["share"].is_in([0.0, 0.5, 1.0]) & verdicts["share"].is_not_null()
    frame = verdicts
    if not graded.any():
        word = pl.col("share").replace_strict(
            {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}, default=None, return_dtype=pl.String
        )
        if "reason" in frame.columns:
            bad = (pl.col("share") == 0.5) & (pl.col("reason") == BOTH_BAD)
            word = pl.when(bad).then(pl.lit(BAD_TIES[0])).otherwise(word)
        place = frame.columns.index("share")
        frame = frame.with_columns(word.alias("winner")).drop("share")
        names = [name for name in frame.columns if name != "winner"]
        frame = frame.select([*names[:place], "winner", *names[place:]])
        if "reason" in names and frame["reason"].drop_nulls().is_in([BOTH_BAD, ""]).all():
            frame = frame.drop("reason")
    if path.name.lower().endswith(".parquet"):
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        write_bytes(path, buffer.getvalue())
        return frame.height
    return write_rows(path, frame.to_dicts())
