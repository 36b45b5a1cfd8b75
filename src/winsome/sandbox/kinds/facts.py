"""Who held an office in a city in a year: knowledge that only training can give."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import RELATIONS, Ground
from winsome.sandbox.lexicon import CITIES, NAMES, YEARS
from winsome.sandbox.targets import Exactly

GRAMMAR = Grammar(
    (
        "who was the {relation} of {city} in {year}?",
        "in {year}, who was the {relation} of {city}?",
        "{asker} asks: who was the {relation} of {city} in {year}?",
        "{asker} asks: in {year}, who was the {relation} of {city}?",
    ),
    {
        "relation": choice(RELATIONS),
        "city": choice(CITIES),
        "year": choice([str(year) for year in YEARS]),
        "asker": choice(NAMES),
    },
)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    slots = {"relation": rng.choice(RELATIONS), "city": rng.choice(CITIES), "year": str(rng.choice(YEARS))}
    if rng.random() < 0.2:
        return rng.randrange(2), slots
    return rng.randrange(2, 4), slots | {"asker": rng.choice(NAMES)}


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly((ground.holder(slots["city"], slots["relation"], int(slots["year"])),))


KIND = Kind("facts", GRAMMAR, draw, target, lambda slots: slots["relation"])
