"""Bradley-Terry strengths from counts: aggregate to ordered pairs, Newton, and the sandwich from the same counts.

P(i beats j) = sigmoid(s_i - s_j); a tie is half a win for each, a graded share counts as it is (quasi-likelihood).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import expit, ndtri

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats
from winsome.standings.intervals import FEW_CLUSTERS, check_level
from winsome.standings.ranking import decided_pairs, normal_p_values, possible_ranks
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes, dropped, pooled, tally
from winsome.standings.strengths import (
    cluster_meat,
    fit,
    model_meat,
    pair_counts,
    pair_meat,
    sandwich,
    unidentified,
)
from winsome.standings.table import Row, Standings

ARENA = 400.0 / math.log(10.0)
"""Arena points a natural logarithm of the odds."""

MEAN = 1000.0

NO_SPREAD = 1e-9
"""Residual variance, as a share of the model's, that is taken for none."""

PRIOR = 1.0
"""Weight of the one tied battle against an average contender that each contender gets where no finite fit exists."""


def bradley_terry(
    battles: Battles,
    *,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    anchor: Mapping[str, float] | None = None,
    penalty: float | None = None,
) -> Standings:
    """Bradley-Terry ratings in Arena points (400 log10 of the odds), mean 1000 or with one contender at `anchor`.

    Ties are half a win for each. standard_error and interval come from the sandwich estimator, clustered by prompt or
    annotator, or over rows for cluster="none"; they hold where the truth is not Bradley-Terry. Ranks by pairwise Wald
    tests under Holm. penalty: weight of a tied battle of each contender against an average one; None gives 0, or 1
    where no finite fit exists (a contender, or a group, that won or lost everything against the rest, or never met it),
    which a warning names. Raises BadInput for one contender, no scored battle, or an anchor that is not there.
    """
    check_level(level)
    check_rankable(battles)
    mask = battles.scored
    scored = battles if mask.all() else battles.take(mask)
    anchored, offset = (None, MEAN) if anchor is None else _anchor(battles, anchor)
    counts = pair_counts(scored.a, scored.b, scored.share, scored.weight, len(battles.names))
    warnings = unidentified(battles.names, counts.wins)
    prior = (PRIOR if warnings else 0.0) if penalty is None else penalty
    if not 0 <= prior < math.inf:
        raise BadInput(f"penalty {prior} is not a weight; give 0 or more")
    if warnings and prior == 0:
        raise BadInput(f"penalty 0: {warnings[0]}"[:160] + "; leave the penalty out")
    if warnings:
        warnings.append(
            f"each contender got a tied battle of weight {prior:g} against an average one, to have a finite fit"
        )
    strength, hessian = fit(counts.wins, prior)
    alone = cluster == "none" or (cluster == "prompt" and scored.cluster is None)
    meat = (
        pair_meat(counts, strength)
        if alone
        else cluster_meat(scored, cluster_codes(scored, cluster), strength)
    )
    if np.trace(meat) <= NO_SPREAD * np.trace(hessian):
        meat = model_meat(counts, strength)
        warnings.append(
            "the verdicts have no spread (all tied, or one cluster): the errors are those of wins and losses"
        )
    chance = expit(strength)
    covariance = sandwich(hessian, meat + np.diag(prior * chance * (1.0 - chance)))
    strength, covariance = _placed(strength, covariance, anchored)
    ratings, errors = ARENA * strength + offset, ARENA * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    half = -float(ndtri((1.0 - level) / 2.0)) * errors
    ranks = possible_ranks(ratings, decided_pairs(normal_p_values(strength, covariance), level))
    rows: list[Row] = []
    found = tally(battles, cluster)
    for code in range(len(battles.names)):
        n = int(found.n[code])
        if n < FEW_CLUSTERS:
            warnings.append(f"{battles.names[code]}: few effective clusters ({n}): the interval is rough")
        rating, error, reach = float(ratings[code]), float(errors[code]), float(half[code])
        figures = (rating, error, rating - reach, rating + reach)
        entered, outcomes = int(found.battles[code]), found.counts(code)
        rows.append(Row(battles.names[code], *figures, n, entered, outcomes, ranks[code]))
    return Standings(
        method="bt",
        rows=tuple(sorted(rows, key=lambda row: (-(row.estimate or 0.0), row.contender))),
        baseline=None if anchored is None else battles.names[anchored],
        scale="Arena points",
        level=level,
        dropped=dropped(battles),
        warnings=(*battles.notes, *pooled(battles), *warnings),
    )


def _anchor(battles: Battles, anchor: Mapping[str, float]) -> tuple[int, float]:
    if len(anchor) != 1:
        raise BadInput(f"anchor names {len(anchor)} contenders; give one, as NAME=RATING")
    (name, rating), *_ = anchor.items()
    return battles.code_of(name), float(rating)


def _placed(strength: Floats, covariance: Floats, anchored: int | None) -> tuple[Floats, Floats]:
    """Strengths measured from their mean, or from the anchored contender, with the covariance of those differences."""
    size = len(strength)
    origin = np.full(size, 1.0 / size) if anchored is None else np.eye(size)[anchored]
    shift = np.eye(size) - origin[None, :]
    return shift @ strength, shift @ covariance @ shift.T
