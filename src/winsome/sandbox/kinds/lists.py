"""List some members of a category, perhaps without some others."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice, several
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import CATEGORIES, COUNTS, THINGS
from winsome.sandbox.targets import SomeOf

GRAMMAR = Grammar(
    (
        "list {n} {category}.",
        "please name {n} {category}.",
        "list {n} {category} but not {avoid}.",
        "please name {n} {category} without {avoid}.",
        "give me {n} {category}, no {avoid}.",
    ),
    {"n": choice(COUNTS[2:6]), "category": choice(tuple(CATEGORIES)), "avoid": several(THINGS, "or")},
)
PLAIN = 2


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    category = ground.topic(rng)
    slots = {"n": rng.choice(COUNTS[2:6]), "category": category}
    avoid = rng.choice((0, 1, 2, 3))
    if not avoid:
        return rng.randrange(PLAIN), slots
    slots["avoid"] = " or ".join(rng.sample(CATEGORIES[category], avoid))
    return rng.randrange(PLAIN, len(GRAMMAR.templates)), slots


def target(slots: Slots, ground: Ground) -> SomeOf:
    avoided = set(slots.get("avoid", "").split())
    return SomeOf(COUNTS.index(slots["n"]), frozenset(CATEGORIES[slots["category"]]) - avoided)


KIND = Kind("lists", GRAMMAR, draw, target, lambda slots: slots["category"])
