"""Frames kept by what made them: a folder a result, named by the digest of inputs, settings and the code's version.

A result counts once its manifest is there; that is written last, by renaming, so a process that dies leaves none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome.errors import BadInput, Fatal
from winsome.given import is_mapping

if TYPE_CHECKING:
    from polars import DataFrame

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Stored:
    """A frame on disk: its file, the digest of the file's bytes, its rows. `table` reads it once, and checks the digest first."""

    path: Path
    digest: str
    rows: int
    held: DataFrame | None = field(default=None, compare=False, repr=False)

    @cached_property
    def table(self) -> DataFrame:
        if self.held is not None:
            return self.held
        import polars as pl

        self.check()
        return pl.read_parquet(self.path)

    def check(self) -> None:
        """Raise BadInput where the file is gone or is not what was written."""
        try:
            found = file_digest(self.path)
        except OSError as error:
            raise BadInput(
                f"{self.path}: cannot be read ({error.strerror}); remove its folder and run again"
            ) from None
        if found != self.digest:
            raise BadInput(
                f"{self.path}: was changed since it was made (digest {found[:8]}, not {self.digest[:8]}); remove its folder"
            )


@dataclass(frozen=True)
class Product:
    """What a step made: all frames that it hands on, contenders (name by label), counts, and facts for the report."""

    frames: Mapping[str, Stored] = field(default_factory=dict[str, Stored])
    contenders: Mapping[str, str] = field(default_factory=dict[str, str])
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def contender(self) -> str | None:
        """The last of the contenders; None where the step made none."""
        made = list(self.contenders.values())
        return made[-1] if made else None


def file_digest(path: Path) -> str:
    """32 hexadecimal digits of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def write(folder: Path, name: str, table: DataFrame) -> Stored:
    """`table` as a Parquet file in `folder`, written whole or not at all."""
    path = folder / f"{name}.parquet"
    draft = folder / f".{name}.{os.getpid()}"
    try:
        table.write_parquet(draft, compression="lz4", statistics=False)
        digest = file_digest(draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Fatal(f"{path}: cannot be written ({error.strerror}); make room and run again") from None
    return Stored(path, digest, table.height, table)


def commit(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the manifest, which makes the folder's result count."""
    draft = folder / f".{MANIFEST}.{os.getpid()}"
    draft.write_bytes(orjson.dumps({"format": FORMAT, **record}, option=orjson.OPT_INDENT_2))
    draft.replace(folder / MANIFEST)


def found(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished result, None where there is none; BadInput for one that cannot be read."""
    path = folder / MANIFEST
    try:
        record = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError):
        raise BadInput(f"{path}: cannot be read; remove its folder, the step then runs again") from None
    if not is_mapping(record) or record.get("format") != FORMAT:
        raise BadInput(f"{path}: is of another format; remove its folder, the step then runs again")
    return dict(record)


def stored(folder: Path, record: Mapping[str, Any]) -> dict[str, Stored]:
    """The frames of a finished result, each checked against its digest."""
    frames = {
        name: Stored(folder / f"{name}.parquet", held["digest"], held["rows"])
        for name, held in record["frames"].items()
    }
    for frame in frames.values():
        frame.check()
    return frames


def adopt(frame: Stored, folder: Path, name: str) -> Stored:
    """A frame that a step hands on as it came, as one of the step's own; its rows are not written again."""
    place = folder / f"{name}.parquet"
    if place != frame.path:
        link(frame, place)
    return replace(frame, path=place)


def link(frame: Stored, place: Path) -> None:
    """The frame's file under another name too: a hard link, or a copy where the disk has none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        os.link(frame.path, place)
    except OSError:
        import shutil

        shutil.copyfile(frame.path, place)
