"""What an answer's type is worth: an antisymmetric logit of shares on the types of both answers, models and lengths, errors by cluster.

logit P(A beats B) = theta_A - theta_B + gamma (c_A - c_B) + delta (x_A - x_B), ties a half. Swapping the seats of a row changes nothing.
Errors are the sandwich over clusters, G / (G - 1) times the sum of squared scores of a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints
from winsome.standings.intervals import t_quantile
from winsome.standings.logistic import Likelihood, fit_newton


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
    design: Floats = differences if models is None else np.concatenate([differences, _strengths(models)], 1)
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


def least_squares(design: Floats, names: Sequence[str], share: Floats, cluster: Ints) -> Effects:
    """Least squares of shares [rows] on `design` [rows, effects] with clustered errors: a row an answer, as the paper has it."""
    information = design.T @ design
    found = np.asarray(np.linalg.solve(information, design.T @ share), np.float64)
    covariance, groups = _sandwich(information, design * (share - design @ found)[:, None], cluster)
    return Effects(tuple(names), found, covariance, groups)


def _strengths(models: tuple[Ints, Ints]) -> Floats:
    """Columns [rows, models - 1] of +1 for A's model and -1 for B's; models that never meet another have none."""
    first, second = models
    count = int(max(first.max(), second.max())) + 1
    columns = np.zeros((len(first), count))
    np.add.at(columns, (np.arange(len(first)), first), 1.0)
    np.add.at(columns, (np.arange(len(first)), second), -1.0)
    return columns[:, 1:][:, columns[:, 1:].any(0)]


def _sandwich(information: Floats, scores: Floats, cluster: Ints) -> tuple[Floats, int]:
    codes, place = np.unique(cluster, return_inverse=True)
    summed = np.zeros((len(codes), scores.shape[1]))
    np.add.at(summed, place, scores)
    bread = np.linalg.inv(information)
    groups = len(codes)
    return bread @ (summed.T @ summed) @ bread * (groups / max(1, groups - 1)), groups
