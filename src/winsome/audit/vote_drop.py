"""How few votes turn two contenders around: an upper bound by influence order, confirmed by fitting again.

Every fit here gives each contender one tied battle against an average one, so that it exists whatever is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints
from winsome.standings.laws import expit
from winsome.standings.strengths import PRIOR, fit

STEPS = 12
"""Parts in which the greedy search drops votes before it takes their influence anew."""
GREEDY = 1000
"""Votes up to which the greedy order is tried: beyond, it gains little over the one-step order."""
EXACT_FITS = 20_000
"""Fits up to which all smaller sets are tried, so that the bound is the smallest number itself."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Votes alike, [groups]: first and second contender, the first's share, how many. `size` contenders."""

    a: Ints
    b: Ints
    share: Floats
    count: Ints
    size: int

    def wins(self, count: Floats | Ints | None = None) -> Floats:
        """[i, j] what i won from j under these counts of the groups."""
        many = self.count if count is None else count
        found = np.zeros((self.size, self.size))
        np.add.at(found, (self.a, self.b), many * self.share)
        np.add.at(found, (self.b, self.a), many * (1.0 - self.share))
        return found


@dataclass(frozen=True, eq=False)
class Flip:
    """Votes whose loss puts `second` above `first`: `dropped` of each group of the tally, `votes` in all.

    exact: no smaller set does it, for all were tried; else an upper bound.
    """

    first: int
    second: int
    votes: int
    dropped: Ints
    exact: bool


def tally(battles: Battles) -> Tally:
    """The scored votes of `battles`, each taken once whatever its weight, the contender of the lower code first."""
    kept = battles if battles.scored.all() else battles.take(battles.scored)
    turned = kept.a > kept.b
    a, b = np.where(turned, kept.b, kept.a), np.where(turned, kept.a, kept.b)
    share = np.where(turned, 1.0 - kept.share, kept.share)
    grades, code = np.unique(share, return_inverse=True)
    size = len(battles.names)
    cell = (a.astype(np.int64) * size + b) * len(grades) + code
    cells, count = np.unique(cell, return_counts=True)
    pair, grade = np.divmod(cells, len(grades))
    return Tally((pair // size).astype(np.int32), (pair % size).astype(np.int32), grades[grade], count, size)


def ranked(votes: Tally) -> Ints:
    """Codes of the contenders from the strongest down."""
    strength, _ = fit(votes.wins(), PRIOR)
    return np.argsort(-strength, kind="stable")


def flip(votes: Tally, first: int, second: int, most: int | None = None) -> Flip | None:
    """A small set of votes without which `second` stands above `first`; None where no set of `most` votes was found.

    The one-step order drops by influence taken once; the greedy order takes it anew as it goes. The smaller set counts, and
    where few sets are smaller, all of them are tried.
    """
    most = int(votes.count.sum()) if most is None else most
    one_step = _one_step(votes, first, second, most)
    few = one_step is None or int(one_step.sum()) <= GREEDY
    found = [
        one for one in (one_step, _greedy(votes, first, second, most) if few else None) if one is not None
    ]
    best = min(found, key=lambda dropped: int(dropped.sum()), default=None)
    reach = most if best is None else int(best.sum()) - 1
    smaller = _exact(votes, first, second, reach)
    if isinstance(smaller, np.ndarray):
        return Flip(first, second, int(smaller.sum()), smaller, True)
    return None if best is None else Flip(first, second, int(best.sum()), best, smaller)


def _flips(votes: Tally, dropped: Ints, first: int, second: int, start: Floats | None = None) -> bool:
    strength, _ = fit(votes.wins(votes.count - dropped), PRIOR, start)
    return bool(strength[second] > strength[first] + 1e-9)


def _influence(votes: Tally, count: Ints, first: int, second: int) -> tuple[Floats, Floats]:
    """By how much the gap first - second shrinks when one vote of each group goes, and the strengths."""
    strength, hessian = fit(votes.wins(count), PRIOR)
    toward = np.zeros(votes.size)
    toward[first], toward[second] = 1.0, -1.0
    direction = np.linalg.solve(hessian, toward)
    residual = votes.share - expit(strength[votes.a] - strength[votes.b])
    return residual * (direction[votes.a] - direction[votes.b]), strength


def _by_order(count: Ints, order: Ints, number: int) -> Ints:
    """The first `number` votes in the order of their groups."""
    before = np.concatenate([[0], np.cumsum(count[order])[:-1]])
    dropped = np.zeros_like(count)
    dropped[order] = np.clip(number - before, 0, count[order])
    return dropped


def _one_step(votes: Tally, first: int, second: int, most: int) -> Ints | None:
    effect, strength = _influence(votes, votes.count, first, second)
    order = np.argsort(-effect, kind="stable")
    order = order[effect[order] > 0]
    high = min(most, int(votes.count[order].sum()))
    if high == 0 or not _flips(votes, _by_order(votes.count, order, high), first, second, strength):
        return None
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if _flips(votes, _by_order(votes.count, order, middle), first, second, strength):
            high = middle
        else:
            low = middle
    return _by_order(votes.count, order, high)


def _greedy(votes: Tally, first: int, second: int, most: int) -> Ints | None:
    left = votes.count.copy()
    while int((votes.count - left).sum()) < most:
        effect, strength = _influence(votes, left, first, second)
        gap = strength[first] - strength[second]
        if gap < -1e-9:
            return votes.count - left
        usable = np.where(left > 0, effect, -np.inf)
        order = np.argsort(-usable, kind="stable")
        order = order[usable[order] > 0]
        if not len(order):
            return None
        reach = np.cumsum(left[order] * effect[order])
        needed = int(np.searchsorted(reach, max(gap, 0.0)))
        within = left[order[: needed + 1]].sum() if needed < len(order) else left[order].sum()
        step = max(1, min(int(within) // STEPS, most - int((votes.count - left).sum())))
        left = left - _by_order(left, order, step)
    return votes.count - left if _flips(votes, votes.count - left, first, second) else None


def _exact(votes: Tally, first: int, second: int, reach: int) -> Ints | bool:
    """The smallest set of at most `reach` votes that flips; True where there is none, False where there are too many sets."""
    groups = len(votes.count)
    tried = 0
    for size in range(1, reach + 1):
        if groups > 400 or tried > EXACT_FITS:
            return False
        for chosen in combinations_with_replacement(range(groups), size):
            dropped = np.bincount(chosen, minlength=groups)
            if (dropped > votes.count).any():
                continue
            tried += 1
            if tried > EXACT_FITS:
                return False
            if _flips(votes, dropped, first, second):
                return dropped
    return True
