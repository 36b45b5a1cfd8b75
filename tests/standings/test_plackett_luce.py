from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings import Places, bradley_terry, pairs, plackett_luce
from winsome.standings.ratings import ARENA

STRENGTH = np.array([0.9, 0.3, 0.0, -0.4, -0.8])


def matches(
    rng: np.random.Generator, count: int, sizes: tuple[int, ...] = (2, 3, 5)
) -> list[list[tuple[str, int]]]:
    """Orders drawn from Plackett-Luce: strength plus Gumbel noise, sorted."""
    drawn: list[list[tuple[str, int]]] = []
    for _ in range(count):
        sides = rng.permutation(5)[: rng.choice(sizes)]
        best = sides[np.argsort(-(STRENGTH[sides] + rng.gumbel(size=len(sides))))]
        drawn.append([(f"m{code}", place + 1) for place, code in enumerate(best.tolist())])
    return drawn


def test_strengths_equal_choix() -> None:
    choix = pytest.importorskip("choix")
    drawn = matches(np.random.default_rng(0), 300)
    theirs = choix.ilsr_rankings(5, [[int(name[1]) for name, _ in match] for match in drawn], tol=1e-12)
    standings = plackett_luce(Places.of(drawn))
    for code in range(5):
        expected = 1000 + ARENA * (theirs[code] - theirs.mean())
        assert standings.row(f"m{code}").estimate == pytest.approx(expected, abs=1e-4)


def test_two_sides_are_bradley_terry() -> None:
    places = Places.of(matches(np.random.default_rng(1), 200, (2,)))
    one, two = plackett_luce(places), bradley_terry(pairs(places))
    for row in one.rows:
        other = two.row(row.contender)
        assert (row.estimate, row.standard_error) == pytest.approx(
            (other.estimate, other.standard_error), rel=1e-6
        )


def test_intervals_cover_the_truth() -> None:
    rng, covered = np.random.default_rng(2), 0
    truth = 1000 + ARENA * (STRENGTH - STRENGTH.mean())
    for _ in range(100):
        standings = plackett_luce(Places.of(matches(rng, 150)))
        for code in range(5):
            row = standings.row(f"m{code}")
            assert row.low is not None
            assert row.high is not None
            covered += row.low <= truth[code] <= row.high
    assert 0.91 <= covered / 500 <= 0.98


def test_pairs_share_a_cluster_and_weigh_as_one_opponent() -> None:
    found = pairs(Places.of([[("x", 1), ("y", 2), ("z", 2)], [("x", 2), ("y", 1)]], prompt=["p", "q"]))
    table = {
        (found.names[a], found.names[b]): (s, w)
        for a, b, s, w in zip(found.a, found.b, found.share, found.weight, strict=True)
        if w == 0.5
    }
    assert table == {("x", "y"): (1.0, 0.5), ("x", "z"): (1.0, 0.5), ("y", "z"): (0.5, 0.5)}
    assert found.clusters()[1] == 2


def test_equal_places_are_refused() -> None:
    with pytest.raises(BadInput, match="1 pairs share a place"):
        plackett_luce(Places.of([[("x", 1), ("y", 1)]]))
    with pytest.raises(BadInput, match="no finite Plackett-Luce fit"):
        plackett_luce(Places.of([[("x", 1), ("y", 2)]]))
