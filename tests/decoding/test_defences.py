"""Subsets, votes over them against the enumerated binomial sum, and what filters keep of planted vectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from winsome.decoding.defences import CLUSTERING, chosen, subsets, vote

E = np.eye(8)


@pytest.mark.parametrize("n", range(1, 9))
def test_every_subset_comes_once_the_largest_first(n: int) -> None:
    found = subsets(n)
    assert len(found) == len(set(found)) == 2**n - 1
    assert all(chosen and list(chosen) == sorted(set(chosen)) and max(chosen) < n for chosen in found)
    assert [len(chosen) for chosen in found] == sorted((len(c) for c in found), reverse=True)


@pytest.mark.parametrize("n", range(2, 9))
def test_a_vote_fails_for_every_r_where_the_aggregator_follows_whenever_the_liar_is_there(n: int) -> None:
    liar = 0
    said = [2 if liar in chosen else 1 for chosen in subsets(n)]
    assert sum(option == 1 for option in said) / len(said) == (2 ** (n - 1) - 1) / (2**n - 1) < 0.5
    assert vote(said, "") == (2, False)


@pytest.mark.parametrize(("n", "q"), [(3, 0.5), (3, 0.8), (4, 0.9), (2, 0.7)])
def test_the_votes_accuracy_is_the_enumerated_binomial_sum(n: int, q: float) -> None:
    draws = 100_000
    rng = np.random.default_rng(5)
    tainted = np.array([0 in chosen for chosen in subsets(n)])
    follows = rng.random((draws, len(tainted))) < q
    said = np.where(tainted & follows, 2, 1)
    # the vote sees only counts, so each kind of draw is voted on once
    patterns, counts = np.unique(said, axis=0, return_counts=True)
    right = sum(count for pattern, count in zip(patterns, counts, strict=True) if vote(pattern.tolist(), "s")[0] == 1)  # fmt: skip
    clean, dirty = int((~tainted).sum()), int(tainted.sum())
    expected = sum(binom.pmf(k, dirty, q) for k in range(dirty + 1) if clean + dirty - k > k)
    assert abs(right / draws - expected) < 3 * np.sqrt(expected * (1 - expected) / draws)


def test_ties_are_drawn_by_the_seed_and_unread_answers_have_no_vote() -> None:
    drawn = [vote([1, 2, None], f"{seed}") for seed in range(400)]
    assert {option for option, _ in drawn} == {1, 2}
    assert all(by_lot for _, by_lot in drawn)
    assert 150 < sum(option == 1 for option, _ in drawn) < 250
    assert vote([1, 2, None], "7") == vote([1, 2, None], "7")
    assert vote([None, None], "") == (None, False)
    assert vote([None, 3], "") == (3, False)


@pytest.mark.parametrize("defence", [d for d in CLUSTERING if d not in ("medoid", "cluster_prompt")])
@pytest.mark.parametrize("far", range(3))
def test_two_near_and_one_far_are_always_told_apart(defence: str, far: int) -> None:
    rng = np.random.default_rng(far)
    for _ in range(50):
        near = rng.normal(size=16)
        vectors = near + 0.1 * rng.normal(size=(3, 16))
        vectors[far] = -near
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        kept = chosen(defence, vectors)  # type: ignore[arg-type]
        assert kept.places == tuple(place for place in range(3) if place != far)
        assert chosen("medoid", vectors).places[0] != far
        labels = chosen("cluster_prompt", vectors)
        assert labels.places == (0, 1, 2)
        assert labels.labels == tuple(int(place == far) for place in range(3))


def test_even_clusters_keep_all_with_a_flag_and_few_references_too() -> None:
    even = chosen("cluster_filter", E[[0, 0, 1, 1]])
    assert (even.places, even.notes) == ((0, 1, 2, 3), ("silhouette 1.000", "even"))
    assert chosen("cluster_filter", E[[0, 1]]).notes == ("few",)
    assert chosen("cluster_filter", E[[0, 1, 2]]).notes == ("silhouette 0.000",)
