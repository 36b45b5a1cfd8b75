"""Standings: the rows of a figure with its uncertainty, its counts and its full name."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from winsome.records import OUTCOMES

if TYPE_CHECKING:
    import polars as pl

Extra = float | int | str | bool | None


@dataclass(frozen=True)
class Row:
    """One contender's figure. Win rates are in per cent; None where there is no figure.

    n: clusters (prompts) that entered; battles: rows that entered; counts: rows by outcome, seen from this contender,
    scored or not, so that they add up to the plan; ranks: the ranks that cannot be excluded, from 1;
    extra: further columns of the method (discrete_win_rate ..); group: the value of `by`, empty for the whole;
    few_clusters: too few prompts, or too few of the rarer outcome, for the interval to be trusted; a warning says which.
    """

    contender: str
    estimate: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    n: int
    battles: int
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    ranks: tuple[int, ...] = ()
    extra: Mapping[str, Extra] = field(default_factory=dict[str, Extra])
    group: str = ""
    few_clusters: bool = False

    def payload(self) -> dict[str, Any]:
        """The row as one flat JSON object; outcomes by name with `_` for the blank, null for a missing figure."""
        values: dict[str, Any] = {
            "contender": self.contender,
            "estimate": _finite(self.estimate),
            "standard_error": _finite(self.standard_error),
            "low": _finite(self.low),
            "high": _finite(self.high),
            "n": self.n,
            "battles": self.battles,
            "few_clusters": self.few_clusters,
        }
        if self.group:
            values["group"] = self.group
        values |= {outcome.replace(" ", "_"): self.counts.get(outcome, 0) for outcome in OUTCOMES}
        values |= {name: _finite(value) for name, value in self.extra.items()}
        if self.ranks:
            values |= {"rank_low": self.ranks[0], "rank_high": self.ranks[-1]}
        return values


@dataclass(frozen=True)
class Standings:
    """Rows sorted by estimate, best first, with what a reader must know to believe them.

    scale: "per cent" or "Arena points". groups: rows for each value of `by`. dropped: (reason, count) of rows that were
    not scored. decisions: for each contender, whether it is decided and which n would decide it.
    name: the figure's full name (suite@version / judge@version / method), the method alone where the rest is unknown.
    """

    method: str
    rows: tuple[Row, ...]
    baseline: str | None = None
    scale: str = "per cent"
    level: float = 0.95
    interval: str = "sandwich"
    name: str = ""
    groups: Mapping[str, tuple[Row, ...]] = field(default_factory=dict[str, tuple[Row, ...]])
    dropped: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()

    def row(self, contender: str) -> Row:
        """The row of one contender; KeyError where it has none."""
        for row in self.rows:
            if row.contender == contender:
                return row
        raise KeyError(contender)

    def named(self, suite: str = "", judge: str = "") -> Standings:
        """The same standings under their full name."""
        return replace(self, name=" / ".join(part for part in (suite, judge, self.method) if part))

    def payload(self) -> dict[str, Any]:
        """The standings as JSON-like values; the keys are fixed."""
        values: dict[str, Any] = {
            "method": self.method,
            "baseline": self.baseline,
            "rows": [row.payload() for row in self.rows],
            "dropped": [{"reason": reason, "count": count} for reason, count in self.dropped],
            "warnings": list(self.warnings),
            "name": self.name or self.method,
            "scale": self.scale,
            "level": self.level,
            "interval": self.interval,
            "decisions": list(self.decisions),
        }
        if self.groups:
            values["groups"] = {group: [row.payload() for row in rows] for group, rows in self.groups.items()}
        return values

    def to_json(self) -> str:
        """One JSON document: method, baseline, rows, dropped, warnings and what names the figure."""
        return json.dumps(self.payload(), ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pl.DataFrame:
        """A Polars frame of the rows, those of the groups below those of the whole."""
        import polars as pl

        rows = [*self.rows, *(row for rows in self.groups.values() for row in rows)]
        return pl.DataFrame([row.payload() for row in rows], infer_schema_length=None)

    def _repr_html_(self) -> str:
        return _html_table(self)


def _finite(value: Extra) -> Extra:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _html_table(standings: Standings) -> str:
    def number(value: float | None) -> str:
        return "–" if value is None or not math.isfinite(value) else f"{value:.1f}"

    head = (
        "rank",
        "contender",
        standings.scale,
        f"{100 * standings.level:g}% interval",
        "n",
        "W/T/L",
        "inconsistent",
    )
    lines = [f"<caption>{html.escape(standings.name or standings.method)}</caption><thead><tr>"]
    lines += [f"<th>{html.escape(title)}</th>" for title in head]
    lines.append("</tr></thead><tbody>")
    for row in standings.rows:
        ranks = (
            f"{row.ranks[0]}"
            if len(row.ranks) == 1
            else f"{row.ranks[0]}–{row.ranks[-1]}"
            if row.ranks
            else "–"
        )
        counts = "/".join(str(row.counts.get(outcome, 0)) for outcome in ("win", "tie", "loss"))
        interval = f"{number(row.low)} to {number(row.high)}" if row.low is not None else "–"
        cells = (ranks, row.contender, number(row.estimate), interval, str(row.n), counts)
        cells += (str(row.counts.get("inconsistent", 0)),)
        lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    lines.append("</tbody>")
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in (*standings.warnings, *standings.decisions))
    return f"<table>{''.join(lines)}</table>{notes}"
