"""A simulated judge of single answers: grades from 1 to 5 that the world's truth gives, seen through noise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random

from winsome.records import Match, Prompt, Verdict, digest
from winsome.sandbox.gold import gold
from winsome.sandbox.lexicon import words
from winsome.sandbox.worlds import World

VERSION = 1
LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class Grader:
    """Grades of what an answer is worth to its asker, of all that could be had; `noise` is in grades, fixed by prompt and words."""

    world: World
    noise: float
    seed: int
    name: str
    sides: range = range(1, 1001)
    ordered: bool = False

    @property
    def id(self) -> str:
        return digest(["grader", VERSION, self.world.id, self.noise, self.seed])

    @property
    def label(self) -> str:
        return "grader"

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One graded verdict a match."""
        for match in matches:
            grades = tuple(self._grade(match.prompt, side.response.text) for side in match.sides)
            yield Verdict(match.id, self.name, self.id, "graded", grades)

    def _grade(self, prompt: Prompt, text: str) -> float:
        noise = Random(f"grade/{self.seed}/{prompt.id}/{' '.join(words(text))}").gauss(0.0, self.noise)
        grade = LOWEST + (HIGHEST - LOWEST) * part_of_best(self.world, prompt, text) + noise
        return float(min(HIGHEST, max(LOWEST, round(grade))))


def part_of_best(world: World, prompt: Prompt, text: str) -> float:
    """How right an answer is and how much of what its asker likes it has, in equal parts, in [0, 1]; without an asker the first alone.

    Tastes are told as a part of the asker's own, so that generous and sparing people grade alike.
    """
    found = gold(world, prompt, text)
    right = max(0.0, found.right - found.off)
    person = world.reading(prompt).person
    return right if person is None else (right + found.worth / sum(person.weights.values())) / 2.0
