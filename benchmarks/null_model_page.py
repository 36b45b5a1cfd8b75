"""The page on null contenders, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GAIN, TAKEN = "above the constant, points", "gain over the constant against no defence, points"
INTRO = """# Null contenders

A null contender gives one answer to every prompt. What it wins says what a judge is worth as a gate. Every figure is over prompts that
were not searched on, both seats, with 95% intervals over prompts; differences are paired by prompt. `python -m benchmarks.null_model`
repeats the figures, which lie in `null-model.json` beside this page; this page is written from them. CPU-seconds are those of the last
run of a part, which read what runs before it had asked.
"""
PARTS = {
    "world": """## A template judge of the language world

The world's 0.2M base, tuned on pairs labelled by gold to read a prompt text and say A or B (`benchmarks/template_judge.py`), with both
letters right equally often. Rivals: a contender that is right nine times in ten and else answers another
prompt. The fence puts a query's code at every mark of the prompt
text. A large model is told in words what the code means; this one was shown fenced records whose answers quote other records
without the code, and plain records without such answers, so the comparison is between a judge with a fence it was taught and one without.
""",
    "smollm2": """## SmolLM2-135M by log-probabilities

`pairwise?model=embedded:smollm2-135m&protocol=alpaca_eval`: the share of the two labels at the first token, both seats. Rivals: the
published answers of alpaca-7b of 10 to 40 words to AlpacaEval's instructions of at most 30 words.
""",
    "fence": """## The fence on SmolLM2-135M

The same judge and rivals, no search, on more prompts: what a fence takes of the gain of the structured texts over the constant, paired by prompt. The
model was never taught what a fence is.
""",
}


def page(record: Mapping[str, Any]) -> str:
    """The markdown of a record as `benchmarks.null_model` writes it."""
    parts = [INTRO]
    for name, told in PARTS.items():
        if name not in record:
            continue
        one = record[name]
        parts.append(f"\n{told}")
        if "card" in one:
            recipe, took = one["card"]["recipe"], one["card"]["training"]
            parts.append(
                f"\nTrained by {recipe['updates']:,} updates of {recipe['batch']} pairs in {took['cpu_seconds']:.0f} CPU-seconds.\n"
            )
        parts.append(
            f"\nMade on {one['made']['at'][:10]} with seed {one['seed']} in {one['cpu_seconds']:,} CPU-seconds ({one['machine']}).\n\n"
            f"**{_claim(one)}**\n\n"
        )
        if name == "fence":
            parts.append(f"{_taken(one)}\n\n")
        parts += [f"- {alarm}\n" for alarm in one["alarms"]]
        parts += [table_of(table) for table in one["tables"]]
    return "".join(parts)


def _taken(one: Mapping[str, Any]) -> str:
    """Whether the structured texts win more than the constant, and whether the fence takes that back."""
    plain, fenced = one["tables"][0], one["tables"][1]
    gain, taken = (table["columns"].index(name) for table, name in ((plain, GAIN), (fenced, TAKEN)))
    told: list[str] = []
    for row in plain["rows"]:
        if row[gain] is None or row[gain]["estimate"] is None:
            continue
        (change,) = [other[taken] for other in fenced["rows"] if other[0] == f"fence: {row[0]}"]
        wins = (
            "more than"
            if row[gain]["low"] > 0
            else "no more than"
            if row[gain]["high"] < 0
            else "not surely more than"
        )
        back = (
            "is smaller"
            if change["high"] < 0
            else "is larger"
            if change["low"] > 0
            else "is not told from what it was"
        )
        told.append(
            f"The {row[0]} text wins {wins} the constant: points {_cell(row[gain])}. Under the fence that gain {back}: {_cell(change)}."
        )
    if not any("is smaller" in one for one in told):
        told.append(
            "So this judge can be moved by a text that answers nothing, and the fence does not take that back: most likely a model of this size"
            " reads neither the fake records nor the code as such, and what it likes of the texts is inside the fence as well. What the fence"
            " is worth for a judge that reads it is shown on the template judge above."
        )
    return " ".join(told)


def _claim(one: Mapping[str, Any]) -> str:
    return str(one["claim"]).partition(": ")[2].capitalize() if ": one" in one["claim"] else str(one["claim"])


def table_of(table: Mapping[str, Any]) -> str:
    columns = [
        k
        for k in range(len(table["columns"]))
        if k == 0 or any(_cell(row[k]) != "–" for row in table["rows"])
    ]
    lines = [
        f"\n### {table['title']}\n",
        "| " + " | ".join(table["columns"][k] for k in columns) + " |",
        "|---" * len(columns) + "|",
        *("| " + " | ".join(_cell(row[k]) for k in columns) + " |" for row in table["rows"]),
    ]
    return "\n".join(lines) + "\n\n" + "\n".join(table["notes"]) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        n = "" if value["n"] is None else f"n = {value['n']:,}"
        if value["estimate"] is None:
            return n or "–"
        digits = value.get("digits", 1)
        told = f"{value['estimate']:.{digits}f} ({value['low']:.{digits}f} to {value['high']:.{digits}f})"
        return f"{told}, {n}" if n else told
    if value is None:
        return "–"
    return (
        f"{value:,.3g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
