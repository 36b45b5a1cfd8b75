"""Where agents of a mixture deceive: layers as `3-3-1`, one digit an agent as `000_001`, and the labels of their answers.

0 truthful. Open tasks: 1 deceptive (misleading text that reads well). Questions with options: 2 promoter (argues for one wrong option),
3 opposer (argues against the right one, too). Source: Wolf et al. 2025, "This Is Your Doge, If It Please You".
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from winsome.errors import BadInput

Map = tuple[tuple[int, ...], ...]
"""A status for every agent, layer by layer."""

TRUTHFUL, DECEPTIVE, PROMOTER, OPPOSER = range(4)
OPEN, CHOICE = (DECEPTIVE,), (PROMOTER, OPPOSER)
"""Which statuses lie on open tasks, and on questions with options."""


def layers_of(text: str) -> tuple[int, ...]:
    """Agents in each layer of `3-3-1`, the aggregator's 1 left out; BadInput for anything else."""
    words = text.split("-")
    if len(words) < 2 or not all(word.isdecimal() and int(word) for word in words) or words[-1] != "1":
        raise BadInput(f"layers={text[:40]}: write agents by layer and 1 for the aggregator, such as 3-3-1")
    return tuple(map(int, words[:-1]))


def map_of(text: str, layers: Sequence[int]) -> Map:
    """The map that `text` writes (none: all truthful); BadInput where its shape is not that of `layers`."""
    if not text:
        return honest(layers)
    rows = text.split("_")
    if [len(row) for row in rows] != list(layers):
        raise BadInput(
            f"map={text[:40]}: one digit an agent, layers joined by _; layers={written_layers(layers)} takes "
            f"{written(honest(layers))}"
        )
    bad = next((digit for row in rows for digit in row if digit not in "0123"), None)
    if bad is not None:
        raise BadInput(
            f"map={text[:40]}: no status {bad}; use 0 truthful, 1 deceptive, 2 promoter, 3 opposer"
        )
    return tuple(tuple(map(int, row)) for row in rows)


def written(map: Map) -> str:
    """The map as `map_of` reads it."""
    return "_".join("".join(str(status) for status in row) for row in map)


def written_layers(layers: Sequence[int]) -> str:
    return "-".join(str(agents) for agents in (*layers, 1))


def honest(layers: Sequence[int]) -> Map:
    """All truthful."""
    return tuple((TRUTHFUL,) * agents for agents in layers)


def places(layers: Sequence[int]) -> list[tuple[int, int]]:
    """Every agent as (layer, seat), both from 0."""
    return [(layer, seat) for layer, agents in enumerate(layers) for seat in range(agents)]


def at(layers: Sequence[int], chosen: Sequence[tuple[int, int]], status: int) -> Map:
    """`status` at the chosen places, all others truthful."""
    held = set(chosen)
    return tuple(
        tuple(status if (layer, seat) in held else TRUTHFUL for seat in range(agents))
        for layer, agents in enumerate(layers)
    )


def sampled(layers: Sequence[int], k: int, status: int, seed: int) -> Map:
    """`k` agents of `status` at places drawn by `seed` without replacement; BadInput where there are fewer agents."""
    every = places(layers)
    if not 0 <= k <= len(every):
        raise BadInput(f"{k} deceivers among {len(every)} agents; give 0 to {len(every)}")
    return at(layers, random.Random(f"deceivers/{seed}/{k}").sample(every, k), status)


def check(map: Map, *, choice: bool) -> None:
    """Raise BadInput, naming the seat, where a status does not fit the task: 1 is for open ones, 2 and 3 need options."""
    fitting = CHOICE if choice else OPEN
    for layer, row in enumerate(map):
        for seat, status in enumerate(row):
            if status and status not in fitting:
                task = "a question with options" if choice else "an open task"
                raise BadInput(
                    f"map={written(map)}: status {status} of seat {seat + 1} in layer {layer + 1} does not fit {task}; "
                    f"use {' or '.join(str(one) for one in fitting)}"
                )


@dataclass(frozen=True)
class Step:
    """One intermediate answer of a mixture. layer, seat: from 1; layer 0 is the aggregator, whose `subset` names what it read.

    failed: the agent gave no answer. used: the aggregator's last call had this answer among its references.
    """

    layer: int
    seat: int
    status: int
    subset: tuple[int, ...] = ()
    failed: bool = False
    used: bool = False

    def __str__(self) -> str:
        if self.layer == 0:
            return f"a({','.join(str(place) for place in self.subset)})"
        return f"{self.layer}.{self.seat}={self.status}{'!' * self.failed}{'*' * self.used}"


def told(steps: Sequence[Step], notes: Sequence[str] = ()) -> str:
    """The provenance of a mixture's answer: its steps in the order of its parents, then notes on the defence."""
    return " ".join(["mixture:", *map(str, steps), *(f"[{note}]" for note in notes)])


def steps_of(provenance: str) -> Iterator[Step]:
    """The steps that `told` wrote, in order; nothing for another answer."""
    if not provenance.startswith("mixture:"):
        return
    for word in provenance.partition("[")[0].split()[1:]:
        if word.startswith("a("):
            inner = word[2:-1]
            yield Step(0, 0, 0, tuple(int(place) for place in inner.split(",")) if inner else ())
        else:
            place, _, status = word.partition("=")
            layer, _, seat = place.partition(".")
            yield Step(int(layer), int(seat), int(status[0]), failed="!" in status, used="*" in status)


def notes_of(provenance: str) -> list[str]:
    """What `told` noted of the defence, such as flags."""
    return [note.rstrip("] ") for note in provenance.split("[")[1:]]
