"""Style-controlled Bradley-Terry: strengths at equal length, markdown and whatever else was recorded of both answers.

logit P(a beats b) = s_a - s_b + sum_k beta_k f_k,  f_k = (x_a - x_b) / (x_a + x_b) divided by its standard deviation.
Source: the style control of Chatbot Arena (Li, Angelopoulos, Chiang 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, sums
from winsome.standings.intervals import check_level
from winsome.standings.ranking import gram
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes
from winsome.standings.strengths import fit, pair_counts, unidentified
from winsome.standings.table import Extra, Standings


def style_controlled(
    battles: Battles,
    *,
    covariates: Sequence[str] = ("length",),
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    anchor: Mapping[str, float] | None = None,
) -> Standings:
    """Ratings in Arena points at equal `covariates`, with clustered sandwich intervals.

    Each row carries `<covariate>_coefficient` and its error, log odds a standard deviation of the normalised difference
    (positive: more of it wins). Raises BadInput where a covariate is missing, negative or never differs, or where no
    finite fit exists.
    """
    check_level(level)
    check_rankable(battles)
    if not covariates:
        raise BadInput("style control without a covariate; name one, as in --control length,markdown")
    mask = battles.scored
    used = battles if mask.all() else battles.take(mask)
    features = style_features(used, covariates)
    size = len(battles.names)
    wins = pair_counts(used.a, used.b, used.share, used.weight, size).wins
    reasons = unidentified(battles.names, wins)
    if reasons:
        raise BadInput(f"no finite style-controlled fit: {reasons[0]}; use --method bt"[:200])
    start, _ = fit(wins)
    parameters, information = _fit(used, features, np.concatenate([start, np.zeros(len(covariates))]))
    strength, beta = parameters[:size], parameters[size:]
    residual = used.weight * (used.share - expit(strength[used.a] - strength[used.b] + features @ beta))
    codes = cluster_codes(used, cluster)
    owner = [used.a, used.b, *(np.full(len(used), size + k, np.int32) for k in range(len(covariates)))]
    scores = [residual, -residual, *(residual * features[:, k] for k in range(len(covariates)))]
    meat = gram(np.concatenate(owner), np.tile(codes, len(owner)), np.concatenate(scores), len(parameters))
    bread = np.linalg.inv(_pinned(information, size))
    covariance = bread @ meat @ bread
    extra: dict[str, Extra] = {}
    for k, name in enumerate(covariates):
        extra[f"{name}_coefficient"] = float(beta[k])
        extra[f"{name}_coefficient_error"] = float(np.sqrt(covariance[size + k, size + k]))
    return tabulate_ratings(
        battles,
        "bt-style",
        strength,
        covariance[:size, :size],
        anchor=anchor,
        cluster=cluster,
        level=level,
        extra=extra,
    )


def style_features(battles: Battles, covariates: Sequence[str]) -> Floats:
    """[rows, covariates] normalised differences over their standard deviations; both sides 0 is no difference."""
    columns: list[Floats] = []
    for name in covariates:
        gap = battles.difference(name)
        values = battles.covariates[name]
        if np.isnan(values).any() or (values < 0).any():
            row = int(np.argmax(np.isnan(values).any(1) | (values < 0).any(1)))
            raise BadInput(
                f"row {row + 1}, covariate {name}: missing or negative; drop the row or fill it in"
            )
        total = values.sum(1)
        share = np.divide(gap, total, out=np.zeros(len(gap)), where=total > 0)
        spread = float(share.std())
        if spread == 0:
            raise BadInput(f"covariate {name} never differs between the sides; leave it out")
        columns.append(share / spread)
    return np.stack(columns, axis=1)


def _fit(battles: Battles, features: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Parameters [K + p] of the largest likelihood, strengths with mean 0, and the information there."""
    size = len(battles.names)
    parameters, count = start.copy(), features.shape[1]
    pair = battles.a.astype(np.int64) * size + battles.b
    total = float(battles.weight.sum())
    information = np.zeros((size + count, size + count))

    def log_odds(at: Floats) -> Floats:
        return at[battles.a] - at[battles.b] + features @ at[size:]

    def value(odds: Floats) -> float:
        return float((battles.weight * (battles.share * odds - np.logaddexp(0.0, odds))).sum())

    for _ in range(100):
        odds = log_odds(parameters)
        chance = expit(odds)
        residual, bend = battles.weight * (battles.share - chance), battles.weight * chance * (1.0 - chance)
        by_side = sums(battles.a, residual, size) - sums(battles.b, residual, size)
        gradient = np.concatenate([by_side, features.T @ residual])
        between = sums(pair, bend, size * size).reshape(size, size)
        between = between + between.T
        information[:size, :size] = np.diag(between.sum(1)) - between
        for k in range(count):
            tilted = bend * features[:, k]
            cross = sums(battles.a, tilted, size) - sums(battles.b, tilted, size)
            information[:size, size + k] = information[size + k, :size] = cross
        information[size:, size:] = (features * bend[:, None]).T @ features
        if np.abs(gradient).max() <= 1e-10 * total:
            return parameters, information
        step = np.asarray(np.linalg.solve(_pinned(information, size), gradient), np.float64)
        length, before = 1.0, value(odds)
        while value(log_odds(parameters + length * step)) < before - 1e-12 * abs(before) and length > 1e-8:
            length /= 2.0
        parameters = parameters + length * step
        parameters[:size] -= parameters[:size].mean()
        if np.abs(parameters[size:]).max() > 30:
            raise BadInput(
                "no finite style-controlled fit: a covariate decides every battle (separation); leave it out"
            )
    raise BadInput("the style-controlled fit did not settle; leave covariates out that say the same")


def _pinned(information: Floats, size: int) -> Floats:
    pinned = information.copy()
    pinned[:size, :size] += max(float(np.trace(information[:size, :size])), 1e-300) / size**2
    return pinned
