"""The page's sections that take the result apart: by pair, by length, by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from winsome.report.charts import axis, columns, forest, scale
from winsome.report.markup import Markup, el, join, name
from winsome.report.tables import Document, cell, how, per_cent, row, span, table, th, th_plot

MOST_PAIRS = 40
"""Contenders shown in the matrix; beyond that a page is no place for it and report.json has it all."""


MOST_PLOTS = 12
"""Contenders whose win rates by length are drawn; report.json has all."""


def matrix(document: Document) -> Markup:
    cells = {(figure["contender"], figure["opponent"]): figure for figure in document["matrix"]}
    names = [line["contender"] for line in document["standings"]["rows"]][:MOST_PAIRS]
    if not cells:
        return el("p", "No pair has a verdict that counts.", class_="empty")
    left_out = len(document["standings"]["rows"]) - len(names)
    many = len(names) > 6
    heads = ("against", *(th(k + 1 if many else name(other), "num") for k, other in enumerate(names)))
    rows = []
    for k, one in enumerate(names):
        title = join(el("span", k + 1, class_="number"), " ", name(one)) if many else name(one)
        rows.append(row(title, *(_pair(cells.get((one, other)), one == other) for other in names)))
    wide = el(
        "div",
        table("Win rate of the row against the column, %", heads, rows, "matrix"),
        class_="scroll wide-only",
        tabindex="0",
        role="region",
        aria_label="Matrix of win rates",
    )
    return join(
        wide,
        el("div", [_opponents(one, names, cells) for one in names], class_="narrow-only"),
        el(
            "p",
            f"The first {len(names)} contenders are shown; {left_out} more are in report.json.",
            class_="note",
        )
        if left_out
        else None,
        how(
            "Each cell is the win rate of the row's contender against the column's, over the contests of that pair alone, with the "
            "same interval as the standings and n prompts. Cells whose interval leaves out 50 are set bold.",
        ),
    )


def _pair(figure: Mapping[str, Any] | None, same: bool) -> Markup:
    if figure is None:
        return el("td", "" if same else "–", class_="same" if same else "unmet", role="cell")
    sure = figure["low"] > 50 or figure["high"] < 50
    shade = round((figure["estimate"] - 50) / 10)
    css = f"shade{'-' if shade < 0 else '+'}{abs(shade)}".replace("+", "p").replace("-", "m")
    small = el(
        "span", f"{figure['low']:.0f}–{figure['high']:.0f}", el("br"), f"n {figure['n']:,}", class_="small"
    )
    return el(
        "td",
        el("span", f"{figure['estimate']:.0f}", class_="sure" if sure else None),
        small,
        class_=f"pair {css}",
        role="cell",
    )


def _opponents(one: str, names: Sequence[str], cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> Markup:
    met = [cells[one, other] for other in names if (one, other) in cells]
    axis_scale = scale(met)
    lines = [
        el("li", el("span", name(figure["opponent"]), class_="who"), el("span", f"{figure['estimate']:.1f}", class_="strong"),
           forest(figure, axis_scale), el("span", f"{span(figure)}, n = {figure['n']:,}", class_="small"))
        for figure in met
    ]  # fmt: skip
    return el("details", el("summary", name(one), " against"), el("ul", lines, class_="pairs"))


def categories(document: Document) -> Markup:
    told = _told(document)
    figures = [figure for figure in document["categories"] if figure["contender"] in told]
    if not figures:
        return el("p", "The prompts of this suite have no categories.", class_="empty")
    axis_scale = scale(figures)
    several = len({figure["contender"] for figure in figures}) > 1
    names = list(dict.fromkeys(figure["category"] for figure in figures))
    heads = (
        "category",
        *(("contender",) if several else ()),
        th("win rate, %", "num"),
        th_plot(axis(axis_scale)),
        th("interval", "num"),
        th("prompts", "num"),
    )
    rows = []
    for category in names:
        for figure in [figure for figure in figures if figure["category"] == category]:
            who = (cell(name(figure["contender"]), "contender"),) if several else ()
            n = join(f"{figure['n']:,}", " ", el("span", "few", class_="tag") if figure["few"] else None)
            rows.append(
                row(name(category), *who, cell(per_cent(figure["estimate"]), "win rate, %", "num strong"),
                    cell(forest(figure, axis_scale, quiet=figure["few"]), "", "plot"), cell(span(figure), "interval", "num whole"), cell(n, "prompts", "num"))
            )  # fmt: skip
    return join(
        table("Win rate by category", heads, rows, "stack categories"),
        how(
            "The standings' win rate within each category. Few: the category has too few prompts, or too few of the rarer "
            "outcome, for its interval to be trusted.",
            "Categories are looked at one by one; with many of them, some stand apart by chance.",
        ),
    )


def length(document: Document) -> Markup:
    found = document["length"]
    longer, baseline = found["longer"], document["standings"].get("baseline")
    told = _told(document)
    by_name = {one["contender"]: one for one in found["contenders"]}
    shown = [by_name[who] for who in told if who in by_name][:MOST_PLOTS]
    lead = (
        el("p", "No pair of answers of unequal length was scored.", class_="empty")
        if longer["estimate"] is None
        else el(
            "p",
            "The longer answer wins ",
            el("strong", f"{longer['estimate']:.1f}%"),
            f" ({span(longer)}) of {longer['battles']:,} contests.",
        )
    )
    means = {one["contender"]: one["mean_length"] for one in found["contenders"]}
    plots = [
        el("figure", el("figcaption", name(one["contender"]), el("span", f"{one['mean_length']:,.0f} characters on average", class_="small")),
           columns(one["bins"], [_ratio(figure) for figure in one["bins"]], _aloud(one)))
        for one in shown if one["mean_length"] is not None
    ]  # fmt: skip
    other = (
        el("p", name(baseline), f" writes {means[baseline]:,.0f} characters on average.", class_="note")
        if means.get(baseline)
        else None
    )
    return join(
        lead,
        el("div", plots, class_="plots" + (" single" if len(plots) == 1 else "")),
        other,
        how(
            "Across: how many times as long the contender's answer is as its opponent's, in characters. Upwards: its win rate "
            "in contests of that ratio, with the interval; larger dots hold more prompts, hollow ones too few to be trusted.",
            "A line that climbs to the right says that this judge and length go together. It does not say why: longer answers may also be better.",
        ),
    )


def _told(document: Document) -> list[str]:
    """Contenders, best first, of whom there is something to tell: no baseline, and of two the first alone."""
    names = [line["contender"] for line in document["standings"]["rows"]]
    baseline = document["standings"].get("baseline")
    if baseline is None:
        return names[:1] if len(names) == 2 else names
    return [name for name in names if name != baseline]


def _ratio(figure: Mapping[str, Any]) -> str:
    low, high = figure["from"], figure["to"]
    if low is None:
        return f"<{_short(high)}×"
    if high is None:
        return f">{_short(low)}×"
    return "≈" if low < 1 < high else f"{_short(low)}–{_short(high)}"


def _short(ratio: float) -> str:
    return f"{ratio:.2g}".removeprefix("0")


def _aloud(one: Mapping[str, Any]) -> str:
    parts = [
        f"{_ratio(figure)}: {per_cent(figure['estimate'])}% of {figure['n']}"
        for figure in one["bins"]
        if figure["n"]
    ]
    return f"Win rate of {one['contender']} by length over its opponent's: {'; '.join(parts)}"
