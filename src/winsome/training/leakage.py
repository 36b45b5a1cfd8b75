"""Whether prompts that are meant to measure were learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from winsome.records import Prompt
from winsome.training.examples import Examples

RUN = 13
"""Words in a row that two texts share by more than chance. Source: Brown et al. 2020, appendix C."""

SHOWN = 30
"""Characters of a prompt that name it."""


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
    asked: set[tuple[str, ...]] = set()
    runs: set[int] = set()
    for prompt in {side.prompt.id: side.prompt for row in learnt.rows for side in row.sides}.values():
        asked.add(_asked(prompt))
        runs.update(_runs(_asked(prompt)))
    for text in {side.text for row in learnt.rows for side in row.sides}:
        runs.update(_runs(_words(text)))
    same: list[str] = []
    overlapping: list[str] = []
    for prompt in measured:
        words = _asked(prompt)
        if words in asked:
            same.append(f'"{prompt.text[:SHOWN]}"')
        elif any(run in runs for run in _runs(words)):
            overlapping.append(f'"{prompt.text[:SHOWN]}"')
    return Leakage(len(measured), len(same), len(overlapping), tuple((same + overlapping)[:3]))


def _asked(prompt: Prompt) -> tuple[str, ...]:
    """All turns of a prompt, so that dialogues with one last turn are not one."""
    return _words(" ".join(message.text for message in prompt.messages))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.casefold().split())


def _runs(words: tuple[str, ...]) -> Iterator[int]:
    """A hash of every run of 13 words."""
    return (hash(words[i : i + RUN]) for i in range(len(words) - RUN + 1))
