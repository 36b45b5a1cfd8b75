"""The page's sections on the result: headline, standings, counts, dropped verdicts; each a function of report.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from winsome.records import OUTCOMES, SCORED
from winsome.report.charts import axis, drawn_scale, forest, scale, shares
from winsome.report.errors_of import SOURCES
from winsome.report.headline import digits, opposed, ranks
from winsome.report.markup import Markup, el, join, name
from winsome.report.tables import Document, cell, how, number, row, span, table, th, th_plot

COLUMNS = ("win", "tie", "loss", "graded", "inconsistent", "forfeit", "unparsed", "void", "not asked")
"""Outcomes as the table of counts lists them; the first three and the inconsistent always."""

BAR = ("win", "graded", "tie", "inconsistent", "forfeit", "loss", "unparsed", "void", "not asked")
"""Outcomes as a bar shows them: what counts first, what does not last."""


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
    axis_scale = drawn_scale(found["rows"], found.get("scale", "per cent"))
    unit, shown = found["scale"] if points else "win rate, %", digits(found.get("scale", "per cent"))
    heads = (
        "contender",
        th("ranks", "num"),
        th(unit, "num"),
        th_plot(axis(axis_scale)),
        th(_level(found), "num"),
        th("prompts", "num"),
    )
    rows = [
        row(
            _contender(line["contender"], found.get("baseline")),
            cell(ranks(line), "ranks", "num"),
            cell(number(line["estimate"], shown), unit, "num strong"),
            cell(forest(line, axis_scale, quiet=line["contender"] == found.get("baseline")), "", "plot"),
            cell(
                "reference" if line["contender"] == found.get("baseline") else span(line, shown),
                _level(found),
                "num whole",
            ),
            cell(f"{line['n']:,}", "prompts", "num"),
        )
        for line in found["rows"]
    ]
    against = f"in {found['scale']}" if points else opposed(found)
    return join(
        table(f"{document['figure']}; {against}", heads, rows, "stack standings"),
        _notices(document["warnings"]),
        how(
            "A win counts 1, a tie a half, a loss 0. A contest is one prompt and two answers; its share is the mean over "
            "the orders in which the judge saw them and over repeats.",
            "The win rate is the mean share in per cent"
            + (
                f" against {found['baseline']}."
                if found.get("baseline")
                else ", each opponent with equal weight."
            ),
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
    heads = (
        "neighbours",
        th("difference, points", "num"),
        th_plot(axis(axis_scale)),
        th("interval", "num"),
        th("prompts", "num"),
    )
    return join(
        table("Paired differences between neighbours", heads, rows, "stack differences"),
        how(
            "The difference of two win rates on the prompts where both met the same opponents: what is hard or easy for both "
            "cancels, so it is known better than the two intervals above suggest. Beside the baseline it is the win rate less 50.",
            "These are single comparisons; the possible ranks above allow for all pairs at once.",
        ),
    )


def sources_of_error(document: Document) -> Markup:
    """What prompts, orders and the judge's own noise each add to the standard errors; empty where nothing was asked twice."""
    lines = [line for line in document["standings"]["rows"] if line.get("prompt_error") is not None]
    if not lines:
        return Markup()
    rows = [
        row(
            name(line["contender"]),
            cell(number(line["standard_error"], 2), "standard error", "num strong"),
            *(cell(number(line.get(key), 2), title, "num") for key, title in SOURCES.items()),
        )
        for line in lines
    ]
    heads = ("contender", th("standard error", "num"), *(th(title, "num") for title in SOURCES.values()))
    return join(
        table("Where the error comes from, in points", heads, rows, "stack errors"),
        how(
            "The parts add up as squares. Prompts: another set of prompts would have given another figure. Orders: the judge "
            "decides otherwise when the answers change seats. Repeats: the judge decides otherwise when asked the same again.",
            "More prompts make all three smaller; more orders or repeats only their own. A dash is what the design knows nothing "
            "of it: without repeats the judge's noise is part of what orders add. The parts are estimates, so their sum differs a "
            "little from the standard error.",
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
    heads = (
        "contender",
        *(th(_dot(outcome), "num") for outcome in present),
        th("planned", "num"),
        th_plot(),
    )
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


def dropped(document: Document) -> Markup:
    if not document["dropped"]:
        return el("p", "No verdict was dropped.", class_="empty")
    rows = [
        row(name(line["reason"]), cell(f"{line['count']:,}", "count", "num")) for line in document["dropped"]
    ]
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
    more = (
        el("details", el("summary", f"{len(lines) - 3} more"), el("ul", lines[3:]))
        if len(lines) > 4
        else None
    )
    return el("div", el("ul", lines if more is None else lines[:3]), more, class_="notices")
