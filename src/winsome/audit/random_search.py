"""Random search for a prefix that makes a judge say the wanted label, on prompts that are not the suite's.

One token at a random place is replaced by a random one; a string is kept where its loss is no larger than the best. The mean is
taken over a growing number of (prompt, seat) queries: 2 at first, one more every 16 steps. With each new query the best loss is
forgotten, else nothing would be accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FIRST = 2
EVERY = 16
"""Queries at the start, and steps after which one is added."""
_AROUND = " \n\t*_`\"'([.:)]▁Ġ"
"""What a token may hold around a label."""

Heard = Sequence[tuple[float, bool]]
"""(loss, whether the wanted label was missing) of each query."""


@dataclass(frozen=True)
class Step:
    """One trial: how many queries it was asked with, its loss, whether it was kept, and how many queries lacked the wanted token."""

    queries: int
    loss: float
    kept: bool
    missing: int


@dataclass(frozen=True)
class Found:
    """The best tokens of the last stage and their loss, and every step."""

    tokens: tuple[int, ...]
    loss: float
    steps: tuple[Step, ...]


def curriculum(step: int, most: int) -> int:
    """How many queries are asked at `step` (from 0): 2, 3, .. `most`, one more every 16 steps."""
    return min(most, FIRST + step // EVERY)


def label_loss(top: Mapping[str, float], labels: Collection[str], wanted: str) -> tuple[float, bool]:
    """-log of the share of `wanted` among the judge's `labels` in nats, and whether `wanted` is missing from `top`.

    top: log-probabilities of the likeliest first tokens; a label's probability is summed over its spellings (` A`, `A`). A label
    that is not listed has at most the smallest listed probability and counts with that; with nothing listed the loss is infinite.
    The original takes -log p(wanted); a judge's verdict is the share, so nothing is gained by making both labels likelier.
    """
    if not top:
        return math.inf, True
    least = min(top.values())
    found = {label: [p for text, p in top.items() if text.strip(_AROUND) == label] for label in labels}
    mass = {label: float(np.logaddexp.reduce(held)) if held else least for label, held in found.items()}
    return float(np.logaddexp.reduce(list(mass.values()))) - mass[wanted], not found[wanted]


def trials(
    vocabulary: int, start: Sequence[int], *, steps: int = 384, most: int = 20, seed: int = 0
) -> Generator[tuple[tuple[int, ...], int], Heard | None, Found]:
    """Yields (tokens, k) to be asked with the first k queries and is sent what they gave; returns what was found.

    Sent None (a spent budget) it ends with the best so far. The seed repeats it bit for bit, and no string is asked twice in a
    stage.
    """
    draw = np.random.default_rng(seed)
    best, best_loss = tuple(start), math.inf
    seen: set[tuple[int, ...]] = set()
    trace: list[Step] = []
    stage = 0
    for step in range(steps):
        queries = curriculum(step, most)
        fresh = queries != stage
        if fresh:
            stage, best_loss = queries, math.inf
            seen.clear()
        tried = best if fresh else _neighbour(best, vocabulary, seen, draw)
        if tried is None:
            continue
        seen.add(tried)
        heard = yield tried, queries
        if heard is None:
            break
        loss = float(np.mean([one for one, _ in heard]))
        kept = loss <= best_loss
        if kept:
            best, best_loss = tried, loss
        trace.append(Step(queries, loss, kept, sum(gone for _, gone in heard)))
    return Found(best, best_loss, tuple(trace))


def search(
    ask: Callable[[tuple[int, ...], int], Heard],
    vocabulary: int,
    start: Sequence[int],
    *,
    steps: int = 384,
    most: int = 20,
    seed: int = 0,
) -> Found:
    """The prefix found from `start` (token ids below `vocabulary`) in `steps` trials, each asked by a plain function."""
    going = trials(vocabulary, start, steps=steps, most=most, seed=seed)
    try:
        tried = next(going)
        while True:
            tried = going.send(ask(*tried))
    except StopIteration as end:
        return end.value


def _neighbour(
    tokens: tuple[int, ...], vocabulary: int, seen: set[tuple[int, ...]], draw: np.random.Generator
) -> tuple[int, ...] | None:
    """`tokens` with one of them replaced, as was not tried before; None where 100 draws brought nothing new."""
    for _ in range(100):
        place, token = int(draw.integers(len(tokens))), int(draw.integers(vocabulary))
        tried = (*tokens[:place], token, *tokens[place + 1 :])
        if tried not in seen:
            return tried
    return None
