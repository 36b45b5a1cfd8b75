"""Response 1, Response 2 or Tie on a reply's first line, with reasons after it."""

from __future__ import annotations

import re

from winsome.judges.verdict_slot import Reading
from winsome.records import Tokens

_NAME = re.compile(r"\bresponse[ _]?([12])\b|\b(tie)\b", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:final |overall )?(?:output|verdict|answer|judg(?:e?)ment|better response|winner|choice)\s*[:=-]\s*)",
    re.IGNORECASE,
)


def choice(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """The only name on the first line that has one; a line that names both, or more words than a verdict has, decides nothing."""
    for raw in text.splitlines():
        line = raw.strip().strip("*_`#~> \t").strip()
        line = _LEAD.sub("", line).strip("*_`\"' .:[]()")
        names = {(found[1] or found[2]).lower() for found in _NAME.finditer(line)}
        if not names:
            if line and not raw.strip().startswith("```"):
                return _unread("no verdict", line, cut)
            continue
        rest = _NAME.sub("", line).strip("*_`\"' .:-[]()")
        if len(names) > 1 or len(rest.split()) > 3:
            return _unread("ambiguous", line, cut)
        (name,) = names
        return Reading({"1": 1.0, "2": 0.0, "tie": 0.5}[name], "Tie" if name == "tie" else f"Response {name}")
    return _unread("no verdict", text, cut)


def _unread(why: str, line: str, cut: bool) -> Reading:
    if cut and why == "no verdict":
        return Reading(problem="cut off: give the judge a larger max_tokens", again=True)
    return Reading(problem=f"{why}: {' '.join(line.split())[:60]}", again=True)
