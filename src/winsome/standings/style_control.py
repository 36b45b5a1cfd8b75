"""Style-controlled Bradley-Terry: strengths at equal length, markdown and whatever else was recorded of both answers.

logit P(a beats b) = s_a - s_b + sum_k beta_k f_k,  f_k = (x_a - x_b) / (x_a + x_b) divided by its standard deviation.
Source: the style control of Chatbot Arena (Li, Angelopoulos, Chiang 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Bools, Floats, sums
from winsome.standings.intervals import check_level, clustered_quantile
from winsome.standings.laws import expit, log_expit
from winsome.standings.ranking import gram
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes
from winsome.standings.strengths import (
    PRIOR,
    SPREADLESS,
    TOLERANCE,
    dependence,
    fit,
    no_spread,
    one_sided,
    pair_counts,
    pinned,
    sandwich,
    solved,
    unidentified,
)
from winsome.standings.table import Extra, Standings

FARTHEST = 30.0
"""Log odds beyond which a fit is on its way to infinity."""


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
    (positive: more of it wins); a covariate that never differs enters no fit and has none. Where no finite fit exists each
    contender gets a tied battle of weight 1 against an average one and each covariate one of its own, which a warning
    names with the reason. Raises BadInput where a covariate is missing or negative.
    """
    check_level(level)
    check_rankable(battles)
    if not covariates:
        raise BadInput("style control without a covariate; name one, as in --control length,markdown")
    mask = battles.scored
    used = battles if mask.all() else battles.take(mask)
    features = style_features(used, covariates)
    differs = [k for k in range(len(covariates)) if features[:, k].any()]
    warnings = [
        f"{name}: never differs between the sides: it enters no fit"
        for k, name in enumerate(covariates)
        if k not in differs
    ]
    features, size = features[:, differs], len(battles.names)
    fitted, reasons = _finite(battles.names, used, features)
    strength, beta = fitted.parameters[:size], fitted.parameters[size:]
    chance = expit(strength[used.a] - strength[used.b] + features @ beta)
    residual = used.weight * (used.share - chance)
    codes = cluster_codes(used, cluster)
    owner = [used.a, used.b, *(np.full(len(used), size + k, np.int32) for k in range(len(differs)))]
    scores = [residual, -residual, *(residual * features[:, k] for k in range(len(differs)))]
    meat = gram(
        np.concatenate(owner), np.tile(codes, len(owner)), np.concatenate(scores), len(fitted.parameters)
    )
    expected = used.weight**2 * chance * (1.0 - chance)
    if no_spread(meat, fitted.information, size):
        meat = _curvature(used, features, expected) * dependence(codes, used.weight)
        reasons = [*reasons, SPREADLESS]
    elif fitted.one_sided.any():
        among = dependence(codes, used.weight, fitted.one_sided)
        meat = meat + _curvature(used, features, np.where(fitted.one_sided, expected, 0.0)) * among
    covariance = sandwich(fitted.information, meat + fitted.of_prior, size)
    extra: dict[str, Extra] = {}
    for k, name in enumerate(covariates):
        at = size + differs.index(k) if k in differs else None
        extra[f"{name}_coefficient"] = None if at is None else float(fitted.parameters[at])
        extra[f"{name}_coefficient_error"] = None if at is None else float(np.sqrt(covariance[at, at]))
    return tabulate_ratings(
        battles,
        "bt-style",
        strength,
        covariance[:size, :size],
        anchor=anchor,
        cluster=cluster,
        level=level,
        reach=clustered_quantile(None if cluster == "none" else codes, used.weight, level),
        warnings=[*warnings, *reasons],
        extra=extra,
    )


def style_features(battles: Battles, covariates: Sequence[str]) -> Floats:
    """[rows, covariates] normalised differences over their standard deviations; both sides 0 is no difference.

    Where all differ alike, in size and direction, there is no deviation and they count 1.
    """
    columns: list[Floats] = []
    for name in covariates:
        gap = battles.difference(name)
        values = battles.covariates[name]
        if not np.isfinite(values).all() or (values < 0).any():
            row = int(np.argmax(~np.isfinite(values).all(1) | (values < 0).any(1)))
            raise BadInput(
                f"row {row + 1}, covariate {name}: missing or negative; drop the row or fill it in"
            )
        total = values.sum(1)
        share = np.divide(gap, total, out=np.zeros(len(gap)), where=total > 0)
        spread = float(share.std())
        columns.append(share / spread if spread > 1e-12 else np.sign(share))
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class StyleFit:
    """parameters: [K + p], strengths with mean 0 without a prior, then coefficients; information: [K + p, K + p], of which
    `of_prior` is the prior's. one_sided: [rows] whose distance is the prior's alone.
    """

    parameters: Floats
    information: Floats
    of_prior: Floats
    one_sided: Bools


def _finite(names: Sequence[str], used: Battles, features: Floats) -> tuple[StyleFit, list[str]]:
    """The fit without a prior, or with one and the reasons why."""
    size, count = len(names), len(features.T)
    wins = pair_counts(used.a, used.b, used.share, used.weight, size).wins
    reasons = unidentified(names, wins)
    rows = one_sided(wins)[used.a, used.b]
    if not reasons:
        strength, _ = fit(wins)
        fitted = _fit(used, features, np.concatenate([strength, np.zeros(count)]), 0.0)
        if fitted is not None:
            return fitted, []
        reasons = [
            "the covariates, with the names, decide every battle (separation), or say the same as each other"
        ]
        rows = np.ones(len(used), np.bool_)
    fitted = _fit(used, features, np.zeros(size + count), PRIOR)
    if fitted is None:
        raise BadInput("the style-controlled fit did not settle; leave covariates out that say the same")
    note = f"each contender and covariate got a tied battle of weight {PRIOR:g} against an average one: a finite fit"
    return replace(fitted, one_sided=rows), [*reasons, note]


def _fit(used: Battles, features: Floats, start: Floats, prior: float) -> StyleFit | None:
    """The largest likelihood; None where it does not settle at finite coefficients.

    prior: weight of a tied battle of each contender against strength 0, and of one that differs by a unit of each covariate.
    """
    size = len(used.names)
    parameters = start.copy()
    total = float(used.weight.sum())

    def log_odds(at: Floats) -> Floats:
        return at[used.a] - at[used.b] + features @ at[size:]

    def value(at: Floats) -> float:
        odds = log_odds(at)
        data = float((used.weight * (used.share * odds - np.logaddexp(0.0, odds))).sum())
        return data + prior * 0.5 * float((log_expit(at) + log_expit(-at)).sum())

    for _ in range(100):
        chance, own = expit(log_odds(parameters)), expit(parameters)
        residual = used.weight * (used.share - chance)
        by_side = sums(used.a, residual, size) - sums(used.b, residual, size)
        gradient = np.concatenate([by_side, features.T @ residual]) - prior * (own - 0.5)
        of_prior = np.diag(prior * own * (1.0 - own))
        information = _curvature(used, features, used.weight * chance * (1.0 - chance)) + of_prior
        if np.abs(gradient).max() <= TOLERANCE * total:
            # Where a direction is free, or leads to ever better fits, the information in it is as small as the gradient.
            known = np.linalg.eigvalsh(information if prior > 0 else pinned(information, size))
            if prior == 0 and known[0] <= 10 * TOLERANCE * total:
                return None
            return StyleFit(parameters, information, of_prior, np.zeros(len(used), np.bool_))
        try:
            step = solved(information if prior > 0 else pinned(information, size), gradient)
        except np.linalg.LinAlgError:
            return None
        length, before = 1.0, value(parameters)
        while value(parameters + length * step) < before - 1e-12 * abs(before) and length > 1e-8:
            length /= 2.0
        parameters = parameters + length * step
        if prior == 0:
            parameters[:size] -= parameters[:size].mean()
        if np.abs(parameters).max() > FARTHEST:
            return None
    return None


def _curvature(battles: Battles, features: Floats, bend: Floats) -> Floats:
    """[K + p, K + p] sum over rows of bend x the outer product of a row's design: +1 and -1 for its sides, then features."""
    size, count = len(battles.names), features.shape[1]
    matrix = np.zeros((size + count, size + count))
    pair = battles.a.astype(np.int64) * size + battles.b
    between = sums(pair, bend, size * size).reshape(size, size)
    between = between + between.T
    matrix[:size, :size] = np.diag(between.sum(1)) - between
    for k in range(count):
        tilted = bend * features[:, k]
        cross = sums(battles.a, tilted, size) - sums(battles.b, tilted, size)
        matrix[:size, size + k] = matrix[size + k, :size] = cross
    matrix[size:, size:] = (features * bend[:, None]).T @ features
    return matrix
