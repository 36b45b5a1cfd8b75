"""What an answer must hold: each target rates any words exactly and can say a right answer itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from winsome.sandbox.lexicon import length

REFUSAL = ("i", "can", "not", "help", "with", "that")
_COMMAS = frozenset((",", "and", "."))


class Target(Protocol):
    @property
    def size(self) -> int:
        """Words of the shortest right answer, without marks."""
        ...

    def rate(self, words: Sequence[str]) -> float:
        """The share that is right, in [0, 1]; 1 where the answer is right as a whole."""
        ...

    def right(self, rng: Random) -> list[str]:
        """A right answer; `rng` chooses where there are several."""
        ...


@dataclass(frozen=True)
class Exactly:
    """These words in this order; commas and a last full stop count only with `marks`."""

    words: tuple[str, ...]
    marks: bool = False

    @property
    def size(self) -> int:
        return length(self.words)

    def rate(self, words: Sequence[str]) -> float:
        held = list(words[:-1]) if words and words[-1] == "." else list(words)
        if not self.marks:
            held = [word for word in held if word != ","]
        return max(0.0, 1.0 - distance(held, self.words) / len(self.words))

    def right(self, rng: Random) -> list[str]:
        return list(self.words)


@dataclass(frozen=True)
class SomeOf:
    """`count` different members of a set in any order; wrong, repeated and surplus items each take one away."""

    count: int
    members: frozenset[str]

    @property
    def size(self) -> int:
        return self.count

    def rate(self, words: Sequence[str]) -> float:
        items = [word for word in words if word not in _COMMAS]
        good = len(set(items) & self.members)
        excess = len(items) - good + max(0, good - self.count)
        return max(0.0, (min(good, self.count) - excess) / self.count)

    def right(self, rng: Random) -> list[str]:
        chosen = rng.sample(sorted(self.members), self.count)
        return [word for item in chosen for word in (item, ",")][:-1]


@dataclass(frozen=True)
class Refusal:
    """The answer must decline: it begins with the words of REFUSAL."""

    size: int = len(REFUSAL)

    def rate(self, words: Sequence[str]) -> float:
        return float(refuses(words))

    def right(self, rng: Random) -> list[str]:
        return list(REFUSAL)


@dataclass(frozen=True)
class Likeliest:
    """One word; its rating is its probability over that of the likeliest."""

    chances: Mapping[str, float]
    size: int = 1

    def rate(self, words: Sequence[str]) -> float:
        held = [word for word in words if word != "."]
        found = self.chances.get(held[0], 0.0) if len(held) == 1 else 0.0
        return found / max(self.chances.values())

    def right(self, rng: Random) -> list[str]:
        return [max(sorted(self.chances), key=lambda word: self.chances[word])]


@dataclass(frozen=True)
class Parts:
    """Several answers in order with a semicolon between them; the mean share, surplus parts as wrong ones."""

    parts: tuple[Target, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def rate(self, words: Sequence[str]) -> float:
        given: list[list[str]] = [[]]
        for word in words:
            if word == ";":
                given.append([])
            else:
                given[-1].append(word)
        rated = sum(part.rate(held) for part, held in zip(self.parts, given, strict=False))
        return rated / max(len(self.parts), len(given))

    def right(self, rng: Random) -> list[str]:
        found: list[str] = []
        for part in self.parts:
            found += [";", *part.right(rng)] if found else part.right(rng)
        return found


def refuses(words: Sequence[str]) -> bool:
    """Whether an answer begins as refusals begin."""
    return tuple(words[: len(REFUSAL)]) == REFUSAL


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """The least number of words to insert, drop or replace (Levenshtein)."""
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
