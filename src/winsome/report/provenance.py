"""The page's sections on where the figures come from: judge, cost, command and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from winsome.report.card import section
from winsome.report.markup import Markup, el, join, name
from winsome.report.people import lines
from winsome.report.tables import Document, cell, how, per_cent, row, span, table, th


def judge(document: Document) -> Markup:
    about = document["judge"]
    card = about.get("card")
    known = (
        section(card)
        if card
        else el(
            "p",
            el("span", "judge unmeasured", class_="tag warn"),
            " Its agreement with people is not known here; winsome card measures it.",
            class_="note",
        )
    )
    if "people" in document:
        known = el(
            "ul", (el("li", name(line.strip())) for line in lines(document["people"])), class_="plainlist"
        )
    return join(
        el("p", name(about.get("label") or about["name"]), class_="lede"),
        el("p", el("code", about["name"]), class_="note")
        if about.get("label") not in (None, "", about["name"])
        else None,
        el("p", name(about["note"]), class_="note") if about.get("note") else None,
        known,
        [el("p", name(note), class_="notice") for note in document["notes"]],
        [_of_judge(found, several=len(document["diagnostics"]) > 1) for found in document["diagnostics"]],
        how(
            "First seat: how often the answer that the judge saw first wins, over single asks; 50 for a judge that does not mind the order.",
            "Longer answer: how often it wins, over contests of unequal length.",
            "Flips: contests asked in both orders where each order chose another answer.",
            "Commonest raw label: what the judge says most, by seat. A judge that says one thing 95% of the time does not judge.",
            "Forfeits and other verdicts set by rule are left out of all of these but the longer answer.",
        ),
    )


def _of_judge(found: Mapping[str, Any], *, several: bool) -> Markup:
    label = found["commonest_label"]
    common = "–" if label["label"] is None else f"{label['label']}, {_per_cent(label)}"
    tag = el("span", "degenerate", class_="tag warn") if label["degenerate"] else None
    facts = [
        _fact("First seat wins", per_cent(found["first_seat"]["estimate"]), "%", span(found["first_seat"])),
        _fact("Longer answer wins", per_cent(found["longer"]["estimate"]), "%", span(found["longer"])),
        _fact("Flips", *_of(found["flips"], "contests")),
        _fact("Ties", *_of(found["ties"], "asks")),
        _fact("Unparsed", *_of(found["unparsed"], "replies")),
        _fact(
            "Commonest raw label",
            common.split(",")[0],
            "",
            join(_per_cent(label) if label["label"] else "", " ", tag),
        ),
    ]
    served = [
        el("li", el("code", name(model["model"])), f" {model['asks']:,} asks") for model in found["served_by"]
    ]
    return join(
        el("h3", name(found["judge"])) if several else None,
        el("dl", facts, class_="facts"),
        el("div", el("h3", "Models that answered"), el("ul", served, class_="plainlist")) if served else None,
        el("p", "More than one model answered for this judge.", class_="notice") if len(served) > 1 else None,
    )


def _fact(title: str, value: str, unit: str, beneath: object) -> Markup:
    shown = el(
        "dd", value, el("span", unit, class_="unit") if unit and value != "–" else None, class_="value"
    )
    return el("div", el("dt", title), shown, el("dd", beneath, class_="beneath"))


def _of(rate: Mapping[str, int], what: str) -> tuple[str, str, str]:
    return (
        (f"{100 * rate['count'] / rate['of']:.1f}" if rate["of"] else "–"),
        "%",
        f"{rate['count']:,} of {rate['of']:,} {what}",
    )


def _per_cent(rate: Mapping[str, int]) -> str:
    return f"{100 * rate['count'] / rate['of']:.0f}% of {rate['of']:,}" if rate["of"] else "–"


def cost(document: Document) -> Markup:
    usage = document["usage"]
    lines = [(name(who), used) for who, used in usage.get("contenders", {}).items()]
    if usage.get("judge"):
        lines.append(
            (
                join("judge ", name(document["judge"].get("label") or document["judge"]["name"])),
                usage["judge"],
            )
        )
    if not lines:
        return el("p", "Nothing was bought.", class_="empty")
    kept = any("kept" in used for _, used in lines)
    rows = [_used(who, used, kept) for who, used in lines]
    if usage.get("saved"):
        rows.append(_used("saved by the ledger", usage["saved"], kept, "foot"))
    titles = (
        "money",
        "calls",
        *(("found in the ledger",) if kept else ()),
        "tokens in",
        "tokens out",
        "seconds",
    )
    heads = ("for", *(th(title, "num") for title in titles))
    return join(
        table("What was spent in this run", heads, rows, "stack cost"),
        how(
            "Tokens are those that servers reported. Money is unknown where the price of a model is not known. Seconds are the "
            "sum over calls, which run side by side.",
            "Saved is what the same answers and verdicts cost when they were first bought; this run took them from the ledger.",
        ),
    )


def _used(who: object, used: Mapping[str, Any], kept: bool, css: str = "") -> Markup:
    found = used.get("kept")
    return row(
        who,
        cell(money(used.get("money")), "money", "num"),
        cell(f"{used.get('calls', 0):,}", "calls", "num"),
        cell("–" if found is None else f"{found:,}", "found in the ledger", "num") if kept else Markup(),
        cell(f"{used.get('tokens_in', 0):,}", "tokens in", "num"),
        cell(f"{used.get('tokens_out', 0):,}", "tokens out", "num"),
        cell(f"{used.get('seconds', 0.0):,.1f}", "seconds", "num"),
        css=css,
    )


def money(value: float | None) -> str:
    """US dollars with as many digits as a small sum needs."""
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if value == 0 or value >= 0.1 else f"${value:.4f}"


def reproduce(document: Document) -> Markup:
    run, suite = document["run"], document["suite"]
    facts = [
        ("figure", document["figure"]),
        (
            "suite",
            " · ".join(
                str(part)
                for part in (
                    f"{suite.get('name', '–')}@{suite.get('version', '–')}",
                    f"{suite['prompts']} prompts" if suite.get("prompts") is not None else None,
                    suite.get("licence"),
                    suite.get("source"),
                )
                if part
            ),
        ),
        ("seed", run["seed"]),
        ("orders and repeats", f"{run['orders']} and {run['repeats']}"),
        ("run", run["id"]),
        ("started", run["started"]),
        (
            "finished",
            f"{run['finished']} ({run['seconds']:,.0f} s)" if run["seconds"] is not None else run["finished"],
        ),
        ("ledger", run["ledger"]),
    ]
    lists = [
        (
            "Contenders",
            {
                one.get("label") or one["name"]: f"{one['name']}  {one.get('id', '')}"
                for one in document["contenders"]
            },
        ),
        (
            "Judge",
            {
                document["judge"].get("label")
                or document["judge"][
                    "name"
                ]: f"{document['judge']['name']}  {document['judge'].get('id', '')}"
            },
        ),
        ("Settings", run["settings"]),
        ("Versions", run["versions"]),
    ]
    return join(
        el(
            "pre",
            el("code", run["command"]),
            class_="command",
            tabindex="0",
            role="group",
            aria_label="Command",
        ),
        _listed(facts),
        [
            el("details", el("summary", title), _listed([(key, value) for key, value in found.items()]))
            for title, found in lists
            if found
        ],
    )


def _listed(facts: list[tuple[str, Any]]) -> Markup:
    return el(
        "dl",
        [
            el("div", el("dt", name(key)), el("dd", name("–" if value is None else value)))
            for key, value in facts
        ],
        class_="listed",
    )
