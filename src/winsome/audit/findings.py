"""What an audit found, as figures with intervals in tables: the shape that JSON, page and terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from winsome.matchmaking.run_folder import now, versions
from winsome.standings.intervals import wilson
from winsome.standings.laws import normal_quantile

FORMAT = 1
"""The format of an audit's JSON; raised when a field changes its meaning or goes away."""

Cell = str | int | float | dict[str, Any] | None
"""A cell of a table: words, a number, nothing, or a figure: {estimate, low, high, n}, a rate in per cent."""


def share(hits: float, n: int, level: float = 0.95) -> dict[str, Any]:
    """`hits` of `n` independent trials as a figure in per cent with Wilson's interval; estimate None for n = 0."""
    if n == 0:
        return {"estimate": None, "low": None, "high": None, "n": 0}
    low, high = wilson(hits / n, n, normal_quantile((1.0 + level) / 2.0))
    return {"estimate": 100.0 * hits / n, "low": 100.0 * low, "high": 100.0 * high, "n": n}


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """One table of an audit: a row begins with its name; `notes` say how its figures are counted."""
    wrong = next((row for row in rows if len(row) != len(columns)), None)
    if wrong is not None:
        raise ValueError(f"{title}: a row of {len(wrong)} cells under {len(columns)} columns")
    return {
        "title": title,
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "notes": list(notes),
    }


def record(
    audit: str,
    subject: str,
    claim: str,
    alarms: Sequence[str],
    tables: Sequence[dict[str, Any]],
    **beside: Any,
) -> dict[str, Any]:
    """An audit's JSON: `claim` is its one sentence, `alarms` what a reader must look at, `beside` the raw findings."""
    return {
        "format": FORMAT,
        "audit": audit,
        "subject": subject,
        "claim": claim,
        "alarms": list(alarms),
        "tables": list(tables),
        **beside,
        "made": {"at": now(), **versions()},
    }
