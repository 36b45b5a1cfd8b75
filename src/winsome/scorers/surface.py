"""What an answer looks like without a model: length, layout, and the words that apologise, refuse or ask back."""

from __future__ import annotations

import math
import re

_WORD = re.compile(r"[a-z']+")
_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")

_PHRASES = {
    "apologises": ("sorry", "apolog"),
    "refuses": ("i can't", "i cannot", "i'm not able", "i won't", "unable to", "not comfortable", "as an ai"),
    "doubts": ("i don't know", "not sure", "i don't understand", "i'm confused"),
    "warns": ("illegal", "against the law", "harm", "danger", "wrong"),
    "swears": ("fuck", "shit", "bitch", "damn", "asshole"),
    "offers help": ("help",),
    "is courteous": ("please", "thank"),
    "weighs": ("however", "but ", "although"),
    "asks back": ("what do you", "why ", "can you tell", "could you", "do you"),
}
NAMES = (
    "log characters",
    "log words",
    "distinct words",
    "letters a word",
    "words a sentence",
    "asks",
    "ends asking",
    "exclaims",
    "log lines",
    "log list items",
    "headings",
    "bold",
    "code",
    "ends a sentence",
    "you",
    "I",
    "prompt words used",
    "prompt echoed",
    *_PHRASES,
)


def surface(prompt: str, answer: str) -> list[float]:
    """The features named in NAMES of one answer to the last user turn `prompt`; all finite, most in [0, 1]."""
    lower = answer.lower().replace("’", "'")
    words = _WORD.findall(lower)
    asked = set(_WORD.findall(prompt.lower()))
    count = max(1, len(words))
    distinct = set(words)
    stripped = answer.strip()
    found = [
        math.log1p(len(answer)),
        math.log1p(len(words)),
        len(distinct) / count,
        sum(map(len, words)) / count,
        min(60.0, len(words) / max(1, len(_SENTENCE.findall(stripped)))) / 60.0,
        float("?" in answer),
        float(stripped.endswith("?")),
        float("!" in answer),
        math.log1p(answer.count("\n")),
        math.log1p(len(_ITEM.findall(answer))),
        float(bool(_HEADING.search(answer))),
        float("**" in answer),
        float("```" in answer),
        float(stripped[-1:] in tuple(".!?\"')`")),
        sum(word in ("you", "your") for word in words) / count,
        sum(word in ("i", "i'm", "me", "my") for word in words) / count,
        len(asked & distinct) / max(1, len(asked)),
        float(len(prompt) > 20 and prompt.strip().lower()[:200] in lower),
    ]
    return found + [float(any(phrase in lower for phrase in phrases)) for phrases in _PHRASES.values()]
