"""Markdown marks of an answer: headings, list items and bold passages, as Chatbot Arena's style control counts them."""

from __future__ import annotations

import re

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+\S", re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*(?:\d+\.|[-*+])[ \t]+\S", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")

MARKS = ("headings", "lists", "bold", "markdown")


def markdown_marks(text: str) -> dict[str, int]:
    """How many headings, list items (`lists`) and bold passages (`bold`) a text has outside code blocks; `markdown` is their sum.

    Source: the style control of Chatbot Arena (Li, Angelopoulos, Chiang 2024), which takes the three apart.
    """
    outside = _CODE.sub("", text)
    found = {
        "headings": len(_HEADING.findall(outside)),
        "lists": len(_ITEM.findall(outside)),
        "bold": len(_BOLD.findall(outside)),
    }
    return found | {"markdown": sum(found.values())}
