"""Run a small program and show the variable after every line: a chain in which a fault has a place."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.kinds.programs import CODE, program, trace
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.targets import Exactly

GRAMMAR = Grammar(("show each step of: {code}.", "run step by step: {code}."), {"code": CODE})


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    return None, {"code": program(rng, rng.randint(2, 5))}


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly(tuple(str(value) for value in trace(slots["code"])))


KIND = Kind("steps", GRAMMAR, draw, target, lambda slots: f"{slots['code'].count(';')} lines")
