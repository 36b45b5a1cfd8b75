"""The answer holds a match of a regular expression."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from winsome.errors import BadInput
from winsome.judges.rules.passing import Rule, rule

VERSION = 1


def regex(*, pattern: str | None = None, name: str = "regex") -> Rule:
    """A judge by a search for `pattern` (Python's `re`), else for the prompt's reference answer as a pattern."""
    if pattern is not None:
        compiled(pattern)
    return rule("regex", VERSION, name, matches, pattern, [])


def matches(text: str, pattern: Any) -> bool:
    """Whether `pattern` is found anywhere in `text`."""
    return compiled(str(pattern)).search(text) is not None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        shown = pattern if len(pattern) <= 60 else f"{pattern[:57]}..."
        raise BadInput(f"regex: pattern {shown!r} is no regular expression ({error}); mend it") from None
