"""Random search for a prefix that makes a judge say the wanted label, on prompts that are not the suite's.

One token at a random place is replaced by a random one; a string is kept where its loss is no larger than the best. The mean is
taken over a growing number of (prompt, seat) queries: 2 at first, one more every 16 steps. With each new query the best loss is
forgotten, else nothing would be accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FIRST = 2
EVERY = 16
"""Queries at the start, and steps after which one is added."""


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


def wanted_loss(top: Mapping[str, float], wanted: str) -> tuple[float, bool]:
    """-log p(wanted) in nats at a token with the log-probabilities `top`, and whether `wanted` is missing there.

    A missing token has at most the smallest listed probability, so its loss is at least that; with nothing listed it is infinite.
    """
    if wanted in top:
        return -top[wanted], False
    return (-min(top.values()) if top else math.inf), True


def search(
    ask: Callable[[tuple[int, ...], int], Sequence[tuple[float, bool]]],
    vocabulary: int,
    start: Sequence[int],
    *,
    steps: int = 384,
    most: int = 20,
    seed: int = 0,
) -> Found:
    """The prefix found from `start` (token ids below `vocabulary`) in `steps` trials; the seed repeats it bit for bit.

    ask: (tokens, k) -> (loss, missing) of the first k queries, as `wanted_loss` gives them. No string is asked twice in a stage.
    """
    draw = np.random.default_rng(seed)
    best, best_loss = tuple(start), math.inf
    seen: set[tuple[int, ...]] = set()
    trace: list[Step] = []
    stage = 0
    for step in range(steps):
        queries = curriculum(step, most)
        if queries != stage:
            stage, best_loss = queries, math.inf
            seen.clear()
        tried = best if math.isinf(best_loss) else _neighbour(best, vocabulary, seen, draw)
        if tried is None:
            continue
        seen.add(tried)
        heard = ask(tried, queries)
        loss = float(np.mean([one for one, _ in heard]))
        kept = loss <= best_loss
        if kept:
            best, best_loss = tried, loss
        trace.append(Step(queries, loss, kept, sum(gone for _, gone in heard)))
    return Found(best, best_loss, tuple(trace))


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
