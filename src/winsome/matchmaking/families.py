"""Which models are of one family, by their names: a judge may prefer what its own kind wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable

FAMILIES: dict[str, str] = {
    "gpt": r"gpt|davinci|chatgpt|\bo[134]\b|\bo[134]-",
    "claude": r"claude",
    "gemini": r"gemini|gemma|palm-?2|bard",
    "llama": r"llama|alpaca|vicuna|tulu",
    "mistral": r"mistral|mixtral|zephyr|ministral",
    "qwen": r"qwen|qwq",
    "command": r"command-?r|\baya\b|cohere",
    "deepseek": r"deepseek",
    "phi": r"\bphi-?[1-9]",
    "yi": r"\byi-",
    "falcon": r"falcon",
    "smollm": r"smollm",
}
"""Family -> what a name of it contains; models fitted from another's weights count as that family."""


def family(name: str) -> str | None:
    """The family that a model's name tells, the first named in it; None where it tells none."""
    places = {
        known: found.start()
        for known, pattern in FAMILIES.items()
        if (found := re.search(pattern, name.lower()))
    }
    return min(places, key=places.__getitem__, default=None)


def shared_family(judge: str, contenders: Iterable[str]) -> tuple[str, str] | None:
    """(family, contender) of the first contender that is of the judge's family; None where there is none."""
    own = family(judge)
    return None if own is None else next(((own, name) for name in contenders if family(name) == own), None)
