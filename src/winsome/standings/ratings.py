"""Standings from strengths: the Arena scale, its origin, intervals and ranks, for every figure that is a rating."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats
from winsome.standings.intervals import FEW_CLUSTERS
from winsome.standings.laws import normal_quantile, normal_tail
from winsome.standings.ranking import decided_pairs, normal_p_values, possible_ranks
from winsome.standings.sides import ClusterBy, dropped, pooled, tally
from winsome.standings.table import Extra, Row, Standings

ARENA = 400.0 / math.log(10.0)
"""Arena points a natural logarithm of the odds."""

MEAN = 1000.0

FILE_ORDER = "file order used"
"""The warning of ratings that depend on the order of the rows."""


def tabulate_ratings(
    battles: Battles,
    method: str,
    strength: Floats,
    covariance: Floats,
    *,
    anchor: Mapping[str, float] | None,
    cluster: ClusterBy,
    level: float,
    reach: float | None = None,
    draws: Floats | None = None,
    interval: str = "sandwich",
    warnings: Sequence[str] = (),
    extra: Mapping[str, Extra] | None = None,
) -> Standings:
    """The standings of strengths [K] (natural log odds) with their covariance [K, K], in Arena points.

    The mean of the ratings is 1000, or one contender stands at `anchor` without error. draws: [replicates, K] strengths
    whose quantiles are the interval; None for the normal one. reach: errors to both sides (`clustered_quantile`),
    which ranks and quantiles keep to as well; None for the normal quantile. extra: columns that every row carries.
    """
    anchored, offset = (None, MEAN) if anchor is None else _anchor(battles, anchor)
    size = len(strength)
    origin = np.full(size, 1.0 / size) if anchored is None else np.eye(size)[anchored]
    shift = np.eye(size) - origin[None, :]
    strength, covariance = shift @ strength, shift @ covariance @ shift.T
    ratings, errors = ARENA * strength + offset, ARENA * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    normal = -normal_quantile((1.0 - level) / 2.0)
    reach = normal if reach is None else reach
    half = reach * errors
    lows, highs = ratings - half, ratings + half
    if draws is not None:
        tail = normal_tail(reach)
        tails = [tail, 1.0 - tail]
        lows, highs = ARENA * np.quantile(draws @ shift.T, tails, axis=0) + offset
    ranks = possible_ranks(
        ratings, decided_pairs(normal_p_values(strength, covariance * (reach / normal) ** 2), level)
    )
    found = tally(battles, cluster)
    rows: list[Row] = []
    notes = [*battles.notes, *pooled(battles), *warnings]
    for code, name in enumerate(battles.names):
        n, entered = int(found.n[code]), int(found.battles[code])
        few = n < FEW_CLUSTERS
        if few:
            notes.append(f"{name}: few effective clusters ({n}): the interval is rough")
        figures = (float(ratings[code]), float(errors[code]), float(lows[code]), float(highs[code]))
        rows.append(
            Row(name, *figures, n, entered, found.counts(code), ranks[code], extra or {}, few_clusters=few)
        )
    return Standings(
        method=method,
        rows=tuple(sorted(rows, key=lambda row: (-(row.estimate or 0.0), row.contender))),
        baseline=None if anchored is None else battles.names[anchored],
        scale="Arena points",
        level=level,
        interval=interval,
        dropped=dropped(battles),
        warnings=tuple(notes),
    )


def _anchor(battles: Battles, anchor: Mapping[str, float]) -> tuple[int, float]:
    if len(anchor) != 1:
        raise BadInput(f"anchor names {len(anchor)} contenders; give one, as NAME=RATING")
    (name, rating), *_ = anchor.items()
    return battles.code_of(name, "anchor"), float(rating)
