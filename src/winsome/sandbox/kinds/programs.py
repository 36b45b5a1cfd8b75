"""Run a small program: numbers from 0 to 99, one variable."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import MOST
from winsome.sandbox.targets import Exactly

CODE = r"set \d+(?: ; (?:add \d+|take \d+|double|half))+"
GRAMMAR = Grammar(("run: {code}; print.", "what does this print: {code}; print."), {"code": CODE})


def trace(code: str) -> list[int]:
    """The variable after every line but `print`; `half` rounds down."""
    values: list[int] = []
    for line in code.split(" ; "):
        order, _, number = line.partition(" ")
        if order == "set":
            values.append(int(number))
        elif order in ("add", "take"):
            values.append(values[-1] + (int(number) if order == "add" else -int(number)))
        else:
            values.append(values[-1] * 2 if order == "double" else values[-1] // 2)
    return values


def program(rng: Random, lines: int) -> str:
    """A random program of `lines` lines after the first whose variable stays within 0..MOST."""
    while True:
        code = [f"set {rng.randint(0, 20)}"]
        for _ in range(lines):
            order = rng.choice(("add", "take", "add", "take", "double", "half"))
            code.append(f"{order} {rng.randint(1, 9)}" if order in ("add", "take") else order)
        text = " ; ".join(code)
        if all(0 <= value <= MOST for value in trace(text)):
            return text


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    return None, {"code": program(rng, rng.choice((1, 2, 2, 3, 3)))}


def target(slots: Slots, ground: Ground) -> Exactly:
    return Exactly((str(trace(slots["code"])[-1]),))


KIND = Kind("programs", GRAMMAR, draw, target, lambda slots: f"{slots['code'].count(';')} lines")
