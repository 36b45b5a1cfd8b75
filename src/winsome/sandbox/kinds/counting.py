"""Count the members of a category among words."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice, several
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import CATEGORIES, CATEGORY_OF, COUNTS, THINGS
from winsome.sandbox.targets import Exactly

GRAMMAR = Grammar(
    ("how many {category} are in: {items}?", "count the {category}: {items}"),
    {"category": choice(tuple(CATEGORIES)), "items": several(THINGS)},
)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    category = ground.topic(rng)
    size = rng.randint(3, 7)
    inside = rng.randint(0, size)
    outside = [word for word in THINGS if CATEGORY_OF[word] != category]
    items = rng.sample(CATEGORIES[category], inside) + rng.sample(outside, size - inside)
    rng.shuffle(items)
    return None, {"category": category, "items": " ".join(items)}


def target(slots: Slots, ground: Ground) -> Exactly:
    count = sum(CATEGORY_OF[word] == slots["category"] for word in slots["items"].split())
    return Exactly((COUNTS[count] if count < len(COUNTS) else str(count),))


KIND = Kind("counting", GRAMMAR, draw, target, lambda slots: slots["category"])
