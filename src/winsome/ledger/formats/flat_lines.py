"""JSON lines as programs write them, every record flat and of one layout: split at their commas instead of parsed.

Where all lines look like the first, the pieces of a field differ only between a constant beginning and a constant end. Whatever
looks otherwise (a comma or an escape in a text, another order of fields, null, a value within a value, damage) is left to a reader
of JSON.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from winsome.ledger.formats.reading import head, is_zipped, read_bytes

if TYPE_CHECKING:
    import polars as pl

PIECE = re.compile(r'(\s*\{?\s*"[^"\\]*"\s*:\s*)\S.*?(\s*\}?\s*)')
NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
FEW = 1000


@dataclass(frozen=True)
class Around:
    """What stands before and behind each value of a field, up to the commas; the quotes of texts belong to it."""

    before: str
    behind: str


def flat_lines(path: Path, names: Sequence[str], numbers: Collection[str] = ()) -> pl.DataFrame | None:
    """The fields `names` as columns of text, Categorical where they are few, those in `numbers` as floats where all are numbers.

    None where not every line has the layout of the first.
    """
    import polars as pl

    layout = _layout(head(path).partition(b"\n")[0])
    if not layout.keys() >= set(names):
        return None
    few = _few(path, layout)
    lines = pl.scan_csv(
        io.BytesIO(read_bytes(path)) if is_zipped(path) else path,
        separator=",",
        quote_char=None,
        has_header=False,
        schema={name: pl.Categorical() if name in few else pl.String() for name in layout},
    )
    try:
        pieces = lines.collect()
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None
    columns: dict[str, pl.Series] = {}
    # Fields that are not wanted are looked at as well: one of them might hold an object with those that are.
    for name, around in layout.items():
        if pieces[name].has_nulls():
            return None
        reading = _number if name in numbers else _inside
        inside = each_distinct(pieces[name], partial(reading, around))
        if inside.has_nulls():
            return None
        columns[name] = inside
    return pl.DataFrame(columns).select(names)


def _few(path: Path, layout: Collection[str]) -> set[str]:
    """The fields with few distinct pieces in the lines that the file begins with."""
    found: dict[str, set[bytes]] = {name: set() for name in layout}
    for line in head(path).split(b"\n", 10 * FEW)[: 10 * FEW]:
        for pieces, piece in zip(found.values(), line.split(b","), strict=False):
            pieces.add(piece)
    return {name for name, pieces in found.items() if len(pieces) <= FEW}


def _layout(line: bytes) -> dict[str, Around]:
    """Field -> what the first line writes around its value; nothing where the line is not flat or a text has a comma."""
    try:
        row: dict[str, Any] = orjson.loads(line)
        pieces = [PIECE.fullmatch(piece) for piece in line.decode().split(",")]
    except ValueError:
        return {}
    if not isinstance(row, dict) or len(row) != len(pieces):  # pyright: ignore[reportUnnecessaryIsInstance]
        return {}
    layout: dict[str, Around] = {}
    for (name, value), piece in zip(row.items(), pieces, strict=True):
        if piece is None or isinstance(value, bool) or not isinstance(value, str | int | float):
            return {}
        quote = '"' if isinstance(value, str) else ""
        layout[name] = Around(piece[1] + quote, quote + piece[2])
    return layout


def _inside(around: Around, pieces: pl.Series) -> pl.Series:
    """The values between `around`; null where a piece is not a plain text, or a number, within it."""
    import polars as pl

    inside, framed = _between(around, pieces)
    if around.before.endswith('"'):
        # The two quotes must be two; a control character would be an error of JSON.
        long = pieces.str.len_bytes() >= len(around.before.encode()) + len(around.behind.encode())
        plain = long & ~inside.str.contains(r'["\\\x00-\x1f]')
    else:
        plain = inside.str.contains(NUMBER)
    return pl.select(pl.when(framed & plain).then(inside)).to_series()


def _number(around: Around, pieces: pl.Series) -> pl.Series:
    """The numbers between `around` as floats; as `_inside` where they are not all finite, or texts."""
    import polars as pl

    inside, framed = _between(around, pieces)
    found = inside.cast(pl.Float64, strict=False)
    return found if (framed & found.is_finite()).fill_null(False).all() else _inside(around, pieces)


def _between(around: Around, pieces: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Pieces without what is around their values, and which of them have it."""
    framed = pieces.str.starts_with(around.before) & pieces.str.ends_with(around.behind)
    return pieces.str.strip_prefix(around.before).str.strip_suffix(around.behind), framed


def each_distinct(texts: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`work` of each text, done once for each that is distinct where they are a Categorical; null of null.

    A Categorical stays one where `work` makes texts.
    """
    import polars as pl

    if texts.dtype != pl.Categorical:
        return work(texts)
    distinct = texts.drop_nulls().unique()
    made = work(distinct.cast(pl.String))
    made = made.cast(pl.Categorical) if made.dtype == pl.String else made
    known = distinct.to_physical().to_numpy()
    place = np.full(int(known.max(initial=0)) + 2, len(made), np.uint32)
    place[known] = np.arange(len(made))
    rows = texts.to_physical().fill_null(len(place) - 1).to_numpy()
    return made.extend_constant(None, 1).gather(place[rows]).alias(texts.name)
