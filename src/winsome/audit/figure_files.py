"""A figure and what it came from, read back from a run folder, a report.json, or the output of `winsome rank --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.standings.battles import Battles


@dataclass(frozen=True, eq=False)
class FigureFile:
    """standings: as `Standings.payload` writes them; record: run.json or report.json, empty for `rank --json`.

    battles: the contests, None where the file does not lie in a run folder.
    """

    path: Path
    standings: Mapping[str, Any]
    record: Mapping[str, Any]
    battles: Battles | None

    @property
    def estimates(self) -> dict[str, float | None]:
        return {row["contender"]: row["estimate"] for row in self.standings["rows"]}


def read_figure(path: str | Path) -> FigureFile:
    """The figure in a file or run folder; raises BadInput naming it where it is none of the three."""
    path = Path(path)
    place = path / "run.json" if path.is_dir() else path
    try:
        content = orjson.loads(place.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"{place}: does not exist; give a run folder, report.json or the output of rank --json"
        ) from None
    except (OSError, ValueError):
        raise BadInput(
            f"{place}: is no JSON; give a run folder, report.json or the output of rank --json"
        ) from None
    if not isinstance(content, dict):
        raise BadInput(
            f"{place}: holds a {type(content).__name__}; give a run folder, report.json or rank --json"
        )
    inner = content.get("standings", content)
    record = content if "standings" in content else {}
    if not isinstance(inner, dict) or "rows" not in inner or "method" not in inner:
        raise BadInput(f'{place}: has no "rows" and "method"; give a run folder, report.json or rank --json')
    for number, row in enumerate(inner["rows"], 1):
        if not isinstance(row, dict) or not {"contender", "estimate"} <= row.keys():
            raise BadInput(f'{place}: row {number} lacks "contender" or "estimate"; write the file again')
    return FigureFile(path, inner, record, _battles(place.parent) if record else None)


def _battles(folder: Path) -> Battles | None:
    """The contests of the run folder that a file lies in; None where it lies elsewhere."""
    import polars as pl

    place = folder / "battles.parquet"
    if not place.is_file():
        return None
    try:
        return Battles.from_frame(pl.read_parquet(place), name=str(place))
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{place}: is damaged ({type(error).__name__}); run the comparison again") from None


def facts(figure: FigureFile) -> dict[str, Any]:
    """What a figure's name stands for, by aspect; None where the file does not say."""
    record, standings = figure.record, figure.standings
    suite, judge = record.get("suite") or {}, record.get("judge") or {}
    run = record.get("run", record)
    settings = run.get("settings") or {}
    versions = run.get("versions") or {}
    rows = standings["rows"]
    return {
        "suite": suite.get("name"),
        "suite version": suite.get("version"),
        "judge": judge.get("label") or judge.get("name"),
        "judge id (model, prompt and settings)": judge.get("id"),
        "model that judged": ", ".join(judge.get("served_by") or ()) or None,
        "method": standings["method"],
        "baseline": standings.get("baseline"),
        "covariates": ", ".join(_covariates(rows)) or None,
        "interval": standings.get("interval"),
        "level": standings.get("level"),
        "orders": run.get("orders"),
        "repeats": run.get("repeats"),
        "sampling": settings.get("sampling") or None,
        "prompts": suite.get("prompts"),
        "prompt set": suite.get("prompt_set"),
        "winsome": versions.get("winsome") or record.get("winsome"),
    }


def _covariates(rows: list[Mapping[str, Any]]) -> list[str]:
    ending = "_coefficient"
    return sorted({key.removesuffix(ending) for row in rows for key in row if key.endswith(ending)})
