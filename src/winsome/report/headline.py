"""The result in words: who is ahead, by how much, how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

ARENA = "Arena points"


def digits(scale: str) -> int:
    """Digits behind the point that figures of a scale are shown with."""
    return {"per cent": 1, ARENA: 0}.get(scale, 2)


def unit(scale: str) -> str:
    """The head of the column of figures: win %, points, or the first word of a scale such as `grade from 1 to 10`."""
    return {"per cent": "win %", ARENA: "points"}.get(scale, scale.split()[0])


def headline(standings: Mapping[str, Any]) -> dict[str, Any]:
    """claim, detail, decision and whether it is `decided` (None where there is no figure to decide).

    A figure is decided where its interval leaves out a half (against a baseline or between two), or where the
    first of several cannot share its rank. The sentence of an open decision is the standings' own.
    """
    rows = [row for row in standings["rows"] if row["estimate"] is not None]
    baseline = standings.get("baseline")
    ranked = [row for row in rows if row["contender"] != baseline]
    if not ranked:
        return {
            "claim": "Nothing was scored",
            "detail": "No contest has a verdict that can be counted, so there is no figure.",
            "decision": "See the dropped verdicts below for the reasons.",
            "decided": None,
        }
    if standings.get("scale", "per cent") != "per cent":
        return _of_points(ranked, standings)
    if baseline is not None and len(ranked) == 1:
        return _of_two(ranked[0], baseline, standings)
    if baseline is None and len(rows) == 2:
        return _of_two(rows[0], rows[1]["contender"], standings)
    return _of_many(ranked, rows, baseline, standings)


def _of_two(row: Row, opponent: str, standings: Mapping[str, Any]) -> dict[str, Any]:
    name, low, high = row["contender"], row["low"], row["high"]
    detail = f"{name} wins {row['estimate']:.1f}% against {opponent}, {interval(row, standings)}, over {_prompts(row)}."
    if low is None or high is None:
        return {
            "claim": f"{name} against {opponent}: not decided",
            "detail": detail,
            "decision": "",
            "decided": None,
        }
    if low > 50:
        claim, decided = f"{name} beats {opponent}", True
    elif high < 50:
        claim, decided = f"{opponent} beats {name}", True
    else:
        claim, decided = f"No winner yet between {name} and {opponent}", False
    return {"claim": claim, "detail": detail, "decision": decision(row, standings), "decided": decided}


def _of_many(
    ranked: Sequence[Row], rows: Sequence[Row], baseline: str | None, standings: Mapping[str, Any]
) -> dict[str, Any]:
    first = rows[0]
    name, others = first["contender"], len(rows) - 1
    level = [row["contender"] for row in rows[1:] if row.get("rank_low", 1) == 1]
    alone = first.get("rank_high", len(rows)) == 1
    if alone:
        claim = f"{name} is first of {len(rows)}"
    elif len(level) == others:
        claim = f"No first place yet among {len(rows)} contenders"
    else:
        claim = (
            f"{name} leads, level with {_named(level)}" if level else f"{name} leads {len(rows)} contenders"
        )
    against = f"against {baseline}" if baseline is not None else "on average against the others"
    best = next((row for row in ranked if row["contender"] == name), None)
    if best is None:
        detail = (
            f"No contender stands above the baseline {name}. {ranked[0]['contender']} comes nearest with "
        )
        detail += (
            f"{ranked[0]['estimate']:.1f}%, {interval(ranked[0], standings)}, over {_prompts(ranked[0])}."
        )
        return {
            "claim": claim,
            "detail": detail,
            "decision": decision(ranked[0], standings),
            "decided": alone,
        }
    detail = (
        f"{name} wins {best['estimate']:.1f}% {against}, {interval(best, standings)}, over {_prompts(best)}."
    )
    possible = (
        f"First place is not decided: {name} may have any rank from 1 to {first.get('rank_high', len(rows))}."
    )
    return {
        "claim": claim,
        "detail": detail,
        "decision": "First place is decided." if alone else possible,
        "decided": alone,
    }


def _of_points(ranked: Sequence[Row], standings: Mapping[str, Any]) -> dict[str, Any]:
    first = ranked[0]
    alone = first.get("rank_high", len(ranked)) == 1
    name, last = first["contender"], first.get("rank_high", len(ranked))
    claim = f"{name} is first of {len(ranked)}" if alone else f"{name} leads {len(ranked)} contenders"
    decision = (
        "First place is decided."
        if alone
        else f"First place is not decided: {name} may have any rank from 1 to {last}."
    )
    low, high, scale = first["low"], first["high"], standings["scale"]
    d = digits(scale)
    span = "" if low is None else f" ({low:,.{d}f} to {high:,.{d}f})"
    what = "points" if scale == ARENA else f"on the scale {scale}"
    detail = f"{name} has {first['estimate']:,.{d}f} {what}{span} over {_prompts(first)}."
    return {"claim": claim, "detail": detail, "decision": decision, "decided": alone}


def decision(row: Row, standings: Mapping[str, Any]) -> str:
    """The one sentence of decision on a row: the standings' own where it is open, else what the interval says."""
    prefix = f"{row['contender']}: "
    for sentence in standings.get("decisions", ()):
        if sentence.startswith(prefix):
            return sentence.removeprefix(prefix) + "."
    if row["low"] is None or row["low"] <= 50 <= row["high"]:
        return f"Not decided at n = {row['n']}."
    return f"Decided at n = {row['n']}: the interval leaves out 50%."


def opposed(standings: Mapping[str, Any]) -> str:
    """What the win rates are against."""
    if standings.get("baseline") is not None:
        return f"against {standings['baseline']}"
    return "against each other" if len(standings["rows"]) == 2 else "mean over opponents"


def interval(row: Row, standings: Mapping[str, Any]) -> str:
    """The interval in words, with its level."""
    if row["low"] is None or row["high"] is None:
        return "without an interval"
    return f"{100 * standings.get('level', 0.95):g}% interval {row['low']:.1f} to {row['high']:.1f}"


def ranks(row: Row) -> str:
    """The ranks that cannot be excluded, as `1`, `2–4`, or a dash where there is no figure."""
    low, high = row.get("rank_low"), row.get("rank_high")
    return "–" if low is None else str(low) if low == high else f"{low}–{high}"


def _prompts(row: Row) -> str:
    return f"{row['n']:,} prompt{'' if row['n'] == 1 else 's'}"


def _named(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
