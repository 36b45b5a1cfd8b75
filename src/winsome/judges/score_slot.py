"""Scores out of 5, 10 or 100 at the end of a reply: of one answer, or of both answers of a pair.

Read are "Score: 8", "8/10", "[[8]]" or a bare "8" on the last line; of a pair "A: 8, B: 6", "Scores: 8, 6" or "8/10 and 6/10", or the
two on the last two lines. A score outside the scale is unparsed, and so is a line with more or fewer numbers.
"""

from __future__ import annotations

import re
from functools import partial

from winsome.judges.verdict_slot import Read, Reading
from winsome.records import Tokens

_NUMBER = re.compile(r"(?<![\w.-])(-?\d+(?:\.\d+)?)(?:\s*(?:/|out of)\s*(\d+))?(?![\w]|\.\d)", re.IGNORECASE)
_LABELLED = re.compile(
    r"\b([AB])\b[^\w-]{0,6}(?:scores?|gets|is)?[^\w-]{0,6}(-?\d+(?:\.\d+)?)(?:\s*(?:/|out of)\s*(\d+))?"
)


def independent(scale: int) -> Read:
    """The reader of one score from 0 or 1 to `scale`."""
    return partial(_independent, scale=scale)


def combined(scale: int) -> Read:
    """The reader of two scores: the first seat's share is 1, 0 or, of equal scores, a half."""
    return partial(_combined, scale=scale)


def _independent(text: str, tokens: Tokens | None, cut: bool, *, scale: int) -> Reading:
    if cut:
        return Reading(problem="cut off: give the judge a larger max_tokens", again=True)
    line = _lines(text)[-1]
    found = _numbers(line, scale)
    if isinstance(found, Reading):
        return found
    if len(found) != 1:
        return _unread(line) if not found else Reading(problem=f"ambiguous: {_short(line)}", again=True)
    return Reading(found[0], f"{found[0]:g}")


def _combined(text: str, tokens: Tokens | None, cut: bool, *, scale: int) -> Reading:
    if cut:
        return Reading(problem="cut off: give the judge a larger max_tokens", again=True)
    lines = _lines(text)
    for part in (lines[-1], "\n".join(lines[-2:])):
        named = {letter: (number, of) for letter, number, of in _LABELLED.findall(part)}
        if len(named) == len(_LABELLED.findall(part)) == len(_NUMBER.findall(part)) == 2:
            found = _numbers(
                f"{'/'.join(filter(None, named['A']))} {'/'.join(filter(None, named['B']))}", scale
            )
        else:
            found = _numbers(part, scale)
        if isinstance(found, Reading):
            return found
        if len(found) == 2:
            first, second = found
            share = 0.5 + 0.5 * ((first > second) - (first < second))
            return Reading(share, f"{first:g} to {second:g}")
        if len(found) > 2:
            return Reading(problem=f"ambiguous: {_short(part)}", again=True)
    return _unread(lines[-1])


def _numbers(line: str, scale: int) -> list[float] | Reading:
    """The scores in `line`; a Reading where one lies outside the scale or is out of another."""
    values: list[float] = []
    for number, of in _NUMBER.findall(line):
        value = float(number)
        if of and int(of) != scale:
            return Reading(problem=f"no verdict: {number}/{of} is no score out of {scale}", again=True)
        if not 0.0 <= value <= scale:
            return Reading(problem=f"no verdict: {number} is no score out of {scale}", again=True)
        values.append(value)
    return values


def _lines(text: str) -> list[str]:
    return [line for line in (raw.strip() for raw in text.splitlines()) if line] or [""]


def _unread(line: str) -> Reading:
    return Reading(problem=f"no verdict: {_short(line)}", again=True)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
