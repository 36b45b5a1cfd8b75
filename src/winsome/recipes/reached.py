"""The frames of a finished or stopped run, read from its folder: what a step was given, and what it said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome.errors import BadInput
from winsome.recipes.record import RECORD

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class Reached:
    """A step of a run: its row in recipe.json (with `facts`), and the frames that reached it."""

    step: Mapping[str, Any]
    frames: Mapping[str, DataFrame]


def reached(folder: str | Path, *, step: str = "", fact: str = "") -> Reached:
    """The step `step` of the run in `folder`, or without a name the first whose facts hold `fact`.

    Raises BadInput where the folder is no run, or the run has no such step.
    """
    place = Path(folder).expanduser()
    try:
        record: Any = orjson.loads((place / RECORD).read_bytes())
        rows: list[dict[str, Any]] = record["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{place}: no {RECORD} of a recipe's run can be read there; give the folder that winsome run named"
        ) from None
    names = [row["step"] for row in rows]
    if step and step not in names:
        raise BadInput(f'{place.name}: no step "{step}" has ended (there are: {", ".join(names)[:90]})')
    fits = [row for row in rows if step in ("", row["step"]) and (not fact or fact in row.get("facts", {}))]
    if not fits:
        where = f"step {step}" if step else "a step"
        raise BadInput(
            f"{place.name}: {where} that keeps {fact} is not there; name another step, or another run"
        )
    chosen = fits[0]
    within = chosen["step"].rpartition("/")[0]
    wanted: dict[str, str] = {}
    for source in chosen.get("from", ()):
        path = f"{within}/{source}" if within else source
        wanted |= next((row["frames"] for row in rows if row["step"] == path), dict[str, str]())
    return Reached(chosen, {name: _frame(place, rows, name, digest) for name, digest in wanted.items()})


def _frame(place: Path, rows: list[dict[str, Any]], name: str, digest: str) -> DataFrame:
    """The frame of this digest, which lies under the step that made it."""
    import polars as pl

    for row in rows:
        file = place / "frames" / row["step"] / f"{name}.parquet"
        if row["frames"].get(name) == digest and file.is_file():
            return pl.read_parquet(file)
    raise BadInput(f"{place.name}: the frame {name} is not there any more; run the recipe again")
