"""Put words or numbers in order."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import CATEGORIES, MOST
from winsome.sandbox.targets import Exactly

ORDERS = ("by alphabet", "from small to large", "from large to small")
GRAMMAR = Grammar(
    ("sort {order}: {items}", "please put {order}: {items}"),
    {"order": choice(ORDERS), "items": r"[a-z\d]+(?: [a-z\d]+)+"},
)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    order = rng.choice(ORDERS)
    count = rng.randint(2, 5)
    pool = CATEGORIES[ground.topic(rng)] if order == ORDERS[0] else [str(n) for n in range(MOST + 1)]
    return None, {"order": order, "items": " ".join(rng.sample(pool, count))}


def target(slots: Slots, ground: Ground) -> Exactly:
    items = slots["items"].split()
    if slots["order"] == ORDERS[0]:
        return Exactly(tuple(sorted(items)))
    return Exactly(
        tuple(
            sorted(
                items,
                key=lambda item: int(item) if item.isdigit() else 0,
                reverse=slots["order"] == ORDERS[2],
            )
        )
    )


KIND = Kind("sorting", GRAMMAR, draw, target, lambda slots: slots["order"])
