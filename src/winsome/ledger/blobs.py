"""Bytes by their SHA-256, kept in the ledger itself: one file to copy, one commit for a blob and the record that names it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.ledger.rows import Row
from winsome.ledger.writer import Writer
from winsome.records import Blob

KINDS = ("image", "video", "audio", "mesh", "file")
LARGEST = 900_000_000
"""Bytes; both databases refuse values of about a thousand million."""


def put(writer: Writer, data: bytes, kind: str, mime: str, shape: tuple[int, ...]) -> Blob:
    """The part that names `data`, which is on disk on return."""
    if kind not in KINDS:
        raise BadInput(f'blob kind "{kind}": unknown; use one of {", ".join(KINDS)}')
    if len(data) > LARGEST:
        raise BadInput(
            f"blob of {len(data):,} bytes: a ledger holds up to {LARGEST:,} in one; split or compress it"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    row = (sha256, kind, mime, orjson.dumps(shape).decode() if shape else None, len(data), data, time.time())
    writer.run({"blobs": [row]})
    return Blob(kind, sha256, mime, shape)  # pyright: ignore[reportArgumentType]


def get(rows: Callable[[str, Sequence[Any]], list[Row]], place: str, sha256: str) -> bytes:
    """The bytes kept under `sha256`."""
    found = rows("SELECT bytes FROM blobs WHERE sha256 = ?", (sha256,))
    if not found:
        raise BadInput(f"{place}: no blob {sha256[:16]}..; import it again or merge the ledger that holds it")
    return bytes(found[0][0])
