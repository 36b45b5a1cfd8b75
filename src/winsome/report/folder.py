"""A finished run's folder, read back: run.json, asks.parquet, battles.parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome.errors import BadInput
from winsome.standings.battles import Battles

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
"""The format of run.json that this version reads."""

RECORD_FIELDS = (
    "format",
    "id",
    "command",
    "figure",
    "contenders",
    "judge",
    "counts",
    "contests",
    "standings",
)
ASK_COLUMNS = (
    "position", "contest", "prompt", "cluster", "category", "a", "b", "order", "repeat", "seat_a", "match",
    "response_a", "response_b", "length_a", "length_b", "outcome", "share", "reason", "verdict", "evidence", "judge", "served_by",
)  # fmt: skip
BATTLE_COLUMNS = ("model_a", "model_b", "outcome", "share", "contest")


@dataclass(frozen=True)
class Finished:
    """What a run left: its record, a row a planned ask (plan order), a row a contest, and those rows as Battles."""

    folder: Path
    record: Mapping[str, Any]
    asks: pl.DataFrame
    contests: pl.DataFrame
    battles: Battles


def read(folder: Path) -> Finished:
    """The run kept in `folder`; raises BadInput where a file or column is missing or of a newer format."""
    import polars as pl

    record = _record(folder / "run.json")
    frames: dict[str, pl.DataFrame] = {}
    for name, columns in (("asks.parquet", ASK_COLUMNS), ("battles.parquet", BATTLE_COLUMNS)):
        path = folder / name
        if not path.is_file():
            raise BadInput(f"{path}: not there; give the folder of a finished run")
        try:
            frames[name] = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise BadInput(
                f"{path}: not a readable Parquet file; run the comparison again to rewrite it"
            ) from error
        missing = [column for column in columns if column not in frames[name].columns]
        if missing:
            raise BadInput(f'{path}: no column "{missing[0]}"; run the comparison again to rewrite it')
    contests = frames["battles.parquet"]
    battles = Battles.from_frame(contests, name=str(folder / "battles.parquet"))
    return Finished(folder, record, frames["asks.parquet"].sort("position"), contests, battles)


def _record(path: Path) -> Mapping[str, Any]:
    try:
        record = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: not there; give the folder of a finished run") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadInput(f"{path}: not readable as JSON; run the comparison again to rewrite it") from error
    if not isinstance(record, dict):
        raise BadInput(f"{path}: holds {type(record).__name__}, wanted an object; run the comparison again")
    for name in RECORD_FIELDS:
        if name not in record:
            raise BadInput(f'{path}: no field "{name}"; run the comparison again to rewrite it')
    if record["format"] != FORMAT:
        raise BadInput(
            f'{path}: field "format" is {record["format"]}, this version reads {FORMAT}; update winsome'
        )
    return record
