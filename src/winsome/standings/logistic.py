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

MOST = 200
"""Steps of a fit; a handful is enough."""

CLOSE = 1e-6
"""A last step of this size leaves coefficients that are exact to rounding, since what is left is of the order of its square."""

NEAR = 3e-3
"""The same for fits that are only compared: what is left moves the log-odds by less than 1e-5."""

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

    @cached_property
    def at_zero(self) -> tuple[Floats, Floats]:
        """What `at` gives where all coefficients are 0."""
        information = 0.25 * (self.weight @ self.products.T)
        return self.total - 0.5 * (self.weight @ self.design), _squares(information)

    @cached_property
    def scratch(self) -> Floats:
        """Room for two numbers a row, [2, .., rows]: pages mapped anew at each step would cost as much as the sums."""
        return np.empty((2, *self.weight.shape))

    def information(self, coefficients: Floats) -> Floats:
        """X' W p (1 - p) X, [p, p]."""
        return self.at(coefficients)[1]

    def at(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """The gradient [p] and the information [p, p] of sum w [y eta - log(1 + e^eta)], eta = x coefficients.

        With t = tanh(eta / 2) a row's chance is (1 + t) / 2 and its variance (1 - t^2) / 4.
        """
        tilt, weighted = self.scratch
        np.tanh(np.matmul(0.5 * coefficients, self.columns, out=tilt), out=tilt)
        np.multiply(self.weight, tilt, out=weighted)
        gradient, information = self.at_zero
        gradient = gradient - 0.5 * (weighted @ self.columns.T)
        weighted *= tilt
        return gradient, information - 0.25 * _squares(weighted @ self.products.T)

    def safe(self, step: Floats) -> tuple[Floats, float]:
        """The step [p], shortened where it must be, and how far it moves a row's log-odds at most."""
        reach = np.abs(step) @ self.widest
        most = float(reach.max())
        if most <= SAFE:
            return step, most
        moved = np.matmul(step, self.columns, out=self.scratch[0])
        reach = np.abs(moved, out=moved).max(-1)
        return step * np.minimum(1.0, SAFE / np.maximum(reach, SAFE))[..., None], float(reach.max())


def _squares(flat: Floats) -> Floats:
    """[.., p x p] as [.., p, p]."""
    return flat.reshape(*flat.shape[:-1], math.isqrt(flat.shape[-1]), -1)


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


def fit_l1(likelihood: Likelihood, c: float) -> Floats:
    """The coefficients [p] that minimise sum |coefficients| - c x log-likelihood, intercept penalised alike."""
    return _l1_path(likelihood, [c], CLOSE)[0]


def _l1_path(
    likelihood: Likelihood, grid: Sequence[float], close: float, start: Floats | None = None
) -> Floats:
    """[grid, .., p] the minima at each c by proximal Newton, each from the one before.

    The last step at each c moves the log-odds by less than `close`.
    """
    coefficients = np.zeros_like(likelihood.total) if start is None else start
    gradient, information = likelihood.at_zero if start is None else likelihood.at(start)
    # Nothing leaves zero while the penalty is at least this.
    pull = math.inf if coefficients.any() else float(np.abs(gradient).max())
    path: list[Floats] = []
    for c in grid:
        for _ in range(MOST if c * pull > 1.0 else 0):
            step, reach = likelihood.safe(_step(coefficients, gradient, information, 1.0 / c))
            coefficients = coefficients + step
            if reach < close:
                gradient, pull = gradient - _times(information, step), math.inf
                break
            gradient, information = likelihood.at(coefficients)
        path.append(coefficients)
    return np.stack(path)


def _step(start: Floats, gradient: Floats, hessian: Floats, penalty: float) -> Floats:
    """argmin over d [.., p] of d' hessian d / 2 - gradient d + penalty x sum |start + d|.

    Where signs stay as they are, and zeros that the gradient does not move stay zeros, it solves linear equations.
    """
    sign = np.sign(start)
    if sign.all():
        step = _solved(hessian, gradient - penalty * sign)
        if ((start + step) * sign > 0.0).all():
            return step
    sign = np.where((start == 0.0) & (np.abs(gradient) > penalty), np.sign(gradient), sign)
    free = sign != 0.0
    square = np.where(free[..., :, None] & free[..., None, :], hessian, np.eye(start.shape[-1]))
    step = _solved(square, np.where(free, gradient - penalty * sign, 0.0))
    slope = gradient - _times(hessian, step)
    right = np.where(free, (start + step) * sign > 0.0, np.abs(slope) <= penalty).all(-1)
    for at in np.argwhere(~right):
        step[*at] = _by_coordinates(start[*at], gradient[*at], hessian[*at], penalty) - start[*at]
    return step


def _solved(matrix: Floats, vector: Floats) -> Floats:
    """[.., p] x with matrix x = vector."""
    return np.asarray(np.linalg.solve(matrix, vector[..., None])[..., 0], np.float64)


def _times(matrix: Floats, vector: Floats) -> Floats:
    """[.., p] matrix x vector."""
    return (matrix @ vector[..., None])[..., 0]


def _by_coordinates(start: Floats, gradient: Floats, hessian: Floats, penalty: float) -> Floats:
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
            new = math.copysign(max(abs(free) - penalty / curvature, 0.0), free)
            moved, at[k] = max(moved, abs(new - at[k])), new
        if moved < 1e-13 * (1.0 + max(abs(x) for x in at)):
            break
    return np.array(at)


def choose_penalty(
    design: Floats, share: Floats, weight: Floats, grid: Sequence[float] = GRID, folds: int = 5
) -> tuple[float, Floats]:
    """The c of `grid` whose fits predict the left-out folds best, by mean weighted log-loss, and its fit to all rows [p].

    design: [rows, p]; share in [0, 1], weight: [rows]. The folds and scores are those of the published AlpacaEval fit:
    the rows are dealt from the last to the first, and each fold's mean counts once.
    """
    left_out = [slice((len(share) - 1 - fold) % folds, None, folds) for fold in range(folds)]
    # All rows are one fit more, which is that of the chosen c.
    inside, pulls = np.tile(weight, (folds + 1, 1)), weight * share
    totals = np.tile(pulls @ design, (folds + 1, 1))
    for fold, rows in enumerate(left_out):
        inside[fold, rows] = 0.0
        totals[fold] -= pulls[rows] @ design[rows]
    likelihood = Likelihood(design, inside, totals)
    path = _l1_path(likelihood, grid, NEAR)
    scores = np.zeros(len(grid))
    for fold, rows in enumerate(left_out):
        own = weight[rows]
        odds = path[:, fold] @ likelihood.columns[:, rows]
        # log(1 + e^x) - y x = log(1 + e^-|x|) + |x| / 2 + (1/2 - y) x
        size = np.abs(odds)
        loss = (np.log(1.0 + np.exp(-size)) + 0.5 * size) @ own + odds @ (0.5 * own - pulls[rows])
        scores -= loss / len(own)
    best = int(np.argmax(scores))
    fits = _l1_path(likelihood, grid[best : best + 1], CLOSE, path[best])
    return float(grid[best]), fits[0, -1]
