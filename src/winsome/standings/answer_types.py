"""What an answer's type is worth: an antisymmetric logit of shares on the types of both answers, models and lengths, errors by cluster.

logit P(A beats B) = theta_A - theta_B + gamma (c_A - c_B) + delta (x_A - x_B), ties a half. Swapping the seats of a row changes nothing.
Errors are the sandwich over clusters, G / (G - 1) times the sum of squared scores of a cluster. Where a type is only said by a classifier
whose errors are known, a row's likelihood is the mean over the types that its answers may have (`logit_of_said`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints
from winsome.standings.intervals import t_quantile
from winsome.standings.logistic import LARGE, MOST, Likelihood, fit_newton

RARE = 1e-3
"""A pair of types of a row that is less likely is left out."""
EARLY, CLOSE = 8, 1e-9
"""Steps before the observed information is trusted, and the last step's size."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Coefficients with their covariance [effects, effects], in log-odds (logit) or points of win rate (ols).

    penalised: the likelihood had no maximum (a type never wins, or always), so half a battle won and half lost was put in for each
    effect. clusters: how many entered.
    """

    names: tuple[str, ...]
    values: Floats
    covariance: Floats
    clusters: int
    penalised: bool = False

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float, float]:
        """(estimate, low, high) of one effect."""
        at = self.names.index(name)
        return self.of(np.eye(len(self.names))[at], level)

    def of(self, weights: Floats, level: float = 0.95) -> tuple[float, float, float]:
        """(estimate, low, high) of a weighted sum of the effects [effects]."""
        value = float(weights @ self.values)
        error = float(np.sqrt(max(0.0, weights @ self.covariance @ weights)))
        reach = t_quantile(self.clusters - 1, level) * error
        return value, value - reach, value + reach


def logit(
    differences: Floats,
    names: Sequence[str],
    share: Floats,
    cluster: Ints,
    models: tuple[Ints, Ints] | None = None,
) -> Effects:
    """The effects of `differences` [rows, effects] (of A minus of B) on A's shares [rows], beside the strengths of `models`.

    models: codes of A's and B's model; the first code is the origin. Columns that never differ have no effect and raise BadInput.
    """
    dead = [name for name, column in zip(names, differences.T, strict=True) if not column.any()]
    if dead:
        raise BadInput(f"{dead[0]}: never differs between the two answers of a pair; give more pairs")
    design: Floats = (
        differences if models is None else np.concatenate([differences, _model_columns(models)], 1)
    )
    likelihood = Likelihood(design, np.ones(len(share)), share @ design)
    found = fit_newton(likelihood)
    penalised = found is None
    if found is None:
        one_each: Floats = np.eye(int(np.shape(design)[1]), dtype=np.float64)
        ones: Floats = one_each.sum(0)
        likelihood = likelihood.with_rows(one_each, ones, 0.5 * ones)
        found = fit_newton(likelihood)
    if found is None:
        raise BadInput(
            "the effects of answer types are not identified: two of them always come together; leave one out"
        )
    chance: Floats = 1.0 / (1.0 + np.exp(-design @ found))
    covariance, groups = _sandwich(likelihood.information(found), design * (share - chance)[:, None], cluster)
    kept = len(names)
    return Effects(tuple(names), found[:kept], covariance[:kept, :kept], groups, penalised)


def strengths(
    differences: Floats, names: Sequence[str], share: Floats, cluster: Ints, models: tuple[Ints, Ints]
) -> Effects | None:
    """The strengths of `names`, mean 0, from the models alone and then with `differences` [rows, effects] beside them: 2 x names.

    models: codes of A's and B's model, places in `names`, all of which meet others. Both fits are to the same rows, so their covariance is
    that of summed influences: a change of strength is paired. None where a fit has no maximum (a model or a type only wins or only loses,
    or models that never meet).
    """
    columns = _model_columns(models)
    mean = np.eye(len(names)) - 1.0 / len(names)
    values: list[Floats] = []
    influences: list[Floats] = []
    for design in (columns, np.concatenate([columns, differences], 1)):
        likelihood = Likelihood(design, np.ones(len(share)), share @ design)
        found = fit_newton(likelihood)
        if found is None:
            return None
        chance = 1.0 / (1.0 + np.exp(-design @ found))
        influence = (design * (share - chance)[:, None]) @ np.linalg.inv(likelihood.information(found))
        # the first model is the origin, 0; then all are taken from their mean
        turn = mean[:, 1:]
        values.append(turn @ found[: len(names) - 1])
        influences.append(influence[:, : len(names) - 1] @ turn.T)
    summed, groups = _meat(np.concatenate(influences, 1), cluster)
    return Effects(tuple(names) * 2, np.concatenate(values), summed * (groups / max(1, groups - 1)), groups)


def logit_of_said(
    said: Ints,
    true: Floats,
    kinds: Sequence[int],
    differences: Floats,
    names: Sequence[str],
    share: Floats,
    cluster: Ints,
    models: tuple[Ints, Ints] | None = None,
) -> Effects:
    """The effects of types of which only what a classifier said is known, by the likelihood of the share given what was said.

    said: [rows, 2] codes of types; true: [said, true] shares; kinds: the codes whose effects are asked for, in the order of the first
    `names`; differences [rows, others]: of what is known of both answers. Given what was said, types must not depend on these. Source: Carroll, Ruppert, Stefanski and Crainiceanu 2006, Measurement Error in
    Nonlinear Models, 8.4 (a misclassified covariate); steps by the EM gradient (Lange 1995), then Newton's with Louis's information.
    """
    row, chance, types = _possible(said, true)
    design: Floats = np.concatenate([types[:, kinds], differences[row]], 1)
    if models is not None:
        design = np.concatenate([design, _model_columns(models)[row]], 1)
    found, bread, scores = _climb(design, chance, row, share)
    summed, groups = _meat(scores, cluster)
    kept = len(names)
    covariance = bread @ summed @ bread * (groups / max(1, groups - 1))
    return Effects(tuple(names), found[:kept], covariance[:kept, :kept], groups)


def least_squares(design: Floats, names: Sequence[str], share: Floats, cluster: Ints) -> Effects:
    """Least squares of shares [rows] on `design` [rows, effects] with clustered errors: a row an answer, as the paper has it."""
    information = design.T @ design
    found = np.asarray(np.linalg.solve(information, design.T @ share), np.float64)
    covariance, groups = _sandwich(information, design * (share - design @ found)[:, None], cluster)
    return Effects(tuple(names), found, covariance, groups)


def _model_columns(models: tuple[Ints, Ints]) -> Floats:
    """Columns [rows, models - 1] of +1 for A's model and -1 for B's; models that never meet another have none."""
    first, second = models
    count = int(max(first.max(), second.max())) + 1
    columns = np.zeros((len(first), count))
    np.add.at(columns, (np.arange(len(first)), first), 1.0)
    np.add.at(columns, (np.arange(len(first)), second), -1.0)
    return columns[:, 1:][:, columns[:, 1:].any(0)]


def _possible(said: Ints, true: Floats) -> tuple[Ints, Floats, Floats]:
    """(row, chance, difference of types) of every pair of types that the answers of a row may have; rare ones are left out."""
    kinds = len(true)
    first, second = np.divmod(np.arange(kinds * kinds), kinds)
    chance = true[said[:, 0]][:, first] * true[said[:, 1]][:, second]
    chance = np.where(chance < RARE, 0.0, chance)
    row, pair = np.nonzero(chance)
    steps = np.eye(kinds)[first] - np.eye(kinds)[second]
    return row.astype(np.int32), (chance / chance.sum(1, keepdims=True))[row, pair], steps[pair]


def _climb(design: Floats, chance: Floats, row: Ints, share: Floats) -> tuple[Floats, Floats, Floats]:
    """(coefficients, inverse of the observed information, scores [rows, p]) where the likelihood is greatest."""
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    y = share[row]
    found: Floats = np.zeros(int(np.shape(design)[1]))
    for step in range(MOST):
        odds = design @ found
        p: Floats = 1.0 / (1.0 + np.exp(-odds))
        weight: Floats = chance * np.exp(y * odds - np.logaddexp(0.0, odds))
        weight /= np.add.reduceat(weight, starts)[row]
        scores: Floats = np.add.reduceat(design * (weight * (y - p))[:, None], starts)
        complete = (design * (weight * p * (1.0 - p))[:, None]).T @ design
        observed = complete - (design * (weight * (y - p) ** 2)[:, None]).T @ design + scores.T @ scores
        curved = step >= EARLY and np.linalg.eigvalsh(observed)[0] > 0.0
        try:
            move: Floats = np.asarray(
                np.linalg.solve(observed if curved else complete, scores.sum(0)), np.float64
            )
        except np.linalg.LinAlgError:
            break
        found = found + np.clip(move, -1.0, 1.0)
        if curved and np.abs(move).max() < CLOSE:
            return found, np.asarray(np.linalg.inv(observed), np.float64), scores
        if np.abs(found).max() > LARGE:
            break
    raise BadInput(
        "the classifier's errors leave an effect open; label more answers of the sheet, or leave --labels out"
    )


def _meat(scores: Floats, cluster: Ints) -> tuple[Floats, int]:
    """The sum over clusters of the squares of their scores, and how many clusters there are."""
    codes, place = np.unique(cluster, return_inverse=True)
    summed = np.zeros((len(codes), scores.shape[1]))
    np.add.at(summed, place, scores)
    return summed.T @ summed, len(codes)


def _sandwich(information: Floats, scores: Floats, cluster: Ints) -> tuple[Floats, int]:
    meat, groups = _meat(scores, cluster)
    bread = np.linalg.inv(information)
    return bread @ meat @ bread * (groups / max(1, groups - 1)), groups
