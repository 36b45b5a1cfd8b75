"""What a request asks for, as far as it decides why an answer declines: what a model cannot do or know, or what it should not."""

from __future__ import annotations

import math
import re

FIRST, LAST = 60, 40
"""Words of a request that are read at its start, and at its end."""
_HARM = (
    r"kill|murder|steal|rob|bomb|drug|weed|cocaine|meth|weapon|gun|hack|crack|poison|attack|hurt|harm|torture|suicide|blackmail|sex\w*|porn\w*|nude"
    r"|racis\w+|sexis\w+|slur|insult|offensive|illegal\w*|fraud\w*|scam|fake|cheat|stalk\w*|revenge|abus\w*|terror\w*|forge|evad\w+|address|phone number"
    r"|password|credit card|dirty|fuck\w*|shit|curse|swear|cuss|profan\w*|prank"
)
_GROUPS = r"kid|child\w*|blacks?|jews?|muslims?|mexicans?|gays?|women"
_TOPICS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # what changes with time
        r"\b(?:today|now|current(?:ly)?|latest|recent(?:ly)?|news|weather|price|stock|202\d|this (?:week|month|year))\b",
        # what lies elsewhere
        r"https?://|www\.|\b(?:link|url|website|web ?page|browse|search|download)\b",
        # what is no text
        r"\b(?:image|picture|photo|draw|diagram|video|audio|song|play|sing|listen|file|pdf|pptx?|spreadsheet|excel)s?\b",
        # what the model itself thinks or is
        r"\b(?:you|your)\b.*\b(?:think|feel|opinion|favou?rite|prefer|like|believe|experience|want|love|hate)\b|\bif you (?:were|had|could)\b|\bdo you\b",
        # harm, crime, other people's secrets, and whom hatred is often about
        rf"\b(?:{_HARM}|{_GROUPS})s?\b",
        # what belongs to doctors, lawyers, advisers
        r"\b(?:doctor|medical|diagnos\w+|medicine|symptom|treatment|lawyer|legal|invest\w*|tax)\w*\b",
        # its form
        r"\?\s*$",
        r"^(?:can|could|do|are|will|would) you\b",
        r"^(?:write|create|generate|make|give|list|provide|tell|explain|describe)\b",
    )
)

_SENSITIVE = re.compile(rf"\b(?:{_HARM})s?\b", re.IGNORECASE)


def sensitive(request: str) -> bool:
    """Whether a request has a word of harm, crime or other people's secrets."""
    return _SENSITIVE.search(_read(request)) is not None


def asks(request: str) -> list[float]:
    """11 numbers of 0 to about 2: whether there is no request, whether each topic is in it, and its length."""
    read = _read(request)
    topics = [1.0 if topic.search(read) else 0.0 for topic in _TOPICS]
    return [0.0 if read else 1.0, *topics, math.log1p(len(request.split())) / 4.0]


def _read(request: str) -> str:
    words = request.split()
    return " ".join(words[:FIRST] + words[FIRST:][-LAST:])
