"""Matches of more than two sides: as pairs of one cluster, or by Plackett-Luce.

Each place is a choice among the sides not yet placed: P(next is i) = e^(s_i) / sum of e^s over those that are left.
Sources: Luce 1959, Plackett 1975; intervals by the sandwich over clusters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.battles import Battles, outcome_of
from winsome.standings.columns import Codes, Floats, Ints, dense, sums
from winsome.standings.intervals import check_level
from winsome.standings.ranking import gram
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.strengths import pair_counts, sandwich, unidentified
from winsome.standings.table import Standings


@dataclass(frozen=True, eq=False)
class Places:
    """Columns [rows], one a side of a match: match code, contender code into `names`, place (1 is first; ties share it).

    cluster: what matches share (the prompt); None makes every match a cluster of its own.
    """

    names: tuple[str, ...]
    match: Ints
    contender: Ints
    place: Ints
    cluster: Codes | None = None

    @staticmethod
    def of(matches: Sequence[Sequence[tuple[str, int]]], prompt: Sequence[str] | None = None) -> Places:
        """Places of matches, each a sequence of (contender, place)."""
        codes = Codes.of([name for match in matches for name, _ in match])
        sizes = [len(match) for match in matches]
        clusters = None if prompt is None else Codes.of(np.repeat(list(prompt), sizes).tolist())
        return Places(
            tuple(codes.labels),
            np.repeat(np.arange(len(matches), dtype=np.int32), sizes),
            codes.values,
            np.array([place for match in matches for _, place in match], np.int32),
            clusters,
        )


def pairs(places: Places) -> Battles:
    """Every two sides of a match as a battle of weight 1 / (k - 1), equal places a tie, all of a match in one cluster."""
    order = np.argsort(places.match, kind="stable")
    bounds = np.flatnonzero(np.diff(places.match[order], prepend=-1, append=-1))
    first: list[NDArray[np.intp]] = []
    second: list[NDArray[np.intp]] = []
    for size in np.unique(np.diff(bounds)).tolist():
        if size < 2:
            raise BadInput(
                f"match {int(places.match[order[bounds[int(np.argmin(np.diff(bounds)))]]])} has one side; drop it"
            )
        starts = bounds[:-1][np.diff(bounds) == size]
        one, two = np.triu_indices(size, 1)
        first.append(order[(starts[:, None] + one).ravel()])
        second.append(order[(starts[:, None] + two).ravel()])
    one, two = np.concatenate(first), np.concatenate(second)
    share = (np.sign(places.place[two] - places.place[one]) + 1.0) / 2.0
    sides = np.bincount(places.match)[places.match[one]]
    cluster = Codes(places.match, [str(m) for m in range(int(places.match.max()) + 1)])
    if places.cluster is not None:
        cluster = places.cluster
    return Battles(
        names=places.names,
        a=places.contender[one],
        b=places.contender[two],
        share=share,
        outcome=outcome_of(share),
        weight=np.divide(1.0, sides - 1, dtype=np.float64),
        cluster=Codes(cluster.values[one], cluster.labels),
    )


def plackett_luce(
    places: Places, *, level: float = 0.95, anchor: Mapping[str, float] | None = None
) -> Standings:
    """Plackett-Luce ratings in Arena points (two sides: Bradley-Terry's), with sandwich intervals over clusters.

    battles and the outcomes of a row count pairs. Raises BadInput for equal places (use pairs) or no finite fit.
    """
    check_level(level)
    expanded = pairs(places)
    tied = expanded.share == 0.5
    if tied.any():
        raise BadInput(
            f"{int(tied.sum())} pairs share a place; Plackett-Luce needs an order: use --method bt on the pairs"
        )
    size = len(places.names)
    reasons = unidentified(
        places.names, pair_counts(expanded.a, expanded.b, expanded.share, expanded.weight, size).wins
    )
    if reasons:
        raise BadInput(f"no finite Plackett-Luce fit: {reasons[0]}; use --method bt on the pairs"[:200])
    rankings = _rankings(places)
    strength = np.zeros(size)
    information = np.eye(size)
    scores = [np.zeros(r.shape) for r in rankings]
    for _ in range(200):
        information, scores = _derivatives(rankings, strength)
        gradient = sum(
            (sums(r.ravel(), s.ravel(), size) for r, s in zip(rankings, scores, strict=True)), np.zeros(size)
        )
        if np.abs(gradient).max() <= 1e-10 * len(places.match):
            break
        pinned = information + np.trace(information) / size**2
        step = np.asarray(np.linalg.solve(pinned, gradient), np.float64)
        length, value = 1.0, _log_likelihood(rankings, strength)
        while (
            _log_likelihood(rankings, strength + length * step) < value - 1e-12 * abs(value) and length > 1e-8
        ):
            length /= 2.0
        strength = strength + length * step
    cluster = places.match if places.cluster is None else places.cluster.values
    codes = _match_clusters(places, dense(cluster)[0])
    owner = np.concatenate([r.ravel() for r in rankings]).astype(np.int32)
    which = np.concatenate([np.repeat(codes[k], r.shape[1]) for k, r in enumerate(rankings)])
    meat = gram(owner, which, np.concatenate([s.ravel() for s in scores]), size)
    covariance = sandwich(information, meat)
    return tabulate_ratings(
        expanded, "plackett-luce", strength, covariance, anchor=anchor, cluster="prompt", level=level
    )


def _rankings(places: Places) -> list[Ints]:
    """One array [matches, k] of contender codes, best first, for each number of sides k."""
    order = np.lexsort((places.place, places.match))
    sizes = np.bincount(places.match)[places.match[order]]
    return [places.contender[order][sizes == k].reshape(-1, k) for k in np.unique(sizes).tolist()]


def _match_clusters(places: Places, cluster: Ints) -> list[Ints]:
    """The cluster of each match, [matches] for each number of sides, in the order of `_rankings`."""
    order = np.lexsort((places.place, places.match))
    sizes = np.bincount(places.match)[places.match[order]]
    return [cluster[order][sizes == k][::k] for k in np.unique(sizes).tolist()]


def _derivatives(rankings: Sequence[Ints], strength: Floats) -> tuple[Floats, list[Floats]]:
    """The information [K, K], and each side's score [matches, k], at `strength`."""
    size = len(strength)
    information = np.zeros(size * size)
    scores: list[Floats] = []
    for codes in rankings:
        matches, k = codes.shape
        score = np.zeros((matches, k))
        for stage in range(k - 1):
            left = codes[:, stage:]
            odds = np.exp(strength[left] - strength[left].max(1, keepdims=True))
            chance = odds / odds.sum(1, keepdims=True)
            score[:, stage:] -= chance
            score[:, stage] += 1.0
            spread = -chance[:, :, None] * chance[:, None, :]
            spread[:, np.arange(k - stage), np.arange(k - stage)] += chance
            cells = left[:, :, None].astype(np.int64) * size + left[:, None, :]
            information += sums(cells.ravel(), spread.ravel(), size * size)
        scores.append(score)
    return information.reshape(size, size), scores


def _log_likelihood(rankings: Sequence[Ints], strength: Floats) -> float:
    total = 0.0
    for codes in rankings:
        for stage in range(codes.shape[1] - 1):
            left = strength[codes[:, stage:]]
            top = left.max(1)
            total += float((left[:, 0] - top - np.log(np.exp(left - top[:, None]).sum(1))).sum())
    return total
