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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome.ledger.formats.reading import chunks, head, is_zipped, read_bytes

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


def flat_lines(path: Path, names: Sequence[str]) -> pl.DataFrame | None:
    """The fields `names` as columns of text, Categorical where it repeats; None where not every line has the layout of the first."""
    import polars as pl

    layout = _layout(head(path).partition(b"\n")[0])
    if not layout.keys() >= set(names):
        return None
    # The last field is looked at as well: it shows that no line was cut off.
    wanted = list(dict.fromkeys((*names, [*layout][-1])))
    few = _few(path, layout)
    lines = pl.scan_csv(
        io.BytesIO(read_bytes(path)) if is_zipped(path) else path,
        separator=",",
        quote_char=None,
        has_header=False,
        schema={name: pl.Categorical() if name in few else pl.String() for name in layout},
    )
    try:
        pieces = lines.select(wanted).collect()
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None
    # A field that is not looked at might hold an object with the fields wanted.
    if len(wanted) < len(layout) and sum(chunk.count(b"{") for chunk in chunks(path)) != pieces.height:
        return None
    columns: dict[str, pl.Series] = {}
    for name in wanted:
        inside = (
            None
            if pieces[name].has_nulls()
            else each_distinct(pieces[name], _inside(layout[name], name in few))
        )
        if inside is None or inside.has_nulls():
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


def _inside(around: Around, few: bool) -> Callable[[pl.Series], pl.Series]:
    """Pieces to the values between `around`; null where a piece is not a plain text, or a number, within it."""
    import polars as pl

    def values(pieces: pl.Series) -> pl.Series:
        framed = pieces.str.starts_with(around.before) & pieces.str.ends_with(around.behind)
        inside = pieces.str.strip_prefix(around.before).str.strip_suffix(around.behind)
        if around.before.endswith('"'):
            # The two quotes must be two; a control character would be an error of JSON.
            long = pieces.str.len_bytes() >= len(around.before.encode()) + len(around.behind.encode())
            plain = long & ~inside.str.contains(r'["\\\x00-\x1f]')
        else:
            plain = inside.str.contains(NUMBER)
        found = pl.select(pl.when(framed & plain).then(inside)).to_series()
        return found.cast(pl.Categorical) if few and around.before.endswith('"') else found

    return values


def each_distinct(texts: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`work` of each text, done once for each that is distinct where they are a Categorical; null of null."""
    import polars as pl

    if texts.dtype != pl.Categorical:
        return work(texts)
    distinct = texts.drop_nulls().unique()
    return texts.replace_strict(distinct, work(distinct.cast(pl.String)), default=None)
