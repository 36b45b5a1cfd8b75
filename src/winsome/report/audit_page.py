"""An audit as one page in the report's look, as JSON, and as lines for the terminal: all from the same tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.report.markup import Markup, el, join, name
from winsome.report.shell import ALONE, shell
from winsome.report.tables import cell, how, number, row, table, th


def write_audit(record: Mapping[str, Any], out: str | Path) -> Path:
    """The path of the page of an audit's record, written as `out` (.html), its JSON beside it; both replaced whole."""
    place = Path(out)
    place = place if place.suffix == ".html" else place.with_name(place.name + ".html")
    content = orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    for where, data in (
        (place.with_suffix(".json"), content),
        (place, audit_page(record).encode("utf-8", "replace")),
    ):
        draft = where.with_name(f".{where.name}.{os.getpid()}")
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(where)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise BadInput(
                f"{where}: cannot be written ({error.strerror}); give another place with --out"
            ) from error
    return place


def audit_page(record: Mapping[str, Any]) -> str:
    """The HTML of an audit; like a report's, it may fetch nothing and runs only its own script."""
    tables, examples = record["tables"], record.get("examples", [])
    headline = el(
        "section",
        el("h1", name(record["claim"])),
        el("p", name(record["subject"])),
        _alarms(record["alarms"]),
        (el("p", name(note)) for note in record.get("notes", ())),
        class_="headline",
        aria_label="Result",
    )
    return shell(
        join(
            headline,
            (_part(one, k) for k, one in enumerate(tables)),
            el("section", el("h2", "Examples"), map(_folded, examples), id="examples") if examples else None,
        ),
        title=f"{record['claim']} · Winsome audit",
        figure=name(f"audit: {record['audit']}"),
        when=name(record["made"]["at"][:10]),
        footer=join("Winsome ", name(record["made"].get("winsome", "")), f". {ALONE}"),
        sections=[(f"part-{k}", one["title"]) for k, one in enumerate(tables)]
        + ([("examples", "Examples")] if examples else []),
    )


def terminal(record: Mapping[str, Any]) -> Iterator[Any]:
    """What the terminal shows, one renderable at a time."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for one in record["tables"]:
        made = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=one["title"], title_justify="left"
        )
        for k, head in enumerate(one["columns"]):
            numeric = k > 0 and all(not isinstance(line[k], str) for line in one["rows"])
            made.add_column(head, overflow="fold", justify="right" if numeric else "left")
        for line in one["rows"]:
            made.add_row(*(Text(_words(value)) for value in line))
        yield made
        yield Text("")
    for note in record.get("notes", ()):
        yield Text(f"note: {note}")
    for alarm in record["alarms"]:
        yield Text(f"ALARM {alarm}")
    yield Text(record["claim"], style="bold")


def _part(one: Mapping[str, Any], number_of: int) -> Markup:
    notes = how(*one["notes"]) if one["notes"] else None
    return el("section", el("h2", one["title"]), _table(one), notes, id=f"part-{number_of}")


def _folded(one: Mapping[str, Any]) -> Markup:
    """A table that opens with a click, its notes above it."""
    summary = el("summary", f"{one['title']} ({len(one['rows'])} of {one['count']:,})")
    return el("details", summary, [el("p", note) for note in one["notes"]], _table(one))


def _table(one: Mapping[str, Any]) -> Markup:
    """A table below its title, which its caption repeats for ears alone."""
    heads = [
        th(head, "num" if k and _numeric(one["rows"], k) else "") for k, head in enumerate(one["columns"])
    ]
    rows = [
        row(
            name(_words(line[0])),
            *(cell(_unbroken(value), head, "" if isinstance(value, str) else "num")
              for head, value in zip(one["columns"][1:], line[1:], strict=True)),
        )
        for line in one["rows"]
    ]  # fmt: skip
    return el(
        "div",
        table(el("span", one["title"], class_="unseen"), heads, rows, "stack"),
        class_="scroll audit",
        tabindex="0",
        role="region",
        aria_label=one["title"],
    )


def _numeric(rows: Sequence[Sequence[Any]], column: int) -> bool:
    return all(not isinstance(line[column], str) for line in rows)


def _unbroken(value: Any) -> Markup:
    """A cell whose interval stays on one line."""
    words = _words(value)
    return name(words.replace(" to ", "\u00a0to\u00a0") if isinstance(value, Mapping) else words)


def _words(value: Any) -> str:
    """A cell as words: a figure with its interval, whole numbers with commas, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        digits = int(value.get("digits", 1))
        if value["estimate"] is None:
            return "–"
        if value["low"] is None:
            return number(value["estimate"], digits)
        return f"{number(value['estimate'], digits)} ({number(value['low'], digits)} to {number(value['high'], digits)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _alarms(alarms: Sequence[str]) -> Markup | None:
    if not alarms:
        return None
    return el("div", el("ul", (el("li", name(alarm)) for alarm in alarms)), class_="notices")
