"""report.json: everything that the page shows but the texts, as one JSON document with a published schema."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from winsome.matchmaking.judge_cards import card_of, read_card
from winsome.records import OUTCOMES
from winsome.report.diagnostics import diagnostics
from winsome.report.figures import by_length, categories, lengths_of, matrix, neighbours
from winsome.report.folder import Finished, read
from winsome.report.headline import headline

FORMAT = 1
"""The format of report.json; raised when a field changes its meaning or goes away."""


def document(folder: str | Path) -> dict[str, Any]:
    """The report of a run's folder as JSON-like values that `schema()` describes; raises BadInput for a broken folder."""
    return of_run(read(Path(folder)))


def of_run(run: Finished) -> dict[str, Any]:
    """The report of a run that has been read."""
    record, standings = run.record, run.record["standings"]
    return {
        "format": FORMAT,
        "figure": record["figure"],
        "headline": headline(standings),
        "standings": standings,
        "counts": _counts(record),
        "differences": neighbours(run.battles, standings),
        "matrix": matrix(run.battles),
        "length": by_length(run.battles, lengths_of(run.contests, run.asks)),
        "categories": categories(run.battles, standings.get("baseline")),
        "judge": {**record["judge"], "card": _card(run)},
        "diagnostics": diagnostics(run),
        "contenders": [dict(contender) for contender in record["contenders"]],
        "suite": dict(record.get("suite", {})),
        "usage": dict(record.get("usage", {})),
        "dropped": list(record.get("dropped", ())),
        "warnings": list(dict.fromkeys([*record.get("warnings", ()), *standings.get("warnings", ())])),
        "notes": list(record.get("notes", ())),
        **({"people": _people(record["people"])} if "people" in record else {}),
        "run": {
            name: record.get(name)
            for name in (
                "id",
                "command",
                "started",
                "finished",
                "seconds",
                "seed",
                "ledger",
                "orders",
                "repeats",
            )
        }
        | {"settings": dict(record.get("settings", {})), "versions": _versions(record)},
    }


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of report.json."""
    return orjson.loads((files("winsome.report") / "report.schema.json").read_bytes())


def _counts(record: Mapping[str, Any]) -> dict[str, Any]:
    outcomes = {outcome: int(record["counts"].get(outcome, 0)) for outcome in OUTCOMES}
    return {"contests": record["contests"], "asks": record.get("asks"), "outcomes": outcomes}


def _people(found: Mapping[str, Any]) -> dict[str, Any]:
    """What people said, without the pairs one by one; those are in run.json."""
    return {name: value for name, value in found.items() if name != "drawn"}


def _card(run: Finished) -> Mapping[str, Any] | None:
    """The card of the run's judge: the one linked then, else one that was made since; None for an unmeasured judge."""
    judge = run.record["judge"]
    linked = judge.get("card")
    for place in (
        linked,
        card_of(judge.get("id", "")),
        card_of(judge.get("id", ""), run.folder.parent.parent / "cards"),
    ):
        if place is not None and Path(place).is_file():
            return read_card(place)
    return None


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    """Names and versions in one flat table; run.json keeps those of packages in a table of their own."""
    versions: dict[str, str] = {}
    for name, version in {"winsome": record.get("winsome"), **record.get("versions", {})}.items():
        if isinstance(version, Mapping):
            versions |= {str(package): str(found) for package, found in version.items()}
        elif version is not None:
            versions[name] = str(version)
    return versions
