"""What a pool of annotators is worth beside people who labelled the same pairs several times: agreement, bias and variance.

Source: Dubois et al. 2023 (AlpacaFarm), section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.columns import Floats

UNREAD = -1


@dataclass(frozen=True)
class PoolStatistics:
    """Shares in [0, 1] over `n` pairs, each pair counted once.

    agreement: how often one label of the pool is the majority's of people; among_people: how often one person's is that of the
    others; bias: how often the pool's own majority is not that of people; variance: how often one label of the pool is not that of
    the pool's majority. A majority that is a tie is met half.
    """

    agreement: float
    among_people: float
    bias: float
    variance: float
    n: int


def pool_statistics(pool: NDArray[np.int64], people: NDArray[np.int64]) -> PoolStatistics:
    """The figures of labels `pool` [pairs, draws] beside `people` [pairs, persons]: 1 first, 0 second, UNREAD where there is none.

    Pairs that nobody of the pool labelled, or fewer than two people, are left out; BadInput where none is left.
    """
    if pool.ndim != 2 or people.ndim != 2 or len(pool) != len(people):
        raise BadInput("pool and people must be tables with one row for each pair, the same ones")
    both = ((pool != UNREAD).sum(1) > 0) & ((people != UNREAD).sum(1) > 1)
    if not both.any():
        raise BadInput("no pair has a label of the pool and two of people; label the same pairs")
    pool, people = pool[both], people[both]
    theirs, own = _majority(people), _majority(pool)
    others = np.stack([_majority(np.delete(people, one, axis=1)) for one in range(people.shape[1])], axis=1)
    return PoolStatistics(
        agreement=_met(pool, theirs[:, None]),
        among_people=_met(people, others),
        bias=1.0 - float(np.mean(1.0 - np.abs(own - theirs))),
        variance=1.0 - _met(pool, own[:, None]),
        n=len(pool),
    )


def _majority(labels: NDArray[np.int64]) -> Floats:
    """1 or 0 by row, a half where there are as many of both."""
    first, second = (labels == 1).sum(1), (labels == 0).sum(1)
    return 0.5 + 0.5 * np.sign(first - second).astype(np.float64)


def _met(labels: NDArray[np.int64], majority: Floats) -> float:
    """The mean over rows of how often a label is the majority's."""
    read = labels != UNREAD
    met: Floats = np.where(read, 1.0 - np.abs(labels - majority), 0.0)
    by_pair: Floats = met.sum(1) / read.sum(1)
    return float(by_pair.mean())
