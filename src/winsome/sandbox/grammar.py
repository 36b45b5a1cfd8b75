"""Sentences with slots that can be filled and read back exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from winsome.sandbox.lexicon import words

TURN = "/"
"""Stands between the turns of a dialogue in a template."""


@dataclass(frozen=True)
class Grammar:
    """Templates, and for each slot the regular expression of what it may hold (over words joined by single spaces)."""

    templates: tuple[str, ...]
    slots: Mapping[str, str]

    def ask(self, template: int, values: Mapping[str, str]) -> tuple[str, ...]:
        """The turns that `template` makes of `values`; each begins with a capital letter."""
        text = self.templates[template]
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        return tuple(turn[:1].upper() + turn[1:] for turn in text.split(f" {TURN} "))

    def read(self, turns: Sequence[str]) -> dict[str, str] | None:
        """The slots of `turns`, None where no template makes them."""
        text = f" {TURN} ".join(" ".join(words(turn)) for turn in turns)
        for pattern in self._patterns:
            if (found := pattern.fullmatch(text)) is not None:
                return {name: value for name, value in found.groupdict().items() if value is not None}
        return None

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(self._pattern(template)) for template in self.templates)

    def _pattern(self, template: str) -> str:
        pieces: list[str] = []
        seen: set[str] = set()
        for place, piece in enumerate(re.split(r"\{(\w+)\}", template)):
            if place % 2 == 0:
                pieces += [re.escape(word) for word in words(piece)]
            elif piece in seen:
                pieces.append(f"(?P={piece})")
            else:
                seen.add(piece)
                pieces.append(f"(?P<{piece}>{self.slots[piece]})")
        return " ".join(pieces)

    @property
    def dialogue(self) -> bool:
        """Whether every template has more than one turn."""
        return all(f" {TURN} " in template for template in self.templates)

    @property
    def vocabulary(self) -> frozenset[str]:
        """The templates' own words."""
        return frozenset(w for template in self.templates for w in words(re.sub(r"\{\w+\}", " ", template)))


def choice(options: Sequence[str]) -> str:
    """The expression of one of `options`."""
    return "(?:" + "|".join(map(re.escape, options)) + ")"


def several(options: Sequence[str], separator: str = "") -> str:
    """The expression of one or more of `options` with `separator` (a word) between them."""
    between = f" {re.escape(separator)} " if separator else " "
    return f"{choice(options)}(?:{between}{choice(options)})*"
