"""A small program told as a story: what practice with programs may help."""

from __future__ import annotations

import re
from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.kinds.programs import program, trace
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import NAMES
from winsome.sandbox.targets import Exactly

TOLD = r"has \d+ coins\.(?: then (?:gets \d+|loses \d+|doubles them|keeps half)\.)+".replace(r"\.", r" \.")
GRAMMAR = Grammar(
    ("{name} {story} how many coins are there?",),
    {"name": choice(NAMES), "story": TOLD},
)
_TELL = {"add": "gets", "take": "loses", "double": "doubles them", "half": "keeps half"}
_CODE = {told: order for order, told in _TELL.items()}


def told(code: str) -> str:
    """A program as a story."""
    first, *rest = code.split(" ; ")
    lines = [f"has {first.split()[1]} coins."]
    for line in rest:
        order, _, number = line.partition(" ")
        lines.append(f"then {_TELL[order]} {number}".rstrip() + ".")
    return " ".join(lines)


def coded(story: str) -> str:
    """The program that a story tells."""
    lines = ["set " + re.findall(r"has (\d+)", story)[0]]
    found = re.findall(r"then ([a-z]+(?: [a-z]+)?)(?: (\d+))?", story)
    lines += [f"{_CODE[words]} {number}".rstrip() for words, number in found]
    return " ; ".join(lines)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    return None, {"name": rng.choice(NAMES), "story": told(program(rng, rng.randint(1, 3)))}


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly((str(trace(coded(slots["story"]))[-1]),))


KIND = Kind("stories", GRAMMAR, draw, target, lambda slots: f"{slots['story'].count('then')} lines")
