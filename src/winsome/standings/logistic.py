"""Logistic regression of shares in [0, 1] with few features: Newton, the L1 penalty, and its choice by cross-validation.

A step that moves no row's log-odds by more than 1.79 = r, where (e^r - r - 1) / r^2 = 1, lowers the objective, with or without the
penalty, so that no line is searched and no objective computed. Source: Bach 2010, "Self-concordant analysis for logistic
regression", proposition 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from winsome.standings.columns import Floats

LARGE = 30.0
"""A coefficient beyond this (odds of e^30 for a feature of 1) is one that grows without end."""

FLAT = 1e8
"""Information that is this much weaker in one direction, or than the weights, has run away with the coefficients."""

SAFE = 1.7
"""How far a step may move a row's log-odds."""

GRID: tuple[float, ...] = tuple(np.logspace(-4, 4, 10).tolist())
"""The ten inverse penalties that scikit-learn tries by default."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """All that the log-likelihood of shares y needs: rows' features [rows, p], weights [rows], and sum w y x [p].

    Several likelihoods of the same rows are one, with weights [k, rows] and sums [k, p]; what follows then has k in front.
    """

    design: Floats
    weight: Floats
    total: Floats

    def with_rows(self, design: Floats, weight: Floats, total: Floats) -> Likelihood:
        """The likelihood with further rows, whose shares enter only by their sum."""
        return Likelihood(
            np.concatenate([self.design, design]), np.concatenate([self.weight, weight]), self.total + total
        )

    @cached_property
    def columns(self) -> Floats:
        """The features one after the other, [p, rows]."""
        return self.design.T.copy()

    @cached_property
    def products(self) -> Floats:
        """x x' of each row, [p x p, rows]."""
        return (self.columns[:, None] * self.columns).reshape(-1, len(self.design))

    @cached_property
    def widest(self) -> Floats:
        """The largest size of each feature, [p]."""
        return np.maximum(self.columns.max(1), -self.columns.min(1))

    def information(self, coefficients: Floats) -> Floats:
        """X' W p (1 - p) X, [p, p]."""
        return self.at(coefficients)[1]

    def at(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """The gradient [p] and the information [p, p] of sum w [y eta - log(1 + e^eta)], eta = x coefficients."""
        with np.errstate(over="ignore"):
            chance = 1.0 / (1.0 + np.exp(-coefficients @ self.columns))
        weighted = self.weight * chance
        gradient = self.total - weighted @ self.design
        information = (weighted * (1.0 - chance)) @ self.products.T
        return gradient, information.reshape(*coefficients.shape, coefficients.shape[-1])

    def safe(self, step: Floats) -> tuple[Floats, float]:
        """The step [p], shortened where it must be, and how far it moves a row's log-odds at most."""
        reach = np.abs(step) @ self.widest
        if (reach > SAFE).any():
            reach = np.abs(step @ self.columns).max(-1)
        return step * np.minimum(1.0, SAFE / np.maximum(reach, SAFE))[..., None], float(reach.max())


def fit_newton(likelihood: Likelihood) -> Floats | None:
    """The coefficients [p] of the largest likelihood; None where there are no finite ones (separation, collinearity)."""
    coefficients = np.zeros(likelihood.design.shape[1])
    scale = max(1.0, float(likelihood.weight.sum()))
    gradient, information = likelihood.at(coefficients)
    if np.linalg.cond(information) > FLAT:
        return None
    for _ in range(100):
        if np.trace(information) < scale / FLAT or np.abs(coefficients).max() > LARGE:
            return None
        if np.abs(gradient).max() < 1e-10 * scale:
            return None if np.linalg.cond(information) > FLAT else coefficients
        try:
            step, _ = likelihood.safe(np.asarray(np.linalg.solve(information, gradient), np.float64))
        except np.linalg.LinAlgError:
            return None
        coefficients = coefficients + step
        gradient, information = likelihood.at(coefficients)
    return None


def fit_l1(likelihood: Likelihood, c: float, start: Floats | None = None) -> Floats:
    """The coefficients [p] that minimise sum |coefficients| - c x log-likelihood, intercept penalised alike."""
    return _l1_path(likelihood, [c], 1e-6, start)[0]


def _l1_path(
    likelihood: Likelihood, grid: Sequence[float], close: float, start: Floats | None = None
) -> Floats:
    """[grid, .., p] the minima at each c by proximal Newton, each from the one before.

    The last step at each c moves the log-odds by less than `close`, so that what is left is of the order of its square.
    """
    coefficients = np.zeros_like(likelihood.total) if start is None else start
    gradient, information = likelihood.at(coefficients)
    path: list[Floats] = []
    for c in grid:
        for _ in range(200):
            step, reach = likelihood.safe(
                _minimum(coefficients, c * gradient, c * information) - coefficients
            )
            coefficients = coefficients + step
            if reach < close:
                gradient = gradient - (information @ step[..., None])[..., 0]
                break
            gradient, information = likelihood.at(coefficients)
        path.append(coefficients)
    return np.stack(path)


def _minimum(start: Floats, gradient: Floats, hessian: Floats) -> Floats:
    """argmin over v [.., p] of (v - start)' hessian (v - start) / 2 - gradient (v - start) + sum |v|.

    Where signs stay as they are, and zeros that the gradient does not move stay zeros, the minimum solves linear equations.
    """
    sign = np.sign(start)
    if (sign != 0.0).all():
        least = start + np.linalg.solve(hessian, (gradient - sign)[..., None])[..., 0]
        right = (least * sign > 0.0).all(-1)
    else:
        sign = np.where((start == 0.0) & (np.abs(gradient) > 1.0), np.sign(gradient), sign)
        free = sign != 0.0
        square = np.where(free[..., :, None] & free[..., None, :], hessian, np.eye(start.shape[-1]))
        least = start + np.linalg.solve(square, np.where(free, gradient - sign, 0.0)[..., None])[..., 0]
        slope = gradient - (hessian @ (least - start)[..., None])[..., 0]
        right = np.where(free, least * sign > 0.0, np.abs(slope) <= 1.0).all(-1)
    for at in np.argwhere(~right):
        least[*at] = _by_coordinates(start[*at], gradient[*at], hessian[*at])
    return least


def _by_coordinates(start: Floats, gradient: Floats, hessian: Floats) -> Floats:
    """The same minimum [p], one coordinate after the other until none moves."""
    # Plain floats: with three coefficients numpy's overhead a call would be most of the cost.
    centre, slope0, rows = start.tolist(), gradient.tolist(), hessian.tolist()
    at, places = list(centre), range(len(centre))
    for _ in range(1000):
        moved = 0.0
        for k in places:
            curvature = max(rows[k][k], 1e-12)
            slope = sum(rows[k][j] * (at[j] - centre[j]) for j in places) - slope0[k]
            free = at[k] - slope / curvature
            new = math.copysign(max(abs(free) - 1.0 / curvature, 0.0), free)
            moved, at[k] = max(moved, abs(new - at[k])), new
        if moved < 1e-13 * (1.0 + max(abs(x) for x in at)):
            break
    return np.array(at)


def choose_penalty(
    design: Floats, share: Floats, weight: Floats, grid: Sequence[float] = GRID, folds: int = 5
) -> tuple[float, Floats]:
    """The c of `grid` whose fits predict the left-out folds best, by mean weighted log-loss, and their mean coefficients [p].

    design: [rows, p]; share in [0, 1], weight: [rows]. The folds and scores are those of the published AlpacaEval fit:
    the rows are dealt from the last to the first, and each fold's mean counts once.
    """
    left_out = [slice((len(share) - 1 - fold) % folds, None, folds) for fold in range(folds)]
    inside = np.tile(weight, (folds, 1))
    for fold, rows in enumerate(left_out):
        inside[fold, rows] = 0.0
    likelihood = Likelihood(design, inside, (inside * share) @ design)
    path = _l1_path(likelihood, grid, 1e-4)
    scores = np.zeros(len(grid))
    for fold, rows in enumerate(left_out):
        held, own = design[rows], weight[rows]
        # log(1 + e^x) - y x = log(1 + e^-|x|) + |x| / 2 + (1/2 - y) x
        size = np.abs(path[:, fold] @ likelihood.columns[:, rows])
        loss = (np.log(1.0 + np.exp(-size)) + 0.5 * size) @ own + path[:, fold] @ (
            (0.5 - share[rows]) * own @ held
        )
        scores -= loss / len(own)
    best = int(np.argmax(scores))
    return float(grid[best]), path[best].mean(0)
