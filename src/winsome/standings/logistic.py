"""Logistic regression of shares in [0, 1] with few features: Newton, the L1 penalty, and its choice by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from winsome.standings.columns import Bools, Floats

LARGE = 30.0
"""A coefficient beyond this (odds of e^30 for a feature of 1) is one that grows without end."""

FLAT = 1e8
"""Information that is this much weaker in one direction, or than the weights, has run away with the coefficients."""

GRID: tuple[float, ...] = tuple(np.logspace(-4, 4, 10).tolist())
"""The ten inverse penalties that scikit-learn tries by default."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """All that the log-likelihood of shares y needs: rows' features [rows, p], weights [rows], and sum w y x [p]."""

    design: Floats
    weight: Floats
    total: Floats

    def with_rows(self, design: Floats, weight: Floats, total: Floats) -> Likelihood:
        """The likelihood with further rows, whose shares enter only by their sum."""
        return Likelihood(
            np.concatenate([self.design, design]), np.concatenate([self.weight, weight]), self.total + total
        )

    def value(self, coefficients: Floats) -> float:
        """sum w [y eta - log(1 + e^eta)], eta = x coefficients."""
        return float(self.total @ coefficients - self.weight @ np.logaddexp(0.0, self.design @ coefficients))

    def gradient(self, coefficients: Floats) -> Floats:
        return self.total - self.design.T @ (self.weight * expit(self.design @ coefficients))

    def information(self, coefficients: Floats) -> Floats:
        chance = expit(self.design @ coefficients)
        return (self.design * (self.weight * chance * (1.0 - chance))[:, None]).T @ self.design


def fit_newton(likelihood: Likelihood) -> Floats | None:
    """The coefficients [p] of the largest likelihood; None where there are no finite ones (separation, collinearity)."""
    coefficients = np.zeros(likelihood.design.shape[1])
    value = likelihood.value(coefficients)
    scale = max(1.0, float(likelihood.weight.sum()))
    for _ in range(100):
        gradient = likelihood.gradient(coefficients)
        information = likelihood.information(coefficients)
        if np.linalg.cond(information) > FLAT or np.trace(information) < scale / FLAT:
            return None
        if np.abs(gradient).max() < 1e-10 * scale:
            return coefficients
        step = np.asarray(np.linalg.solve(information, gradient), np.float64)
        length = 1.0
        while likelihood.value(coefficients + length * step) < value - 1e-12 * scale and length > 1e-8:
            length /= 2.0
        coefficients = coefficients + length * step
        value = likelihood.value(coefficients)
        if np.abs(coefficients).max() > LARGE:
            return None
    return None


def fit_l1(likelihood: Likelihood, c: float) -> Floats:
    """The coefficients [p] that minimise sum |coefficients| - c x log-likelihood, intercept penalised alike.

    Proximal Newton: each quadratic model is minimised coordinate by coordinate, then the step is halved until it helps.
    """
    coefficients = np.zeros(likelihood.design.shape[1])

    def objective(at: Floats) -> float:
        return float(np.abs(at).sum()) - c * likelihood.value(at)

    value = objective(coefficients)
    for _ in range(200):
        target = _quadratic_minimum(
            coefficients, -c * likelihood.gradient(coefficients), c * likelihood.information(coefficients)
        )
        length = 1.0
        while (
            objective(coefficients + length * (target - coefficients)) > value + 1e-14 * abs(value)
            and length > 1e-10
        ):
            length /= 2.0
        move = length * (target - coefficients)
        coefficients = coefficients + move
        value = objective(coefficients)
        if np.abs(move).max() < 1e-11 * (1.0 + np.abs(coefficients).max()):
            break
    return coefficients


def _quadratic_minimum(start: Floats, gradient: Floats, hessian: Floats) -> Floats:
    """argmin over v of gradient (v - start) + (v - start)' hessian (v - start) / 2 + sum |v|."""
    at = start.copy()
    for _ in range(1000):
        before = at.copy()
        for k in range(len(at)):
            curvature = max(float(hessian[k, k]), 1e-12)
            slope = float(gradient[k] + hessian[k] @ (at - start))
            free = at[k] - slope / curvature
            at[k] = np.sign(free) * max(abs(free) - 1.0 / curvature, 0.0)
        if np.abs(at - before).max() < 1e-13 * (1.0 + np.abs(at).max()):
            break
    return at


def choose_penalty(
    design: Floats, share: Floats, weight: Floats, grid: Sequence[float] = GRID, folds: int = 5
) -> float:
    """The c of `grid` whose fits predict the left-out folds best, by mean weighted log-loss; rows are dealt in turn.

    design: [rows, p]; share in [0, 1], weight: [rows]. The folds and scores are those of the published AlpacaEval fit:
    the rows are dealt from the last to the first, and each fold's mean counts once.
    """
    fold = (len(share) - 1 - np.arange(len(share))) % folds
    scores = np.array([[_left_out(design, share, weight, fold == k, c) for k in range(folds)] for c in grid])
    return float(grid[int(np.argmax(scores.mean(1)))])


def _left_out(design: Floats, share: Floats, weight: Floats, out: Bools, c: float) -> float:
    inside = Likelihood(design[~out], weight[~out], design[~out].T @ (weight * share)[~out])
    eta = design[out] @ fit_l1(inside, c)
    return float((weight[out] * (share[out] * eta - np.logaddexp(0.0, eta))).mean())
