"""The page's sections, each a function of report.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from winsome.records import OUTCOMES, SCORED
from winsome.report.charts import axis, columns, forest, scale, shares
from winsome.report.headline import ranks
from winsome.report.markup import Markup, el, join, name

Document = Mapping[str, Any]

MOST_PAIRS = 40
"""Contenders shown in the matrix; beyond that a page is no place for it and report.json has it all."""

COLUMNS = ("win", "tie", "loss", "graded", "inconsistent", "forfeit", "unparsed", "void", "not asked")
"""Outcomes as the table of counts lists them; the first three and the inconsistent always."""

BAR = ("win", "graded", "tie", "inconsistent", "forfeit", "loss", "unparsed", "void", "not asked")
"""Outcomes as a bar shows them: what counts first, what does not last."""


def per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def span(figure: Mapping[str, Any]) -> str:
    return "–" if figure["low"] is None else f"{per_cent(figure['low'])} to {per_cent(figure['high'])}"


def how(*text: object) -> Markup:
    """How the numbers above are counted, one click away."""
    return el("details", el("summary", "How this is counted"), [el("p", line) for line in text], class_="how")


def cell(content: object, label: str, css: str = "") -> Markup:
    """A table cell that carries its column's name, which a narrow page prints beside it."""
    return el("td", content, class_=css or None, data_label=label, role="cell")


def table(caption: str, heads: Sequence[object], rows: Sequence[Markup], css: str) -> Markup:
    """A table; roles are written out because narrow pages turn rows into blocks, which would lose them."""
    top = el("tr", [head if isinstance(head, Markup) and head.startswith("<th") else th(head) for head in heads], role="row")
    head = el("thead", top, role="rowgroup")
    return el("table", el("caption", caption), head, el("tbody", rows, role="rowgroup"), class_=css, role="table")


def th(content: object, css: str = "") -> Markup:
    return el("th", content, scope="col", role="columnheader", class_=css or None)


def row(title: object, *cells: Markup, css: str = "") -> Markup:
    return el("tr", el("th", title, scope="row", role="rowheader"), cells, role="row", class_=css or None)


def headline(document: Document) -> Markup:
    head = document["headline"]
    state = {True: "decided", False: "open", None: "none"}[head["decided"]]
    return join(
        el("h1", name(head["claim"])),
        el("p", name(head["detail"]), class_="lede"),
        el("p", name(head["decision"]), class_=f"decision {state}") if head["decision"] else None,
    )


def standings(document: Document) -> Markup:
    found = document["standings"]
    points = found.get("scale", "per cent") != "per cent"
    axis_scale = scale(found["rows"], 1000.0, None) if points else scale(found["rows"])
    unit = "points" if points else "win rate, %"
    heads = ("contender", th("ranks", "num"), th(unit, "num"), th(axis(axis_scale), "plot"), th(_level(found), "num"), th("prompts", "num"))
    rows = [
        row(
            _contender(line["contender"], found.get("baseline")),
            cell(ranks(line), "ranks", "num"),
            cell(per_cent(line["estimate"]), unit, "num strong"),
            cell(forest(line, axis_scale, quiet=line["contender"] == found.get("baseline")), "", "plot"),
            cell("reference" if line["contender"] == found.get("baseline") else span(line), _level(found), "num whole"),
            cell(f"{line['n']:,}", "prompts", "num"),
        )
        for line in found["rows"]
    ]
    against = f"against {found['baseline']}" if found.get("baseline") else "mean over opponents"
    return join(
        table(f"{document['figure']}; {against}", heads, rows, "stack standings"),
        _notices(document["warnings"]),
        how(
            "A win counts 1, a tie a half, a loss 0. A contest is one prompt and two answers; its share is the mean over "
            "the orders in which the judge saw them and over repeats.",
            "The win rate is the mean share in per cent"
            + (f" against {found['baseline']}." if found.get("baseline") else ", each opponent with equal weight."),
            "The interval is a score interval over prompts: all verdicts on one prompt are taken as dependent. "
            "A value of 50 inside it means that the order is not decided.",
            "Ranks are those that cannot be excluded once all pairs are compared (Holm's method). "
            "Contenders that share a rank stand in no particular order.",
        ),
    )


def differences(document: Document) -> Markup:
    """Each contender against the next one below, on the prompts they have in common."""
    found = document["differences"]
    if not found:
        return Markup()
    figures = [{"estimate": one["difference"], "low": one["low"], "high": one["high"]} for one in found]
    axis_scale = scale(figures, 0.0, (-100.0, 100.0))
    rows = [
        row(
            join(name(one["first"]), " − ", name(one["second"])),
            cell(f"{one['difference']:+.1f}", "difference", "num strong"),
            cell(forest(figure, axis_scale), "", "plot"),
            cell(span(one), "interval", "num whole"),
            cell(f"{one['n']:,}", "prompts", "num"),
        )
        for one, figure in zip(found, figures, strict=True)
    ]
    heads = ("neighbours", th("difference, points", "num"), th(axis(axis_scale), "plot"), th("interval", "num"), th("prompts", "num"))
    return join(
        table("Paired differences between neighbours", heads, rows, "stack differences"),
        how(
            "The difference of two win rates on the prompts where both met the same opponents: what is hard or easy for both "
            "cancels, so it is known better than the two intervals above suggest.",
            "These are single comparisons; the possible ranks above allow for all pairs at once.",
        ),
    )


def counts(document: Document) -> Markup:
    """Every planned contest of each contender, by outcome; the parts add up to the plan."""
    found, total = document["standings"], document["counts"]
    always = ("win", "tie", "loss", "inconsistent")
    present = [o for o in COLUMNS if o in always or any(line.get(_key(o), 0) for line in found["rows"])]
    rows = []
    for line in found["rows"]:
        count = {outcome: line.get(_key(outcome), 0) for outcome in BAR}
        planned = sum(count.values())
        cells = [cell(f"{count[o]:,}", o, "num" if count[o] else "num zero") for o in present]
        bar = cell(shares(list(count.items()), planned or 1), "", "plot")
        rows.append(row(name(line["contender"]), *cells, cell(f"{planned:,}", "planned", "num strong"), bar))
    heads = ("contender", *(th(_dot(outcome), "num") for outcome in present), th("planned", "num"), th("", "plot"))
    unscored = [outcome for outcome in OUTCOMES if outcome not in SCORED]
    return join(
        table("Contests by outcome; each row adds up to the plan", heads, rows, "stack counts"),
        how(
            f"{total['contests']:,} contests were planned"
            + (f", {total['asks']:,} asks of the judge in all" if total["asks"] is not None else "")
            + ". Each contest is counted once for each of its two contenders.",
            "Inconsistent: the judge chose one answer in one order and the other in the other; the share of such a contest "
            "enters the figure (a half where the two cancel). Forfeit: an empty or over-long answer, decided by rule.",
            f"Counted here but in no figure: {', '.join(unscored)}.",
        ),
    )


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
    wide = el("div", table("Win rate of the row against the column, %", heads, rows, "matrix"), class_="scroll wide-only", tabindex="0", role="region", aria_label="Matrix of win rates")
    return join(
        wide,
        el("div", [_opponents(one, names, cells) for one in names], class_="narrow-only"),
        el("p", f"The first {len(names)} contenders are shown; {left_out} more are in report.json.", class_="note") if left_out else None,
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
    small = el("span", f"{figure['low']:.0f}–{figure['high']:.0f}", el("br"), f"n {figure['n']:,}", class_="small")
    return el("td", el("span", f"{figure['estimate']:.0f}", class_="sure" if sure else None), small, class_=f"pair {css}", role="cell")


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
    figures = document["categories"]
    if not figures:
        return el("p", "The prompts of this suite have no categories.", class_="empty")
    axis_scale = scale(figures)
    several = len({figure["contender"] for figure in figures}) > 1
    names = list(dict.fromkeys(figure["category"] for figure in figures))
    heads = ("category", *(("contender",) if several else ()), th("win rate, %", "num"), th(axis(axis_scale), "plot"), th("interval", "num"), th("prompts", "num"))
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
    shown = [one for one in found["contenders"] if one["contender"] != baseline]
    shown = shown[:1] if baseline is None and len(shown) == 2 else shown
    order = {line["contender"]: k for k, line in enumerate(document["standings"]["rows"])}
    shown = sorted(shown, key=lambda one: order.get(one["contender"], 0))[:12]
    lead = (
        el("p", "No pair of answers of unequal length was scored.", class_="empty")
        if longer["estimate"] is None
        else el("p", "The longer answer wins ", el("strong", f"{longer['estimate']:.1f}%"), f" ({span(longer)}) of {longer['battles']:,} contests.")
    )
    means = {one["contender"]: one["mean_length"] for one in found["contenders"]}
    plots = [
        el("figure", el("figcaption", name(one["contender"]), el("span", f"{one['mean_length']:,.0f} characters on average", class_="small")),
           columns(one["bins"], [_ratio(figure) for figure in one["bins"]], _aloud(one)))
        for one in shown if one["mean_length"] is not None
    ]  # fmt: skip
    other = el("p", name(baseline), f" writes {means[baseline]:,.0f} characters on average.", class_="note") if means.get(baseline) else None
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
    parts = [f"{_ratio(figure)}: {per_cent(figure['estimate'])}% of {figure['n']}" for figure in one["bins"] if figure["n"]]
    return f"Win rate of {one['contender']} by length over its opponent's: {'; '.join(parts)}"


def dropped(document: Document) -> Markup:
    if not document["dropped"]:
        return el("p", "No verdict was dropped.", class_="empty")
    rows = [row(name(line["reason"]), cell(f"{line['count']:,}", "count", "num")) for line in document["dropped"]]
    return table("Verdicts that are in no figure", ("reason", th("count", "num")), rows, "plain")


def _contender(contender: str, baseline: str | None) -> Markup:
    return join(name(contender), " ", el("span", "baseline", class_="tag") if contender == baseline else None)


def _dot(outcome: str) -> Markup:
    return join(el("i", class_=f"key {outcome.replace(' ', '-')}"), outcome)


def _key(outcome: str) -> str:
    return outcome.replace(" ", "_")


def _level(found: Mapping[str, Any]) -> str:
    return f"{100 * found.get('level', 0.95):g}% interval"


def _notices(warnings: Sequence[str]) -> Markup | None:
    if not warnings:
        return None
    lines = [el("li", name(warning)) for warning in warnings]
    more = el("details", el("summary", f"{len(lines) - 3} more"), el("ul", lines[3:])) if len(lines) > 4 else None
    return el("div", el("ul", lines if more is None else lines[:3]), more, class_="notices")
