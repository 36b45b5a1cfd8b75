"""Two clusters against scikit-learn's best of many starts, and middles against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from winsome.standings.two_clusters import (
    geometric_median_weights,
    medoid,
    remoteness,
    two_clusters,
)


@pytest.mark.parametrize(("n", "seed"), [(n, seed) for n in (3, 4, 7, 15) for seed in range(6)])
def test_the_clusters_are_as_good_as_scikit_learns_best_of_many(n: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 5))
    found = two_clusters(points)
    peer = KMeans(2, n_init=50, random_state=42).fit(points)
    assert found.inertia == pytest.approx(peer.inertia_)
    assert sum(found.labels) * 2 <= n
    assert found.silhouette == pytest.approx(silhouette_score(points, found.labels))


def test_equal_points_are_one_cluster_and_even_ones_say_so() -> None:
    same = two_clusters(np.ones((4, 3)))
    assert (same.labels, same.larger, same.even, same.silhouette) == ((0,) * 4, (0, 1, 2, 3), False, 0.0)
    even = two_clusters(np.eye(2)[[0, 0, 1, 1]])
    assert even.even
    assert even.larger == (0, 1, 2, 3)
    assert two_clusters(np.eye(3)).silhouette == pytest.approx(0.0, abs=1e-9)


def test_middles_are_what_they_are_named_for() -> None:
    points = np.random.default_rng(1).normal(size=(6, 3))
    gaps = [[float(np.linalg.norm(a - b)) for b in points] for a in points]
    assert remoteness(points) == pytest.approx([sum(row) / 5 for row in gaps])
    assert medoid(points) == int(np.argmin([sum(row) for row in gaps]))
    weights = geometric_median_weights(points)
    assert weights.sum() == pytest.approx(1.0)
    best = minimize(lambda m: np.linalg.norm(points - m, axis=1).sum(), points.mean(0), tol=1e-12).x
    assert weights @ points == pytest.approx(best, abs=1e-4)
