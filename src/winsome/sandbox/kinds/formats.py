"""Write given words in a given form."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice, several
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import CATEGORIES, THINGS
from winsome.sandbox.targets import Exactly

FORMS = (
    "as a numbered list",
    "as a dashed list",
    "with commas",
    "joined by and",
    "in reverse",
    "each twice",
    "in brackets",
)
GRAMMAR = Grammar(
    ("write {items} {form}.", "please show {items} {form}."),
    {"items": several(THINGS), "form": choice(FORMS)},
)  # fmt: skip


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    items = rng.sample(CATEGORIES[ground.topic(rng)], rng.randint(2, 4))
    return None, {"items": " ".join(items), "form": rng.choice(FORMS)}


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly(tuple(formed(slots["items"].split(), slots["form"])), marks=True)


def formed(items: list[str], form: str) -> list[str]:
    """The words of `items` in `form`."""
    if form == "as a numbered list":
        return [word for number, item in enumerate(items, 1) for word in (str(number), ".", item)]
    if form == "as a dashed list":
        return [word for item in items for word in ("-", item)]
    if form in ("with commas", "joined by and"):
        between = "," if form == "with commas" else "and"
        return [word for item in items for word in (item, between)][:-1]
    if form == "in reverse":
        return items[::-1]
    if form == "each twice":
        return [word for item in items for word in (item, item)]
    return ["(", *items, ")"]


KIND = Kind("formats", GRAMMAR, draw, target, lambda slots: slots["form"])
