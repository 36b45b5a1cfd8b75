"""What an occupation takes for a duty: a tree of nodes whose subtrees can be held out."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import DUTIES, JOBS, NAMES
from winsome.sandbox.targets import Exactly

GRAMMAR = Grammar(
    (
        "what does a {job} use to {duty}?",
        "{asker} is a {job}. what does {asker} use to {duty}?",
        "{asker} asks {friend}: what does a {job} use to {duty}?",
    ),
    {"job": choice(JOBS), "duty": choice(DUTIES), "asker": choice(NAMES), "friend": choice(NAMES)},
)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    slots = {"job": ground.topic(rng, JOBS), "duty": rng.choice(DUTIES)}
    asker, friend = rng.sample(NAMES, 2)
    return rng.choice(
        ((0, slots), (1, slots | {"asker": asker}), (2, slots | {"asker": asker, "friend": friend}))
    )


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly((ground.tools[slots["job"], slots["duty"]],))


KIND = Kind("occupations", GRAMMAR, draw, target, lambda slots: slots["job"])
