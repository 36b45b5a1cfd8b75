"""What an audit found, as figures with intervals in tables: the shape that JSON, page and terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from winsome.matchmaking.run_folder import now, versions
from winsome.standings.columns import Floats
from winsome.standings.intervals import clustered_mean, score_interval, wilson
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


def mean_share(shares: Floats | Sequence[float]) -> dict[str, Any]:
    """The mean of shares [prompts] as a figure in per cent with its score interval; NaN leaves a prompt out."""
    read = np.asarray(shares, np.float64)
    read = read[~np.isnan(read)]
    n = len(read)
    if not n:
        return {"estimate": None, "low": None, "high": None, "n": 0}
    mean = clustered_mean(read, np.ones(n), np.arange(n, dtype=np.int32))
    low, high = score_interval(mean)
    return {"estimate": 100.0 * mean.mean, "low": 100.0 * low, "high": 100.0 * high, "n": n}


def points(first: Floats, second: Floats, span: float = 1.0) -> dict[str, Any]:
    """Points by which `first` is above `second` [prompts], paired by prompt; the difference lies in [-span, span].

    The interval is the score interval of its place in that range, as in `paired_difference`; NaN leaves a prompt out.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    n = int(both.sum())
    if n < 2:
        return {"estimate": None, "low": None, "high": None, "n": n}
    place = (1.0 + (first[both] - second[both]) / span) / 2.0
    mean = clustered_mean(place, np.ones(n), np.arange(n, dtype=np.int32))
    low, high = score_interval(mean)
    told = [100.0 * span * (2.0 * value - 1.0) for value in (mean.mean, low, high)]
    return {"estimate": told[0], "low": told[1], "high": told[2], "n": n}


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


def joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two audits of one subject as one: claims, alarms, tables and what is missing of both; what stood beside the second stays."""
    both = {name: [*first[name], *second[name]] for name in ("alarms", "tables")}
    return first | second | both | {
        "claim": f"{first['claim']}. {second['claim'].removeprefix(first['subject'] + ': ').capitalize()}",
        "missing": [*first.get("missing", ()), *second.get("missing", ())],
    }  # fmt: skip


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
