"""The page on temporal facts, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.system_038_page import rate, signed, table

INTRO = """# Temporal facts: does a model know when something held?

A fact is put under many dates; W is the share of (right, wrong) dates in which the right one makes the answer likelier, R the share of facts
for which that is always so (after TimeStress, Orange 2024). No judge and no sampling. 95% intervals over facts. Machine: 2 cores, no GPU.
`python -m benchmarks.system_013` adds what is missing; this page is written from `013-timestress.json` beside it.
"""


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The markdown of the rows as `benchmarks.system_013` writes them."""
    parts = [INTRO]
    told = [row for row in rows if row["part"] == "chronicle"]
    if told:
        parts += chronicles(told)
    for row in rows:
        if row["part"] == "real":
            parts += real(row)
        if row["part"] == "blurred":
            parts += blurred(row)
    if timed := [row for row in rows if row["part"] == "speed"]:
        parts += speed(timed)
    for row in rows:
        if row["part"] == "tables":
            parts += stored(row)
    dates = sorted({row["date"] for row in rows})
    parts.append(
        f"Made {' to '.join(dict.fromkeys((dates[0], dates[-1])))} in {sum(row['seconds'] for row in rows):,.0f} CPU-seconds in all."
    )
    return "\n".join(parts) + "\n"


def chronicles(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ["## A chronicle learnt from nothing", ""]
    parts.append(
        "Invented towns whose offices are held without a gap from 1700 to 2020; the 0.2M shape learns who held them from statements like "
        '"In 1803, who was the mayor of Boka? Toki Fumigo", 600 updates of 128. A fact is told 1 to 16 times, in years drawn from its own; the test asks '
        "about every year within five durations. One arm is told the year alone, the other every mention also with a month and with a day."
    )
    for row in rows:
        parts += ["", f"### Seed {row['seed']}", ""]
        parts.append(
            f"{row['facts']} facts told, {row['never_told']} never, {row['statements']:,} statements; by chance R is {100 * row['by_chance']:.3f}%."
        )
        body = [
            [f"{arm}: {which}", *(rate(one[which][p][figure]) for figure in ("W", "R") for p in "YMD")]
            for arm, one in row["arms"].items()
            for which in ("told", "never told")
        ]
        parts += table(["", "W year", "W month", "W day", "R year", "R month", "R day"], body)
        body = [[arm, signed(one["told"]["R, year less day"], 1), signed(one["told"]["W, year less day"], 1), signed(one["trend of R"], 1), signed(one["trend of W"], 1)] for arm, one in row["arms"].items()]  # fmt: skip
        body.append(
            [
                "gap by year less gap at three",
                signed(row["closed"]["R"], 1),
                signed(row["closed"]["W"], 1),
                "",
                "",
            ]
        )
        parts += table(
            [
                "points, told facts",
                "R: year less day",
                "W: year less day",
                "R a doubling of mentions",
                "W a doubling",
            ],
            body,
        )
        for arm, one in row["arms"].items():
            parts += table(
                [f"{arm}, by year", *(f"told {k}" for k in one["by mentions"])],
                [
                    [figure, *(rate(held["Y"][figure]) for held in one["by mentions"].values())]
                    for figure in ("W", "R")
                ],
            )
    return [*parts, ""]


def real(row: Mapping[str, Any]) -> list[str]:
    parts = ["## SmolLM2-135M-Instruct on facts that ship", ""]
    raw = row["reports"]["raw"]
    parts.append(
        f"Every {row['every']}th of the shipped facts ({raw['facts']} facts, {row['statements']:,} statements), as plain text and as a chat. No second open model "
        f"with weights is embedded, so one model stands here. {row['seconds']:.0f} CPU-seconds."
    )
    body = [
        [f"{form}, {name}", rate(percent(one[p]["W"])), rate(percent(one[p]["R"]))]
        for form, one in row["reports"].items()
        for p, name in (("Y", "year"), ("M", "month"), ("D", "day"), ("all", "all three"))
    ]
    parts += table(["", "W", "R"], body)
    parts.append(
        f"Raw less chat, paired by fact: W {signed(row['raw_less_chat']['W'], 1)} points, R {signed(row['raw_less_chat']['R'], 1)}, n = {row['raw_less_chat']['W']['n']} facts. "
        "Where in time the model finds the answer likely, in durations from the middle of the fact (right dates: -0.5 to 0.5), nats above the fact's own mean:"
    )
    steps = [(low, low + 1) for low in range(-5, 5)]
    body = [
        [form, *(curve(one["curve"], low, high) for low, high in steps)]
        for form, one in row["reports"].items()
    ]
    parts += table(["by year", *(f"{low} to {high}" for low, high in steps)], body)
    parts.append(
        "Lowest W, raw: "
        + "; ".join(f"{one['fact']} ({100 * one['W']:.0f}%)" for one in raw["worst"][:5])
        + "."
    )
    return [*parts, ""]


def blurred(row: Mapping[str, Any]) -> list[str]:
    found, nats = row["half_less_full"], row["nats"]
    return [
        "## What bfloat16 changes", "",
        f"The same {row['statements']:,} statements as plain text in bfloat16: an answer's log-probability moves by {nats['mean']:.2f} nats on average and {nats['most']:.1f} at most, "
        f"W of a fact by {row['of_a_fact']:.1f} points either way. Bfloat16 less float32, paired by fact: W {signed(found['W'], 1)} points, R {signed(found['R'], 1)}, "
        f"n = {found['W']['n']} facts. {row['seconds']:.0f} CPU-seconds.", "",
    ]  # fmt: skip


def percent(one: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if one[k] is None else 100 * one[k] for k in ("estimate", "low", "high")} | {
        "n": one["n"]
    }


def curve(bins: Sequence[Mapping[str, float]], low: float, high: float) -> str:
    held = [one for one in bins if low - 1e-9 <= one["from"] and one["to"] <= high + 1e-9]
    n = sum(one["n"] for one in held)
    return f"{sum(one['score'] * one['n'] for one in held) / n:+.2f}" if n else "–"


def speed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ["## Speed", ""]
    parts.append(
        "SmolLM2-135M in float32, one thread, one process, ABBA; statements a CPU-second from the lower of two each. Shared: what several statements "
        "begin with is forwarded once and the head reads answers alone, all statements of the facts in one call; padded: batches of 32 through the plain "
        "forward of transformers, logits of every position, every fifth statement; alone: the same, one after the other, every twentieth."
    )
    body: list[list[str]] = []
    for row in rows:
        cost = {name: min(cpu) / row["count"][name] for name, cpu in row["cpu"].items()}
        body.append(
            [
                row["form"], f"{row['facts']}", f"{row['count']['shared']:,}", f"{100 * row['forwarded'] / row['tokens']:.0f}%",
                *(f"{1 / cost[name]:.1f}" for name in ("shared", "padded", "alone")),
                f"{cost['padded'] / cost['shared']:.2f}", f"{cost['alone'] / cost['shared']:.2f}", f"{row['apart']:.0e}",
            ]
        )  # fmt: skip
    parts += table(
        ["format", "facts", "statements", "tokens forwarded", "shared", "padded", "alone", "against padded", "against alone", "nats apart"],
        body,
    )  # fmt: skip
    return parts


def stored(row: Mapping[str, Any]) -> list[str]:
    return [
        f"All tables of {row['stored']:,} stored log-probabilities take {row['tables_seconds']} CPU-seconds.",
        "",
    ]
