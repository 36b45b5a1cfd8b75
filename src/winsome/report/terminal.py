"""Standings for the terminal: the figure's full name, a row a contender with its interval drawn, warnings, the decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.report.charts import Scale, drawn_scale
from winsome.report.errors_of import error_lines
from winsome.report.headline import digits, headline, opposed, ranks, unit
from winsome.report.labels import labels, relabelled
from winsome.standings.table import Standings

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDE = 96
"""Columns of a terminal from which the interval is drawn wide."""

NARROW = 74
"""Columns below which it is not drawn at all."""

MOST_WARNINGS = 3


def standings_table(standings: Standings) -> RenderableType:
    """What `compare` and `rank` print; fits itself to the console's width."""
    return _Shown(standings.payload())


def standings_payload(standings: Mapping[str, Any], names: Mapping[str, str]) -> RenderableType:
    """The same of standings as JSON-like values, contenders under the names that `names` gives them."""
    return _Shown(relabelled(standings, names))


@dataclass(frozen=True)
class _Shown:
    standings: Mapping[str, Any]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.padding import Padding
        from rich.text import Text

        rows = self.standings["rows"]
        shown = relabelled(self.standings, labels([{"name": row["contender"]} for row in rows]))
        yield Text(shown["name"], style="bold")
        if shown["scale"] == "per cent":
            yield Text(opposed(shown), style="dim")
        yield Padding(_table(shown, options.max_width), (1, 0))
        others = _others(rows, 1 if shown["scale"].startswith(("grade", "WB-Score")) else 2)
        if others:
            yield Text(f"{others}.", style="dim")
        for line in error_lines(shown["rows"]):
            yield Text(line, style="dim")
        for warning in shown["warnings"][:MOST_WARNINGS]:
            yield Text(f"! {warning}", style="yellow")
        if len(shown["warnings"]) > MOST_WARNINGS:
            yield Text(
                f"! {len(shown['warnings']) - MOST_WARNINGS} more warnings in the report", style="yellow"
            )
        head = headline(shown)
        yield Text.assemble((f"{head['claim']}. ", "bold"), head["decision"])


def _table(shown: Mapping[str, Any], width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide, digits_shown = width >= WIDE, digits(shown["scale"])
    axis = drawn_scale(shown["rows"], shown["scale"])
    cells = 0 if width < NARROW else 28 if wide else 14
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, int(width >= NARROW), 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="dim",
    )
    table.add_column("contender", overflow="fold", min_width=8)
    titles = [("ranks" if wide else "rank"), unit(shown["scale"])]
    titles += [
        f"{100 * shown['level']:g}%{' interval' if wide else ''}",
        "W/T/L",
        ("inconsistent" if wide else "inc."),
        "n",
    ]
    for place, title in enumerate(titles):
        table.add_column(title, justify="right", no_wrap=True)
        if place == 1 and cells:
            table.add_column(_axis(axis, cells), no_wrap=True)
    for row in shown["rows"]:
        reference = row["contender"] == shown.get("baseline")
        table.add_row(
            Text(row["contender"]),
            ranks(row),
            Text(_number(row["estimate"], digits_shown) + "!" * bool(row.get("extrapolation")), style="bold"),
            *((_bar(row, axis, cells, reference),) if cells else ()),
            "baseline" if reference else _span(row, digits_shown),
            "/".join(f"{row[name]}" for name in ("win", "tie", "loss")),
            f"{row['inconsistent']:,}",
            f"{row['n']:,}",
            style="dim" if reference else "",
        )
    return table


def _others(rows: Sequence[Mapping[str, Any]], sides: int) -> str:
    """Contests of the outcomes that have no column, each in the rows of both its contenders; or grades, each in one row."""
    names = ("graded", "forfeit", "unparsed", "void", "not_asked")
    counts = [(name.replace("_", " "), sum(row[name] for row in rows) // sides) for name in names]
    found = ", ".join(f"{count:,} {name}" for name, count in counts if count)
    head = "Contests besides" if sides == 2 else "Grades"
    return f"{head}: {found}" if found else ""


def _axis(axis: Scale, cells: int) -> str:
    """The ends and the middle of the axis over its bar, where there is room for all three."""
    places = [" "] * cells
    for value in (axis.low, axis.high, axis.middle):
        label = f"{value:g}"
        start = min(max(0, _place(value, axis, cells) - (len(label) - 1) // 2), cells - len(label))
        if all(place == " " for place in places[max(0, start - 1) : start + len(label) + 1]):
            places[start : start + len(label)] = label
    return "".join(places)


def _bar(row: Mapping[str, Any], axis: Scale, cells: int, reference: bool) -> Text:
    from rich.text import Text

    marks: list[tuple[str, str]] = [(" ", "")] * cells
    marks[_place(axis.middle, axis, cells)] = ("┊", "dim")
    colour = "" if reference else "cyan"
    if row["low"] is not None and not reference:
        low, high = _place(row["low"], axis, cells), _place(row["high"], axis, cells)
        marks[low : high + 1] = [("─", colour)] * (high + 1 - low)
        marks[low], marks[high] = ("├", colour), ("┤", colour)
    if row["estimate"] is not None:
        marks[_place(row["estimate"], axis, cells)] = ("○" if reference else "●", colour)
    return Text.assemble(*marks)


def _place(value: float, axis: Scale, cells: int) -> int:
    share = (value - axis.low) / (axis.high - axis.low)
    return min(cells - 1, max(0, round(share * (cells - 1))))


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _span(row: Mapping[str, Any], digits: int) -> str:
    return "–" if row["low"] is None else f"{_number(row['low'], digits)}–{_number(row['high'], digits)}"
