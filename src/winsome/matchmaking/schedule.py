"""Who meets whom on which prompt. A schedule is a generator: it yields rounds of contests and is sent their shares.

It reads shares in schedule order, never in order of arrival, so a seed fixes the plan at any concurrency.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from winsome.standings.sequential import confidence_sequence
from winsome.standings.strengths import fit


class Pairing(NamedTuple):
    """Contenders `a` and `b` (indices) on prompt number `prompt`."""

    prompt: int
    a: int
    b: int


Shares = Sequence[float | None]
Schedule = Generator[list[Pairing], Shares, None]


def all_pairs(prompts: int, contenders: int, seed: int = 0, rounds: int = 1) -> Schedule:
    """Every pair on every prompt, in one round."""
    pairs = list(itertools.combinations(range(contenders), 2))
    yield [Pairing(prompt, a, b) for prompt in range(prompts) for a, b in pairs]


def against(baseline: int) -> Callable[[int, int, int, int], Schedule]:
    """A schedule in which everybody meets contender number `baseline` on every prompt."""

    def schedule(prompts: int, contenders: int, seed: int = 0, rounds: int = 1) -> Schedule:
        others = [c for c in range(contenders) if c != baseline]
        yield [Pairing(prompt, other, baseline) for prompt in range(prompts) for other in others]

    return schedule


def swiss(prompts: int, contenders: int, seed: int = 0, rounds: int = 0) -> Schedule:
    """Rounds in which neighbours in the score meet; pairs that met less often come first. One block of prompts a round.

    `rounds` 0: ceil(log2(contenders)) + 2. An odd contender sits out, the one that sat out least.
    """
    rounds = rounds or math.ceil(math.log2(max(2, contenders))) + 2
    score, met = np.zeros(contenders), np.zeros((contenders, contenders), int)
    played, scored, tiebreak = np.zeros(contenders, int), np.zeros(contenders, int), random.Random(seed)
    for block in _blocks(prompts, rounds, seed):
        lots = [tiebreak.random() for _ in range(contenders)]
        table = sorted(range(contenders), key=lambda c: (-score[c] / max(1, scored[c]), lots[c]))
        if contenders % 2:
            table.remove(max(table, key=lambda c: (played[c], table.index(c))))
        pairs = list[tuple[int, int]]()
        while table:
            first = table.pop(0)
            partner = min(table, key=lambda c: (met[first, c], table.index(c)))
            table.remove(partner)
            pairs.append((first, partner))
        plan = [Pairing(prompt, a, b) for prompt in block for a, b in pairs]
        shares = yield plan
        for (_, a, b), share in zip(plan, shares, strict=True):
            if share is not None:
                score[a], score[b] = score[a] + share, score[b] + 1.0 - share
                scored[[a, b]] += 1
            played[[a, b]] += 1
        for a, b in pairs:
            met[a, b] = met[b, a] = met[a, b] + 1


def most_information(prompts: int, contenders: int, seed: int = 0, rounds: int = 0) -> Schedule:
    """Rounds that ask the pairs whose next verdict shrinks the uncertainty of the strengths most.

    The gain of one verdict of pair (i, j) under Bradley-Terry is log(1 + p (1 - p) v), v the variance of their difference
    (D-optimal design). `rounds` 0: eight. Every round asks each chosen pair on its block of prompts, contenders / 2 pairs.
    """
    rounds = rounds or 8
    wins = np.full((contenders, contenders), 0.5)
    np.fill_diagonal(wins, 0.0)
    for block in _blocks(prompts, rounds, seed):
        pairs = _informative(wins, max(1, contenders // 2), len(block))
        plan = [Pairing(prompt, a, b) for prompt in block for a, b in pairs]
        shares = yield plan
        for (_, a, b), share in zip(plan, shares, strict=True):
            if share is not None:
                wins[a, b] += share
                wins[b, a] += 1.0 - share


def _informative(wins: NDArray[np.float64], many: int, each: int) -> list[tuple[int, int]]:
    """`many` pairs chosen one after the other, each counted as asked `each` times before the next is chosen."""
    size = len(wins)
    strength, _ = fit(wins)
    chance = 1.0 / (1.0 + np.exp(strength[None, :] - strength[:, None]))
    weight = chance * (1.0 - chance)
    battles = wins + wins.T
    chosen = list[tuple[int, int]]()
    for _ in range(many):
        flow = battles * weight
        information = np.diag(flow.sum(1)) - flow + 1e-9 * np.eye(size)
        covariance = np.linalg.pinv(information)
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2.0 * covariance
        gain = np.triu(np.log1p(each * weight * spread), 1)
        for pair in chosen:
            gain[pair] = -1.0
        a, b = divmod(int(np.argmax(gain)), size)
        chosen.append((a, b))
        battles[a, b] += each
        battles[b, a] += each
    return chosen


def until_decided(
    baseline: int, level: float = 0.95, block: int = 32
) -> Callable[[int, int, int, int], Schedule]:
    """A schedule in which everybody meets `baseline`, block after block of prompts, until each is told from a half.

    Decisions are those of `standings.sequential` at 1 - (1 - level) / contenders met, true however often one looks. A
    contender that is decided plays on: all keep the same prompts, so that they can be compared with each other.
    """

    def schedule(prompts: int, contenders: int, seed: int = 0, rounds: int = 0) -> Schedule:
        others = [c for c in range(contenders) if c != baseline]
        sure = simultaneous(level, len(others))
        seen: dict[int, list[float]] = {other: [] for other in others}
        order = list(range(prompts))
        random.Random(seed).shuffle(order)
        for start in range(0, prompts, block):
            plan = [
                Pairing(prompt, other, baseline)
                for prompt in order[start : start + block]
                for other in others
            ]
            shares = yield plan
            for (_, other, _), share in zip(plan, shares, strict=True):
                if share is not None:
                    seen[other].append(share)
            if all(_decided(shares, sure) for shares in seen.values()):
                return

    return schedule


def simultaneous(level: float, comparisons: int) -> float:
    """The level of each of several intervals that hold together at `level` (Bonferroni)."""
    return 1.0 - (1.0 - level) / max(1, comparisons)


def _decided(shares: Sequence[float], level: float) -> bool:
    if not shares:
        return False
    low, high = confidence_sequence(np.array(shares), level=level)
    return bool(low[-1] > 0.5 or high[-1] < 0.5)


def _blocks(prompts: int, rounds: int, seed: int) -> list[list[int]]:
    """The prompts, shuffled by seed and dealt to at most `rounds` blocks of nearly equal size."""
    order = list(range(prompts))
    random.Random(seed).shuffle(order)
    return [block for block in (sorted(order[i::rounds]) for i in range(rounds)) if block]


def count(kind: str, prompts: int, contenders: int, rounds: int = 0) -> int:
    """How many contests a schedule of `kind` (all, baseline, swiss, information) asks in all."""
    if kind == "all":
        return prompts * contenders * (contenders - 1) // 2
    if kind == "baseline":
        return prompts * (contenders - 1)
    return prompts * max(1, contenders // 2)
