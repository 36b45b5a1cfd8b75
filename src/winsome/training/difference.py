"""Why two trained models differ: what of their records is not alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from winsome import specs
from winsome.errors import BadInput

RECORD = "winsome.json"
LEFT_OUT = ("time", "seconds", "cpu_seconds", "id", "source")
"""What differs between any two runs, or lies in a digest already."""
ABSENT = "-"


def record_of(name: str) -> Mapping[str, Any] | None:
    """The record of a model that was trained here, by its folder, the folder of its run, or a contender's name; else None."""
    address = specs.parse(name).address if ":" in name and not Path(name).exists() else name
    for place in (Path(address), Path(address) / "trained"):
        try:
            found: Any = orjson.loads((place / RECORD).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and "made_for" in found:
            return found  # pyright: ignore[reportUnknownVariableType]
    return None


def unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, first's, second's value) of what differs, in the records' order; settings of the plan and of the objective by name."""
    if first["made_for"].get("version") != second["made_for"].get("version"):
        raise BadInput("these runs were trained by versions whose records do not compare; train one again")
    one, other = (dict(_flat(record)) for record in (first, second))
    names = [*one, *(name for name in other if name not in one)]
    return [
        (name, one.get(name, ABSENT), other.get(name, ABSENT))
        for name in names
        if one.get(name) != other.get(name) and name.rpartition(".")[2] not in LEFT_OUT
    ]


def _flat(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{above}{name}", f"{value:.6g}" if isinstance(value, float) else str(value)
