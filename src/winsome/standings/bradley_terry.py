"""Bradley-Terry strengths from counts: aggregate to ordered pairs, Newton, and the sandwich from the same counts.

P(i beats j) = sigmoid(s_i - s_j); a tie is half a win for each, a graded share counts as it is (quasi-likelihood).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.bootstrap import bootstrap_strengths
from winsome.standings.intervals import check_level, clustered_quantile
from winsome.standings.laws import expit
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes
from winsome.standings.strengths import (
    PRIOR,
    SPREADLESS,
    cluster_meat,
    dependence,
    fit,
    model_meat,
    no_spread,
    one_sided,
    pair_counts,
    pair_meat,
    sandwich,
    unidentified,
)
from winsome.standings.table import Standings


def bradley_terry(
    battles: Battles,
    *,
    cluster: ClusterBy = "prompt",
    interval: Literal["sandwich", "bootstrap", "bayes"] = "sandwich",
    level: float = 0.95,
    anchor: Mapping[str, float] | None = None,
    penalty: float | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Standings:
    """Bradley-Terry ratings in Arena points (400 log10 of the odds), mean 1000 or with one contender at `anchor`.

    Ties are half a win for each. standard_error and interval come from the sandwich estimator, clustered by prompt or
    annotator, or over rows for cluster="none"; they hold where the truth is not Bradley-Terry. Ranks by pairwise Wald
    tests under Holm. penalty: weight of a tied battle of each contender against an average one; None gives 0, or 1
    where no finite fit exists (a contender, or a group, that won or lost everything against the rest, or never met it),
    which a warning names; the errors between such groups are those that the model expects, rows of a cluster taken as
    one, for residuals of battles that nobody lost say nothing. interval: bootstrap and bayes give percentiles over seeded redraws of the same
    clusters (`bootstrap_strengths`); errors and ranks stay the sandwich's. Raises BadInput for one contender, no scored battle, or an anchor that is not there.
    """
    check_level(level)
    check_rankable(battles)
    if interval not in ("sandwich", "bootstrap", "bayes"):
        raise BadInput(f"interval {interval!r} is unknown for bt; use sandwich, bootstrap or bayes")
    mask = battles.scored
    scored = battles if mask.all() else battles.take(mask)
    counts = pair_counts(scored.a, scored.b, scored.share, scored.weight, len(battles.names))
    warnings = unidentified(battles.names, counts.wins)
    separated = bool(warnings)
    prior = (PRIOR if warnings else 0.0) if penalty is None else penalty
    if not 0 <= prior < math.inf:
        raise BadInput(f"penalty {prior} is not a weight; give 0 or more")
    if warnings and prior == 0:
        raise BadInput(f"penalty 0: {warnings[0]}"[:160] + "; leave the penalty out")
    if warnings:
        warnings.append(
            f"each contender got a tied battle of weight {prior:g} against an average one: a finite fit"
        )
    strength, hessian = fit(counts.wins, prior)
    alone = cluster == "none" or (cluster == "prompt" and scored.cluster is None)
    codes = None if alone else cluster_codes(scored, cluster)
    meat = pair_meat(counts, strength) if codes is None else cluster_meat(scored, codes, strength)
    spreadless = no_spread(meat, hessian)
    if spreadless:
        meat = model_meat(counts, strength) * dependence(codes, scored.weight)
        warnings.append(SPREADLESS)
    elif separated:
        # Between contenders that nobody ever beat residuals vanish; what the model expects of them does not.
        pairs = one_sided(counts.wins)
        among = dependence(codes, scored.weight, pairs[scored.a, scored.b])
        meat = meat + model_meat(counts, strength, pairs) * among
    chance = expit(strength)
    covariance = sandwich(hessian, meat + np.diag(prior * chance * (1.0 - chance)))
    draws = None
    if interval != "sandwich" and (separated or spreadless):
        # A redraw of battles that nobody lost, or of ties alone, is the same again: it knows of no error.
        warnings.append(f"{interval} finds no spread; the sandwich interval stands instead")
    elif interval != "sandwich":
        bayes = interval == "bayes"
        draws = bootstrap_strengths(
            scored, codes, start=strength, prior=prior, bayes=bayes, replicates=replicates, seed=seed
        )
    return tabulate_ratings(
        battles,
        "bt",
        strength,
        covariance,
        anchor=anchor,
        cluster=cluster,
        level=level,
        reach=clustered_quantile(codes, scored.weight, level),
        draws=draws,
        interval=interval,
        warnings=warnings,
    )
