"""Separable qualities of an answer: three dimensions of three values, shown by words before and after its core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OPENINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tone": {"plain": (), "warm": ("dear", "friend", ","), "formal": ("good", "day", ",")},
    "certainty": {"neutral": (), "hedged": ("i", "think", ","), "sure": ("no", "doubt", ",")},
}
CLOSINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ending": {"bare": (), "offer": ("!", "anything", "else", "?"), "thanks": ("!", "thank", "you")},
}
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    name: tuple(values) for name, values in {**OPENINGS, **CLOSINGS}.items()
}
"""Dimension -> its values, the first of which is shown by no words."""
PLAIN = {name: values[0] for name, values in DIMENSIONS.items()}


def in_manner(core: Sequence[str], manner: Mapping[str, str]) -> list[str]:
    """The words of an answer whose dimensions are `manner` (missing ones: the first value)."""
    before = [word for name, values in OPENINGS.items() for word in values[manner.get(name, PLAIN[name])]]
    after = [word for name, values in CLOSINGS.items() for word in values[manner.get(name, PLAIN[name])]]
    return [*before, *core, *after]


def read_manner(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The value of every dimension and the core that is left: the exact inverse of `in_manner`."""
    held = list(words)
    found = dict(PLAIN)
    for name, values in OPENINGS.items():
        for value, shown in values.items():
            if shown and tuple(held[: len(shown)]) == shown:
                found[name], held = value, held[len(shown) :]
                break
    for name, values in CLOSINGS.items():
        for value, shown in values.items():
            if shown and tuple(held[-len(shown) :]) == shown:
                found[name], held = value, held[: -len(shown)]
                break
    return found, held


VOCABULARY = frozenset(
    word for values in (*OPENINGS.values(), *CLOSINGS.values()) for shown in values.values() for word in shown
)
