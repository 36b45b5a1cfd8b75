"""Files to records: JSON, JSON lines, CSV and Parquet, gzipped or not, and the place of whatever is wrong in one line."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, cast

import orjson

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import listed, refuse, shown

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]

MEASURED = ("preference", "share")
"""Fields of a verdict, in which NaN is a mistake and not a missing cell."""

PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip"}
"""First bytes of packed files that are not read, and what packed them."""
HEAD = 1 << 20
BLANK = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True)
class Source:
    """The records of one file; record n of a message is `rows[n - 1]`."""

    path: Path
    rows: Sequence[Row]


def read(path: Path | str) -> Source:
    """All records of a file, whatever its form; BadInput names file, line or record, and the way out."""
    path = Path(path)
    data = read_bytes(path)
    form = form_of(path, data)
    if form == "parquet":
        return Source(path, parquet(path).to_dicts())
    return Source(path, _csv(path, text_of(path, data)) if form == "csv" else _json(path, data))


def first(path: Path | str) -> Row:
    """The first record of a file, read without the others where the form allows it."""
    path = Path(path)
    data = head(path)
    form = form_of(path, data)
    if form == "parquet":
        return parquet(path, n_rows=1).to_dicts()[0]
    whole = len(data) < HEAD
    text = data.decode("utf-8", "ignore").removeprefix("\ufeff")
    if not whole and form == "csv":
        text = text[: text.rfind("\n") + 1]
    try:
        if form == "csv":
            return _csv(path, text, limit=1)[0]
        start = text.lstrip()
        row, _ = json.JSONDecoder().raw_decode(start[1:].lstrip() if start.startswith("[") else start)
        if isinstance(row, dict):
            return row  # pyright: ignore[reportUnknownVariableType]
    except (BadInput, ValueError, RecursionError):
        pass
    # What the head cannot tell, or tells to be wrong, the whole file explains.
    return read(path).rows[0]


def head(path: Path) -> bytes:
    """The first mebibyte of a file, unzipped; BadInput where it is missing, unreadable, damaged or empty."""
    try:
        with _open(path) as file:
            data = file.read(HEAD)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        _unreadable(path, error)
    if not data.strip(BLANK):
        refuse(path, "is empty; give a file with at least one record")
    return data


def read_bytes(path: Path | str) -> bytes:
    """The content of a file, unzipped; BadInput where it is missing, unreadable, damaged or empty."""
    path = Path(path)
    try:
        with _open(path) as file:
            data = file.read()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        _unreadable(path, error)
    if not data.strip(BLANK):
        refuse(path, "is empty; give a file with at least one record")
    return data


def chunks(path: Path, size: int = 1 << 24) -> Iterator[bytes]:
    """The content of a file, unzipped, in pieces of `size` bytes."""
    try:
        with _open(path) as file:
            while chunk := file.read(size):
                yield chunk
    except (OSError, EOFError, ValueError, zlib.error) as error:
        _unreadable(path, error)


def is_zipped(path: Path) -> bool:
    """Whether a file begins as gzip files do."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if is_zipped(path) else path.open("rb")


def _unreadable(path: Path, error: Exception) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        refuse(path, f"does not exist; check the path{_nearest(path)}")
    if isinstance(error, IsADirectoryError):
        refuse(path, "is a folder; name the file in it")
    if isinstance(error, (gzip.BadGzipFile, EOFError, zlib.error)):
        refuse(path, "gzip data are damaged or cut off; write or download the file again")
    refuse(
        path, f"cannot be read ({getattr(error, 'strerror', None) or error}); check the path and its rights"
    )


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, 1, 0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


def form_of(path: Path, data: bytes) -> str:
    """json (lines or a list), csv or parquet, by content first and by the name's ending where content says nothing."""
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        refuse(path, "is UTF-16; save it as UTF-8")
    packed = next((how for mark, how in PACKED.items() if data.startswith(mark)), None)
    if packed is not None:
        refuse(path, f"is packed with {packed}; save it as it was, or as gzip")
    if b"\0" in data[:65536]:
        refuse(path, "is binary; give JSON, JSON lines, CSV or Parquet")
    ending = path.name.lower().removesuffix(".gz")
    if ending.endswith((".csv", ".tsv")):
        return "csv"
    if ending.endswith((".json", ".jsonl", ".ndjson")):
        return "json"
    if ending.endswith(".parquet"):
        refuse(path, "is not Parquet (no PAR1 at its start); write it again or correct the name's ending")
    return "json" if data.lstrip(BLANK)[:1] in (b"[", b"{") else "csv"


def text_of(path: Path, data: bytes) -> str:
    """`data` as text without a byte order mark; BadInput names line and byte of what is not UTF-8."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.start - data.rfind(b"\n", 0, error.start)
        refuse(
            path, f"line {line}, byte {byte} (0x{data[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        )


def _json(path: Path, data: bytes) -> list[Row]:
    text_of(path, data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not _is_lines(path, data):
        whole = _loads(path, data, 1)
        rows: list[Any] = [*whole] if isinstance(whole, list) else [whole]  # pyright: ignore[reportUnknownVariableType]
        if not rows:
            refuse(path, "is an empty list; give a file with at least one record")
    else:
        rows = [_loads(path, line, n) for n, line in _lines(data) if line.strip()]
        if not rows:
            refuse(path, "holds comments and no records; add at least one")
    for record, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            found = type(row).__name__
            refuse(path, f"record {record} is {shown(row)} ({found}); give an object with named fields")
    return rows


def _is_lines(path: Path, data: bytes) -> bool:
    """Whether the file holds one JSON object a line: its first line is one, or its name says so and it is no list."""
    start = data.lstrip()
    if start[:1] == b"[":
        return False
    if path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        return True
    head, _, rest = start.partition(b"\n")
    try:
        orjson.loads(head)
    except ValueError:
        return False
    return bool(rest.strip())


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without the comments (`# ...`) that may stand above the first record."""
    above = True
    for n, line in enumerate(data.split(b"\n"), 1):
        above = above and (line.startswith(b"# ") or not line.strip())
        if not above:
            yield n, line


def _loads(path: Path, data: bytes, line: int) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _loads_again(path, data, line, error)


def _loads_again(path: Path, data: bytes, line: int, error: orjson.JSONDecodeError) -> Any:
    """What Python's own parser makes of the NaN that it writes itself; BadInput with the place otherwise.

    NaN is None, a cell that was missing, but in MEASURED, where it would pass a broken verdict off as one that was never given.
    """
    text = data.decode("utf-8")
    try:
        loaded: Any = _missing_as_none(json.loads(text))
        rows: list[Any] = [*loaded] if isinstance(loaded, list) else [loaded]  # pyright: ignore[reportUnknownVariableType]
        broken = next((n for n, row in enumerate(rows, 1) if not _whole(row)), None)
        if broken is None:
            return cast("Any", loaded)
        where = f"record {broken}" if isinstance(loaded, list) else f"line {line}"
        refuse(path, f"{where} holds half a surrogate pair (\\ud800 to \\udfff); write the character whole")
    except (ValueError, RecursionError):
        pass
    place = f"line {line + error.lineno - 1}, column {error.colno}"
    if error.pos >= len(text.rstrip()) - 1:
        refuse(path, f"{place}: the JSON ends too early; the file was cut off: write or download it again")
    reason = error.msg.split(":")[0][:50]
    return refuse(
        path, f"{place}: {reason} at {shown(text[error.pos : error.pos + 15], 15)}; correct the JSON there"
    )


def _missing_as_none(value: Any) -> Any:
    if isinstance(value, list):
        return [_missing_as_none(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            name: field if name in MEASURED and isinstance(field, float) else _missing_as_none(field)
            for name, field in fields.items()
        }
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole(row: Any) -> bool:
    """Whether no text in `row` holds a lone surrogate."""
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _csv(path: Path, text: str, limit: int | None = None) -> list[Row]:
    if "\0" in text:
        refuse(path, "is binary; give JSON, JSON lines, CSV or Parquet")
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator(text), strict=True)
    rows: list[Row] = []
    names: list[str] = []
    started = 1
    try:
        for cells in reader:
            if not names:
                names = _header(path, cells)
            elif cells:
                if len(cells) != len(names):
                    found = f"record {len(rows) + 1} (line {started}) has {len(cells)} fields, the header {len(names)}"
                    refuse(path, f"{found}; quote texts that hold separators")
                rows.append({name: cell for name, cell in zip(names, cells, strict=True) if name})
                if len(rows) == limit:
                    break
            started = reader.line_num + 1
    except csv.Error as error:
        found = "a quote is not closed" if "unexpected end" in str(error) else str(error)
        refuse(
            path,
            f"record {len(rows) + 1} (line {started}): {found}; quote texts, and double the quotes in them",
        )
    if not rows:
        refuse(path, f"has a header ({listed(names)}) and no records; add at least one")
    return rows


def separator(text: str) -> str:
    """What separates the cells of a CSV header: comma, tab or semicolon."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(",\t;", key=header.count)


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        refuse(path, f"column {shown(twice)} stands twice in the header; rename one")
    return names


def parquet(path: Path, n_rows: int | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The frame in a Parquet file; BadInput where it is damaged or holds no rows."""
    import polars as pl

    source = io.BytesIO(read_bytes(path)) if is_zipped(path) else path
    try:
        frame = pl.read_parquet(source, n_rows=n_rows, columns=None if columns is None else list(columns))
    except Exception as error:
        refuse(path, f"Parquet cannot be read ({_reason(error)}); write the file again")
    except BaseException as error:
        # Polars reports some damaged files by a Rust panic, which is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        refuse(path, f"Parquet is damaged ({_reason(error)}); write the file again")
    if frame.is_empty():
        refuse(path, "holds no records; give a file with at least one")
    return frame


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:60]
