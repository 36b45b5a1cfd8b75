"""What the page's tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from winsome.report.markup import Markup, el, join

Document = Mapping[str, Any]
"""report.json."""


def per_cent(value: float | None) -> str:
    return number(value, 1)


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def span(figure: Mapping[str, Any], digits: int = 1) -> str:
    return (
        "–"
        if figure["low"] is None
        else f"{number(figure['low'], digits)} to {number(figure['high'], digits)}"
    )


def how(*text: object) -> Markup:
    """How the numbers above are counted, one click away."""
    return el("details", el("summary", "How this is counted"), [el("p", line) for line in text], class_="how")


def cell(content: object, label: str, css: str = "") -> Markup:
    """A table cell that carries its column's name, which a narrow page prints beside it."""
    return el("td", content, class_=css or None, data_label=label, role="cell")


def table(caption: object, heads: Sequence[object], rows: Sequence[Markup], css: str) -> Markup:
    """A table; roles are written out because narrow pages turn rows into blocks, which would lose them."""
    top = el(
        "tr",
        [head if isinstance(head, Markup) and head.startswith("<th") else th(head) for head in heads],
        role="row",
    )
    head = el("thead", top, role="rowgroup")
    return el(
        "table", el("caption", caption), head, el("tbody", rows, role="rowgroup"), class_=css, role="table"
    )


def th(content: object, css: str = "") -> Markup:
    return el("th", content, scope="col", role="columnheader", class_=css or None)


def row(title: object, *cells: Markup, css: str = "") -> Markup:
    return el("tr", el("th", title, scope="row", role="rowheader"), cells, role="row", class_=css or None)


def th_plot(drawn: Markup | None = None) -> Markup:
    """The head of a column of drawings, with its axis; said aloud only."""
    return th(join(el("span", "drawn", class_="unseen"), drawn), "plot")
