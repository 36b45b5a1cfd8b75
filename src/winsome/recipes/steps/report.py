"""What a run adds up to: the figures in order, what every step kept and dropped, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.recipes.cache import Product, Stored

if TYPE_CHECKING:
    from winsome.recipes.engine import Engine, Here
    from winsome.recipes.plan import Planned

VERSION = 1
READS: tuple[str, ...] = ()
PLAYS = True


async def report(
    engine: Engine,
    step: Planned,
    place: Here,
    incoming: Mapping[str, Stored],
    *,
    waterfall: bool = True,
    per: tuple[str, ...] = (),
    cost: bool = True,
    coverage: bool = True,
    controls: tuple[str, ...] = (),
) -> Product:
    """The run's report in recipe.json: `waterfall` the win rate of every contender in the order of the matches, `coverage` the rows that
    each step kept and dropped by reason, `cost` what was bought.

    per: columns of the prompts by which the rows at the end are counted. controls: labels of arms whose intervals must contain 50% or
    lie below; one that does not is a warning.
    """
    made: dict[str, Any] = {}
    rows = [
        _row(match, row)
        for match in engine.record.matches
        for row in match["standings"]["rows"]
        if not _baseline(match, row)
    ]
    if waterfall:
        made["waterfall"] = rows
    if coverage:
        made["coverage"] = [
            {k: s[k] for k in ("step", "kind", "rows", "dropped")} for s in engine.record.steps
        ]
    if cost:
        made["cost"] = {s["step"]: s["usage"] for s in engine.record.steps if s["usage"]["calls"]}
    if per:
        made["per"] = {column: _counted(incoming, column) for column in per}
    if controls:
        labels = {row["label"] for row in rows}
        unknown = [label for label in controls if label not in labels]
        if unknown:
            raise BadInput(
                f'controls: no arm "{unknown[0]}" was matched; arms are {", ".join(sorted(labels))[:100]}'
            )
        made["warnings"] = [
            f"control {row['label']} beats the baseline ({row['low']:.1f} to {row['high']:.1f}%)"
            for row in rows
            if row["label"] in controls and row["low"] is not None and row["low"] > 50.0
        ]
    engine.record.report = made
    return Product(incoming)


def _baseline(match: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return row.get("contender") == match["standings"].get("baseline")


def _row(match: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    name = row.get("contender", "")
    held = {key: row.get(key) for key in ("estimate", "standard_error", "low", "high", "n")}
    return {"step": match["step"], "contender": name, "label": match["labels"].get(name, name), **held}


def _counted(incoming: Mapping[str, Stored], column: str) -> dict[str, int]:
    for name in ("prompts", *incoming):
        if name in incoming and column in incoming[name].table.columns:
            counts = incoming[name].table[column].fill_null("none").cast(str).value_counts(sort=True)
            return dict(counts.iter_rows())
    raise BadInput(f'per: no frame here has a column "{column}"')
