"""Persons with tastes of their own: a weight for every value of every dimension of manner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from winsome.sandbox.knobs import Knobs
from winsome.sandbox.lexicon import NAMES, words
from winsome.sandbox.manner import DIMENSIONS

BREAK = "\n\n"
"""No prompt of a world holds an empty line: what follows one is a context that was added."""


@dataclass(frozen=True)
class Person:
    """`weights`: (dimension, value) -> what an answer of that value is worth to this person."""

    name: str
    group: int
    weights: Mapping[tuple[str, str], float]

    def worth(self, manner: Mapping[str, str]) -> float:
        """The sum of the weights that an answer's manner meets."""
        return sum(self.weights.get(item, 0.0) for item in manner.items())


def told(text: str, people: Sequence[Person]) -> tuple[str, Person | None]:
    """A turn without the context added to it, and the first person whom that context names."""
    asked, _, context = text.partition(BREAK)
    known = {person.name: person for person in people}
    return asked, next((known[word] for word in words(context) if word in known), None) if context else None


def people(knobs: Knobs) -> tuple[Person, ...]:
    """The world's persons. A group shares its favourite values; persons of a group differ in how much each is worth."""
    rng = Random(f"people/{knobs.seed}")
    favourites = [
        {dimension: rng.choice(values) for dimension, values in DIMENSIONS.items()}
        for _ in range(knobs.groups)
    ]
    found: list[Person] = []
    for place in range(knobs.persons):
        group = place % knobs.groups
        weights = {
            (dimension, value): knobs.taste * rng.uniform(0.5, 1.5)
            for dimension, value in favourites[group].items()
        }
        found.append(Person(NAMES[place], group, weights))
    return tuple(found)
