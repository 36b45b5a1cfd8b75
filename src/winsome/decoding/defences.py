"""Between the last layer and the aggregator: which references are kept, without knowing who lies.

Dropout & Vote and Dropout & Cluster ask the aggregator on every subset; the others choose among the references by their vectors.
Source: Wolf et al. 2025, "This Is Your Doge, If It Please You", section 5. Their released Dropout & Cluster clusters the references
instead of the subsets' outputs, as Cluster & Filter does; `dropout_cluster_released` is that.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from winsome.standings.columns import Floats
from winsome.standings.two_clusters import geometric_median_weights, medoid, remoteness, two_clusters

Defence = Literal[
    "none", "dropout_vote", "dropout_cluster", "dropout_cluster_released", "cluster_filter", "cluster_prompt", "medoid",
    "weighted_median",
]  # fmt: skip
DEFENCES: tuple[Defence, ...] = get_args(Defence)
ON_SUBSETS: tuple[Defence, ...] = ("dropout_vote", "dropout_cluster")
CLUSTERING: tuple[Defence, ...] = tuple(d for d in DEFENCES if d not in ("none", "dropout_vote"))
"""Those that need three references to tell a majority."""


@dataclass(frozen=True)
class Kept:
    """Places of the references that go on, in order; labels: clusters, for those that are told; notes for the answer's row."""

    places: tuple[int, ...]
    labels: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def subsets(n: int) -> list[tuple[int, ...]]:
    """All 2^n - 1 non-empty subsets of n places, larger ones first."""
    return [chosen for size in range(n, 0, -1) for chosen in combinations(range(n), size)]


def chosen(defence: Defence, vectors: Floats) -> Kept:
    """What a defence keeps of references by their unit vectors [n, d]; all, with the note "few", where n < 3.

    Clusters of equal size keep all, with the note "even". medoid keeps the reference nearest to all others; weighted_median the
    half (rounded up) with the largest weights in the geometric median.
    """
    n = len(vectors)
    if n < 3:
        return Kept(tuple(range(n)), notes=("few",))
    if defence == "medoid":
        return Kept((medoid(vectors),), notes=_spread(vectors))
    if defence == "weighted_median":
        order = np.argsort(-geometric_median_weights(vectors).round(12), kind="stable")
        return Kept(tuple(sorted(order[: (n + 1) // 2].tolist())), notes=_spread(vectors))
    found = two_clusters(vectors)
    notes = (f"silhouette {found.silhouette:.3f}", *(["even"] if found.even else []))
    if defence == "cluster_prompt":
        return Kept(tuple(range(n)), found.labels, notes)
    return Kept(found.larger, notes=notes)


def _spread(vectors: Floats) -> tuple[str, ...]:
    return (f"remoteness {' '.join(f'{value:.3f}' for value in remoteness(vectors))}",)


def vote(options: Sequence[int | None], seed: str) -> tuple[int | None, bool]:
    """(the option that most subsets decide for, whether it was drawn among equals by `seed`); unread answers have no vote."""
    counts = Counter(option for option in options if option is not None)
    if not counts:
        return None, False
    most = max(counts.values())
    best = sorted(option for option, count in counts.items() if count == most)
    return (best[0], False) if len(best) == 1 else (random.Random(f"vote/{seed}").choice(best), True)
