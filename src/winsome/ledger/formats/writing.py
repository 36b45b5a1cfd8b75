"""Records to files: JSON, JSON lines or CSV by the name's ending, gzipped where it ends in .gz."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import orjson

from winsome.ledger.formats.complaints import refuse
from winsome.ledger.formats.reading import Row


def write_rows(path: Path | str, rows: Iterable[Row]) -> int:
    """Writes records and returns how many; the file appears whole or not at all."""
    path = Path(path)
    kept = list(rows)
    ending = path.name.lower().removesuffix(".gz")
    if ending.endswith(".json"):
        data = orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n"
    elif ending.endswith(".jsonl"):
        data = b"".join(orjson.dumps(row) + b"\n" for row in kept)
    elif ending.endswith(".csv"):
        data = _csv(kept)
    else:
        refuse(path, "has an ending that cannot be written; use .json, .jsonl or .csv, with .gz if wanted")
    write_bytes(path, gzip.compress(data, mtime=0) if path.name.lower().endswith(".gz") else data)
    return len(kept)


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file in one step; its folder is made where it is missing."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        refuse(path, f"cannot be written ({error.strerror}); check the folder and its rights")


def _csv(rows: list[Row]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow(
            [orjson.dumps(cell).decode() if isinstance(cell, (list, dict)) else cell for cell in cells]
        )
    return buffer.getvalue().encode("utf-8")
