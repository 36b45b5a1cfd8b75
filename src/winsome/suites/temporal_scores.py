"""Figures of minimal pairs scored by likelihood: right items against wrong ones within groups, at several precisions.

W of a group is the share of (right, wrong) pairs in which the right one scores higher; a tie loses. R is 1 where all are won. The
groups (facts) are what is independent, so intervals are over groups.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.standings.intervals import clustered_mean, score_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """Per group [groups]: won pairs, rights, wrongs. `usable`: at least one of each."""

    won: Floats
    right: Ints
    wrong: Ints

    @property
    def usable(self) -> Bools:
        return (self.right > 0) & (self.wrong > 0)

    @property
    def win_rate(self) -> Floats:
        """W [groups], NaN where a group has no pair."""
        pairs = (self.right * self.wrong).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.usable, self.won / pairs, np.nan)

    def robust(self, tolerance: float = 0.0) -> Floats:
        """R [groups]: 1 where W is at least 1 - tolerance, NaN where a group has no pair."""
        rate = self.win_rate
        return np.where(np.isnan(rate), np.nan, (rate >= 1.0 - tolerance - 1e-12).astype(np.float64))

    @property
    def by_chance(self) -> Floats:
        """m! n! / (m + n)!: the chance that random scores win every pair, [groups]."""
        return np.array(
            [
                math.exp(math.lgamma(m + 1) + math.lgamma(n + 1) - math.lgamma(m + n + 1))
                if m and n
                else math.nan
                for m, n in zip(self.right.tolist(), self.wrong.tolist(), strict=True)
            ]
        )


def grouped(score: Floats, right: Bools, group: Ints, groups: int) -> Groups:
    """W of every group by ranks: a right item has beaten the wrong ones that score strictly lower. Scores [items], finite."""
    order = np.lexsort((score, group))
    score, right, group = score[order], right[order], group[order]
    wrong = ~right
    starts = np.searchsorted(group, np.arange(groups))
    below = np.concatenate([[0], np.cumsum(wrong)])
    new = np.ones(len(score), np.bool_)
    new[1:] = (score[1:] != score[:-1]) | (group[1:] != group[:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(score)), 0))
    # wrong ones before the first item of equal score, less those of earlier groups
    beaten = below[first] - below[starts[group]] if len(score) else np.zeros(0)
    return Groups(
        np.bincount(group[right], beaten[right], minlength=groups).astype(np.float64),
        np.bincount(group[right], minlength=groups).astype(np.int32),
        np.bincount(group[wrong], minlength=groups).astype(np.int32),
    )


def mean_over_groups(values: Floats, cluster: Ints | None = None, level: float = 0.95) -> dict[str, Any]:
    """The mean of shares over groups that have one, with its score interval; n groups, and how many had none."""
    there = ~np.isnan(values)
    if not there.any():
        return {"estimate": None, "low": None, "high": None, "n": 0, "without": int((~there).sum())}
    codes = np.arange(len(values), dtype=np.int32) if cluster is None else cluster
    mean = clustered_mean(values[there], np.ones(int(there.sum())), codes[there])
    low, high = score_interval(mean, level)
    return {
        "estimate": mean.mean,
        "low": low,
        "high": high,
        "n": int(there.sum()),
        "without": int((~there).sum()),
    }


def tables(
    by_precision: Mapping[str, Groups], *, tolerance: float = 0.05, level: float = 0.95
) -> dict[str, Any]:
    """W, R, tolerant R and R by chance at every precision, the two global figures, and how robustness carries over."""
    rates = {name: groups.win_rate for name, groups in by_precision.items()}
    robust = {name: groups.robust() for name, groups in by_precision.items()}
    found: dict[str, Any] = {
        name: {
            "W": mean_over_groups(rates[name], level=level),
            "R": mean_over_groups(robust[name], level=level),
            f"R within {tolerance:g}": mean_over_groups(groups.robust(tolerance), level=level),
            "R by chance": _mean(groups.by_chance),
        }
        for name, groups in by_precision.items()
    }
    every = np.stack(list(rates.values()))
    together = np.stack(list(robust.values()))
    with np.errstate(invalid="ignore"):
        found["all"] = {
            "W": mean_over_groups(every.mean(0), level=level),
            "R": mean_over_groups(together.prod(0), level=level),
        }
    found["transfer"] = {
        f"{given} to {other}": _conditional(robust[given], robust[other])
        for given in robust
        for other in robust
        if given != other
    }
    return found


def difference(
    first: Mapping[str, Groups], second: Mapping[str, Groups], *, level: float = 0.95
) -> dict[str, Any]:
    """W and R of the first scores less those of the second, in [-1, 1], at every precision and over all, paired by group."""
    found: dict[str, Any] = {}
    rates = [np.stack([groups[p].win_rate for p in first]) for groups in (first, second)]
    sweeps = [np.stack([groups[p].robust() for p in first]) for groups in (first, second)]
    for k, name in enumerate(first):
        found[name] = {
            "W": _paired(rates[0][k] - rates[1][k], level),
            "R": _paired(sweeps[0][k] - sweeps[1][k], level),
        }
    found["all"] = {
        "W": _paired(rates[0].mean(0) - rates[1].mean(0), level),
        "R": _paired(sweeps[0].prod(0) - sweeps[1].prod(0), level),
    }
    return found


def _paired(gap: Floats, level: float) -> dict[str, Any]:
    """The mean of differences in [-1, 1], as the paired win rates have it: the score interval of (1 + d) / 2."""
    told = mean_over_groups((1.0 + gap) / 2.0, level=level)
    return told | {k: None if told[k] is None else 2.0 * told[k] - 1.0 for k in ("estimate", "low", "high")}


def together(
    score: Floats, precision: NDArray[np.str_], right: Bools, group: Ints
) -> dict[str, float | None]:
    """How the wins at one precision go with those of the same dates at another: Matthews' correlation over all pairs, [items] each.

    None where one never varies, or where the two precisions do not hold the same dates.
    """
    order = np.argsort(group, kind="stable")
    names = list(dict.fromkeys(precision.tolist()))
    rows = {name: order[precision[order] == name] for name in names}
    found: dict[str, float | None] = {}
    for first, second in combinations(names, 2):
        a, b = rows[first], rows[second]
        same = len(a) == len(b) and all(np.array_equal(of[a], of[b]) for of in (group, right))
        told = phi(*(_wins(score[of], right[of], group[of]) for of in (a, b))) if same else math.nan
        found[f"{first} and {second}"] = None if math.isnan(told) else told
    return found


def _wins(score: Floats, right: Bools, group: Ints) -> Bools:
    """Whether the right one won, of every pair of every group; items in the order of their groups."""
    ends = np.flatnonzero(np.diff(group)) + 1
    parts = zip(np.split(score, ends), np.split(right, ends), strict=True)
    return np.concatenate([(held[is_right][:, None] > held[~is_right]).ravel() for held, is_right in parts])


def _mean(values: Floats) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None


def _conditional(given: Floats, other: Floats) -> dict[str, float | int | None]:
    """P(robust there | robust here), with how many are robust here."""
    rows = (given == 1.0) & ~np.isnan(other)
    return {"share": float(other[rows].mean()) if rows.any() else None, "n": int(rows.sum())}


def curve(
    score: Floats,
    alpha: Floats,
    group: Ints,
    edges: Sequence[float] = tuple(np.arange(-5.0, 5.5, 0.5).tolist()),
) -> list[dict[str, float]]:
    """The mean score by position, each group's own mean taken off first: where in time the model believes the facts."""
    sums = np.bincount(group, score)
    counts = np.maximum(1, np.bincount(group))
    centred = score - (sums / counts)[group]
    place = np.digitize(alpha, np.array(edges)) - 1
    return [
        {
            "from": float(edges[i]),
            "to": float(edges[i + 1]),
            "score": float(centred[place == i].mean()),
            "n": int((place == i).sum()),
        }
        for i in range(len(edges) - 1)
        if (place == i).any()
    ]


def phi(first: Bools, second: Bools) -> float:
    """Matthews' correlation of two columns of wins; NaN where one never varies."""
    table = np.array(
        [
            [np.sum(first & second), np.sum(first & ~second)],
            [np.sum(~first & second), np.sum(~first & ~second)],
        ],
        float,
    )
    over = math.sqrt(float(table.sum(0).prod()) * float(table.sum(1).prod()))
    return float(table[0, 0] * table[1, 1] - table[0, 1] * table[1, 0]) / over if over else math.nan
