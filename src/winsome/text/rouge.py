"""ROUGE-L: how much two texts share of their words in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_WORD = re.compile(r"\w+")


def rouge_l(first: str, second: str) -> float:
    """The F-measure 2 L / (m + n) in [0, 1], L the length of the longest common subsequence of the m and n words of two texts.

    Words are runs of letters, digits and underscores in lower case; two texts without words share nothing. Source: Lin 2004, section 3.
    """
    return _Text.of(first).with_(_Text.of(second))


@dataclass
class Novelty:
    """Texts that were seen, and whether another is too like one of them."""

    threshold: float
    _seen: list[_Text] = field(default_factory=list["_Text"])

    def add(self, texts: Iterable[str]) -> None:
        """Remember texts."""
        self._seen += [_Text.of(text) for text in texts]

    def near(self, text: str) -> bool:
        """Whether `text` has ROUGE-L of `threshold` or more with a text that was seen."""
        asked = _Text.of(text)
        return any(
            asked.may_reach(one, self.threshold) and asked.with_(one) >= self.threshold for one in self._seen
        )


@dataclass(frozen=True)
class _Text:
    """Words in order, and for each word the bits of its places."""

    words: Sequence[str]
    places: Mapping[str, int]

    @staticmethod
    def of(text: str) -> _Text:
        words = _WORD.findall(text.lower())
        places: dict[str, int] = {}
        for place, word in enumerate(words):
            places[word] = places.get(word, 0) | 1 << place
        return _Text(words, places)

    def may_reach(self, other: _Text, threshold: float) -> bool:
        """False where lengths, or the words that both have, already rule a similarity of `threshold` out."""
        size = threshold * (len(self.words) + len(other.words)) / 2
        if min(len(self.words), len(other.words)) < size:
            return False
        shared = self.places.keys() & other.places.keys()
        return sum(min(self.places[w].bit_count(), other.places[w].bit_count()) for w in shared) >= size

    def with_(self, other: _Text) -> float:
        """ROUGE-L, a word of the other text at a time over all places of this one at once (Hyyro 2004)."""
        size = len(self.words)
        if not size or not other.words:
            return 0.0
        full = (1 << size) - 1
        row = full
        for word in other.words:
            met = row & self.places.get(word, 0)
            row = ((row + met) | (row - met)) & full
        common = size - row.bit_count()
        return 2.0 * common / (size + len(other.words))
