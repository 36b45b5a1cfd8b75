"""Schedules: who meets whom, fixed by the seed and the shares in schedule order."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from winsome.matchmaking.schedule import (
    Pairing,
    Schedule,
    against,
    all_pairs,
    count,
    most_information,
    swiss,
)


def played(schedule: Schedule, strength: list[float], seed: int = 0) -> list[list[Pairing]]:
    """The rounds of a schedule whose verdicts follow Bradley-Terry."""
    draw, rounds = random.Random(seed), []
    pairings = next(schedule)
    while True:
        rounds.append(pairings)
        shares = [
            float(draw.random() < 1 / (1 + math.exp(strength[b] - strength[a]))) for _, a, b in pairings
        ]
        try:
            pairings = schedule.send(shares)
        except StopIteration:
            return rounds


def test_all_pairs_and_baseline() -> None:
    (rounds,) = played(all_pairs(3, 4), [0] * 4)
    assert Counter((p.a, p.b) for p in rounds) == dict.fromkeys(itertools.combinations(range(4), 2), 3)
    (rounds,) = played(against(2)(5, 4), [0] * 4)
    assert {(p.a, p.b) for p in rounds} == {(0, 2), (1, 2), (3, 2)}
    assert len(rounds) == count("baseline", 5, 4) == 15


@pytest.mark.parametrize("maker", [swiss, most_information])
@pytest.mark.parametrize("contenders", [2, 5, 8])
def test_rounds_use_every_prompt_once_a_pair_and_add_up(maker: object, contenders: int) -> None:
    rounds = played(maker(40, contenders, 3), [0.3 * c for c in range(contenders)])  # type: ignore[operator]
    name = "swiss" if maker is swiss else "information"
    assert sum(map(len, rounds)) == count(name, 40, contenders)
    prompts = [p.prompt for pairings in rounds for p in pairings]
    assert set(prompts) == set(range(40))
    assert all(p.a != p.b for pairings in rounds for p in pairings)
    again = played(maker(40, contenders, 3), [0.3 * c for c in range(contenders)])  # type: ignore[operator]
    assert again == rounds


def test_swiss_brings_neighbours_together() -> None:
    strength = [2.0 * c for c in range(8)]
    rounds = played(swiss(80, 8, seed=1, rounds=8), strength)
    late = [abs(p.a - p.b) for pairings in rounds[3:] for p in pairings]
    assert np.mean(late) < np.mean([abs(a - b) for a, b in itertools.combinations(range(8), 2)])


def test_information_asks_close_pairs_more_than_settled_ones() -> None:
    strength = [0.0, 0.1, 6.0, 6.1]
    rounds = played(most_information(400, 4, seed=2, rounds=20), strength, seed=5)
    met = Counter(frozenset((p.a, p.b)) for pairings in rounds[2:] for p in pairings)
    close = met[frozenset((0, 1))] + met[frozenset((2, 3))]
    assert close > 0.6 * met.total()


def test_information_of_equal_pairs_covers_all() -> None:
    rounds = played(most_information(60, 6, seed=0, rounds=20), [0.0] * 6)
    met = {frozenset((p.a, p.b)) for pairings in rounds for p in pairings}
    assert len(met) == 15
