"""Languages as bijections of the vocabulary: each word has one form in each language, some forms are shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

_ONSETS, _VOWELS = "bdfgklmnprstvz", "aeiou"


@dataclass(frozen=True)
class Tongue:
    """Language number `number`; 0 is the world's own. `words` are those that can be said in it."""

    number: int
    words: tuple[str, ...]
    overlap: float
    seed: int

    @property
    def name(self) -> str:
        return f"l{self.number}"

    @cached_property
    def forms(self) -> Mapping[str, str]:
        """Word -> its form; marks and numbers, and a share `overlap` of the words, are the same everywhere."""
        if self.number == 0:
            return {word: word for word in self.words}
        rng = Random(f"tongue/{self.seed}/{self.number}")
        taken = set(self.words)
        found: dict[str, str] = {}
        for word in sorted(self.words):
            if not word.isalpha() or rng.random() < self.overlap:
                found[word] = word
                continue
            form = ""
            while not form or form in taken:
                form = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 3))))
                form += _ONSETS[self.number]
            taken.add(form)
            found[word] = form
        return found

    @cached_property
    def meanings(self) -> Mapping[str, str]:
        """Form -> word."""
        return {form: word for word, form in self.forms.items()}

    def say(self, words: Sequence[str]) -> list[str]:
        """The words in this language; a word that it lacks stays."""
        return [self.forms.get(word, word) for word in words]

    def understand(self, words: Sequence[str]) -> tuple[list[str], int]:
        """The world's own words, and how many of them are no words of this language."""
        foreign = sum(word not in self.meanings and not word.isdigit() for word in words)
        return [self.meanings.get(word, word) for word in words], foreign


def translate(words: Sequence[str], source: Tongue, target: Tongue, noise: float, rng: Random) -> list[str]:
    """`words` from one language to another; with probability `noise` a word is replaced by another one of the target."""
    forms = sorted(target.meanings)
    meant, _ = source.understand(words)
    return [
        rng.choice(forms) if word.isalpha() and noise and rng.random() < noise else word
        for word in target.say(meant)
    ]
