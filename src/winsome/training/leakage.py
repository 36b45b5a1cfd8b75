"""Whether prompts that are meant to measure were learnt from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from winsome.records import Prompt
from winsome.training.examples import Examples

if TYPE_CHECKING:
    from numpy import uint64
    from numpy.typing import NDArray

RUN = 13
"""Words in a row that two texts share by more than chance. Source: Brown et al. 2020, appendix C."""

SHOWN = 30
"""Characters of a prompt that name it."""
NAMED = 3
BLOCK = 2000
"""Texts of what is learnt that are looked through at once."""
MASK, FACTOR = (1 << 64) - 1, 0x9E3779B97F4A7C15
"""Of a word's hash, and an odd number far from small ones."""


@dataclass(frozen=True)
class Leakage:
    """Of `n` prompts that measure: `same` ask in the same words as one that is learnt from, `overlapping` more share a run of 13
    words with a prompt or an answer that is; letters' case and spaces do not count. `first` names a few of both."""

    n: int
    same: int
    overlapping: int
    first: tuple[str, ...]

    def line(self) -> str:
        """What a user is told."""
        if not self.same and not self.overlapping:
            return f"leakage: none of {self.n} prompts of the match is learnt from, or shares {RUN} words in a row"
        return (
            f"leakage: of {self.n} prompts of the match {self.same} are learnt from, {self.overlapping} more share {RUN} words in a row "
            f"(such as {', '.join(self.first)}); look at them before you believe the win rate"
        )


def leakage(measured: Sequence[Prompt], learnt: Examples) -> Leakage:
    """How many of the prompts `measured` stand in `learnt`."""
    import numpy as np

    asked = [_words(_asked(prompt)) for prompt in measured]
    runs = [_runs(words) for words in asked]
    owners = np.repeat(np.arange(len(measured)), [len(run) for run in runs])
    wanted = np.concatenate(runs) if runs else _runs(())
    found = np.zeros(len(wanted), bool)
    # Of what is learnt, blocks are looked through and let go: a large set has more runs of words than a memory holds.
    prompts = {side.prompt.id: side.prompt for row in learnt.rows for side in row.sides}
    texts = itertools.chain(
        map(_asked, prompts.values()), (side.text for row in learnt.rows for side in row.sides)
    )
    while len(wanted) and (block := list(itertools.islice(texts, BLOCK))):
        found |= np.isin(wanted, np.concatenate([_runs(_words(text)) for text in block]))
    known = {_words(_asked(prompt)) for prompt in prompts.values()}
    same = [i for i, words in enumerate(asked) if words in known]
    overlapping = sorted(set(owners[found].tolist()) - set(same))
    named = [f'"{measured[i].text[:SHOWN]}"' for i in (same + overlapping)[:NAMED]]
    return Leakage(len(measured), len(same), len(overlapping), tuple(named))


def _asked(prompt: Prompt) -> str:
    """All turns of a prompt, so that dialogues with one last turn are not one."""
    return " ".join(message.text for message in prompt.messages)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.casefold().split())


def _runs(words: tuple[str, ...]) -> NDArray[uint64]:
    """A hash of every run of 13 words, by a polynomial in the hashes of its words."""
    import numpy as np

    hashes = np.array([hash(word) & MASK for word in words], np.uint64)
    n = max(0, len(words) - RUN + 1)
    total = np.zeros(n, np.uint64)
    for place in range(RUN):
        total = total * np.uint64(FACTOR) + hashes[place : place + n]
    return total
