"""A few vectors in two clusters, and which of them stand in the middle: what filters references without knowing who lies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from winsome.standings.columns import Floats

ROUNDS = 100
"""Of Lloyd's algorithm from one start, at most; a handful is usual."""


@dataclass(frozen=True)
class Clusters:
    """Labels 0 and 1 of each vector, 0 the larger cluster. silhouette: mean over vectors in [-1, 1], 0 where nothing separates.

    even: the clusters are equally large, so that no majority can be named.
    """

    labels: tuple[int, ...]
    silhouette: float
    inertia: float

    @property
    def even(self) -> bool:
        return 2 * sum(self.labels) == len(self.labels)

    @property
    def larger(self) -> tuple[int, ...]:
        """Places of the larger cluster; of all where the two are even."""
        return tuple(i for i, label in enumerate(self.labels) if self.even or label == 0)


def two_clusters(vectors: Floats) -> Clusters:
    """K-means with k = 2 of `vectors` [n, d], n >= 2: the best of Lloyd's algorithm from every pair of vectors as centres.

    No draw is involved; equal inertias go to the first pair. The silhouette of a vector alone in its cluster is 0.
    Source: Lloyd 1982; Rousseeuw 1987.
    """
    points = np.asarray(vectors, np.float64)
    best, least = np.zeros(len(points), np.int64), np.inf
    for pair in combinations(range(len(points)), 2):
        labels, inertia = _lloyd(points, points[list(pair)])
        if inertia < least - 1e-12:
            best, least = labels, inertia
    if 2 * best.sum() > len(best):
        best = 1 - best
    return Clusters(tuple(best.tolist()), silhouette(points, best), float(least))


def _lloyd(points: Floats, centres: Floats) -> tuple[np.ndarray, float]:
    labels = np.full(len(points), -1)
    for _ in range(ROUNDS):
        far = ((points[:, None] - centres[None]) ** 2).sum(2)
        nearest = far.argmin(1)
        if (nearest == labels).all() or len(set(nearest.tolist())) < 2:
            labels = nearest
            break
        labels = nearest
        centres = np.stack([points[labels == k].mean(0) for k in (0, 1)])
    inertia = sum(
        ((points[labels == k] - points[labels == k].mean(0)) ** 2).sum() for k in set(labels.tolist())
    )
    return labels, float(inertia)


def silhouette(points: Floats, labels: np.ndarray) -> float:
    """The mean silhouette of two clusters; 0 where there is only one."""
    gaps = distances(points)
    values = np.zeros(len(points))
    for i, label in enumerate(labels):
        own = (labels == label) & (np.arange(len(points)) != i)
        other = labels != label
        if own.any() and other.any():
            a, b = gaps[i, own].mean(), gaps[i, other].mean()
            values[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0.0
    return float(values.mean())


def distances(points: Floats) -> Floats:
    """Euclidean distances of each to each, [n, n]."""
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(2))


def remoteness(vectors: Floats) -> Floats:
    """How far each vector stands from the others, [n]: the mean Euclidean distance to them."""
    gaps = distances(np.asarray(vectors, np.float64))
    return gaps.sum(1) / max(1, len(gaps) - 1)


def medoid(vectors: Floats) -> int:
    """The place of the vector that is nearest to all others; the first of equals."""
    return int(remoteness(vectors).round(12).argmin())


def geometric_median_weights(vectors: Floats, rounds: int = 200) -> Floats:
    """Weights [n] that sum to 1, of the vectors in their geometric median: 1 / distance, by Weiszfeld's iteration."""
    points = np.asarray(vectors, np.float64)
    middle = points.mean(0)
    weights = np.full(len(points), 1.0 / len(points))
    for _ in range(rounds):
        far = np.maximum(np.sqrt(((points - middle) ** 2).sum(1)), 1e-9)
        weights = 1.0 / far
        weights /= weights.sum()
        moved = weights @ points
        if np.abs(moved - middle).max() < 1e-12:
            break
        middle = moved
    return weights
