"""A verdict in a JSON object at the end of a reply: WildBench's choice of five, and its score of 1 to 10.

The last object that has the field decides; where it is broken (bare words, curly quotes) the field is found by its name. Two objects
that differ, or a value outside the allowed ones, are unparsed: never a tie, never a rounded score.
"""

from __future__ import annotations

import json
import re
from typing import Any

from winsome.given import is_mapping
from winsome.judges.verdict_slot import Reading
from winsome.records import Tokens

CHOICES = {"A++": (1.0, 2.0), "A+": (1.0, 1.0), "A=B": (0.5, 0.0), "B+": (0.0, 1.0), "B++": (0.0, 2.0)}
"""Choice -> (the first seat's share, extent)."""
CHOICE_SCHEMA = {
    "type": "object",
    "properties": {"analysis": {"type": "string"}, "choice": {"type": "string", "enum": list(CHOICES)}},
    "required": ["analysis", "choice"],
    "additionalProperties": False,
}
SCORE_SCHEMA = {
    "type": "object",
    "properties": {
        "analysis": {"type": "string"},
        "score": {"type": "string", "enum": [str(grade) for grade in range(1, 11)]},
    },
    "required": ["analysis", "score"],
    "additionalProperties": False,
}
_QUOTE = "[\"'“”‘’`]?"
_BROKEN = re.compile(rf"{_QUOTE}(choice|score){_QUOTE}\s*[:=]\s*{_QUOTE}([^\s\"'“”‘’`,}}]+)", re.IGNORECASE)


def wildbench_pair(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """{"choice": "A++" | "A+" | "A=B" | "B+" | "B++"}; extent 2, 1 or 0."""
    said = _field(text, "choice", cut)
    if isinstance(said, Reading):
        return said
    if said not in CHOICES:
        return Reading(problem=f"no verdict: {said[:30]} is none of {', '.join(CHOICES)}", again=True)
    share, extent = CHOICES[said]
    return Reading(share, said, extent)


def wildbench_score(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """{"score": "1" .. "10"}, a whole number, as text or as a number."""
    said = _field(text, "score", cut)
    if isinstance(said, Reading):
        return said
    if not re.fullmatch(r"10|[1-9]", said):
        return Reading(problem=f"no verdict: {said[:30]} is no whole grade from 1 to 10", again=True)
    return Reading(float(said), said)


def _field(text: str, name: str, cut: bool) -> str | Reading:
    """What `name` says, or the Reading that says why it cannot be told."""
    found = [str(row[name]).strip() for row in objects(text) if name in row]
    if not found and cut:
        return Reading(problem="cut off: give the judge a larger max_tokens", again=True)
    if not found:
        found = [match[2] for match in _BROKEN.finditer(text) if match[1].lower() == name]
    if not found:
        last = " ".join(text.split())[-60:]
        return Reading(problem=f"no verdict: {last}", again=True)
    if len(set(found)) > 1:
        return Reading(problem=f"ambiguous: {', '.join(found)[:60]}", again=True)
    return found[-1]


def objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in `text` that stand in no other object, in order; line breaks inside their strings are allowed."""
    decoder, found, at = json.JSONDecoder(strict=False), list[dict[str, Any]](), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if is_mapping(value):
            found.append({**value})
    return found
