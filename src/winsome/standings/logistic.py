"""Logistic regression of shares in [0, 1] with few features: Newton, the L1 penalty, and its choice by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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

    def information(self, coefficients: Floats) -> Floats:
        """X' W p (1 - p) X, [p, p]."""
        return self.at(coefficients)[2]

    def at(self, coefficients: Floats) -> tuple[float, Floats, Floats]:
        """The value sum w [y eta - log(1 + e^eta)], eta = x coefficients, its gradient [p] and information [p, p]."""
        eta = self.design @ coefficients
        odds = np.exp(-np.abs(eta))
        chance = np.where(eta > 0, 1.0, odds) / (1.0 + odds)
        value = self.total @ coefficients - self.weight @ (np.log1p(odds) + np.maximum(eta, 0.0))
        gradient = self.total - self.design.T @ (self.weight * chance)
        bend = self.weight * chance * (1.0 - chance)
        return float(value), gradient, (self.design.T * bend) @ self.design


def fit_newton(likelihood: Likelihood) -> Floats | None:
    """The coefficients [p] of the largest likelihood; None where there are no finite ones (separation, collinearity)."""
    coefficients = np.zeros(likelihood.design.shape[1])
    scale = max(1.0, float(likelihood.weight.sum()))
    value, gradient, information = likelihood.at(coefficients)
    for _ in range(100):
        if np.linalg.cond(information) > FLAT or np.trace(information) < scale / FLAT:
            return None
        if np.abs(gradient).max() < 1e-10 * scale:
            return coefficients
        step = np.asarray(np.linalg.solve(information, gradient), np.float64)
        before, tried = value - 1e-12 * scale, coefficients
        for halving in range(30):
            tried = coefficients + step / 2**halving
            value, gradient, information = likelihood.at(tried)
            if value >= before:
                break
        coefficients = tried
        if np.abs(coefficients).max() > LARGE:
            return None
    return None


def fit_l1(likelihood: Likelihood, c: float, start: Floats | None = None) -> Floats:
    """The coefficients [p] that minimise sum |coefficients| - c x log-likelihood, intercept penalised alike.

    Proximal Newton: each quadratic model is minimised coordinate by coordinate, then the step is halved until it helps.
    """
    coefficients = np.zeros(likelihood.design.shape[1]) if start is None else start
    value, gradient, information = likelihood.at(coefficients)
    for _ in range(200):
        objective = float(np.abs(coefficients).sum()) - c * value
        step = _quadratic_minimum(coefficients, -c * gradient, c * information) - coefficients
        tried, small = coefficients, 1e-11 * (1.0 + float(np.abs(coefficients).max()))
        if np.abs(step).max() < small:
            break
        for halving in range(30):
            tried = coefficients + step / 2**halving
            value, gradient, information = likelihood.at(tried)
            if float(np.abs(tried).sum()) - c * value <= objective + 1e-13 * abs(objective):
                break
        coefficients = tried
    return coefficients


def _quadratic_minimum(start: Floats, gradient: Floats, hessian: Floats) -> Floats:
    """argmin over v of gradient (v - start) + (v - start)' hessian (v - start) / 2 + sum |v|."""
    # Plain floats: with three coefficients numpy's overhead a call would be most of the cost.
    centre, slope0, rows = start.tolist(), gradient.tolist(), hessian.tolist()
    at, places = list(centre), range(len(centre))
    for _ in range(1000):
        moved = 0.0
        for k in places:
            curvature = max(rows[k][k], 1e-12)
            slope = slope0[k] + sum(rows[k][j] * (at[j] - centre[j]) for j in places)
            free = at[k] - slope / curvature
            new = math.copysign(max(abs(free) - 1.0 / curvature, 0.0), free)
            moved, at[k] = max(moved, abs(new - at[k])), new
        if moved < 1e-13 * (1.0 + max(abs(x) for x in at)):
            break
    return np.array(at)


def choose_penalty(
    design: Floats, share: Floats, weight: Floats, grid: Sequence[float] = GRID, folds: int = 5
) -> float:
    """The c of `grid` whose fits predict the left-out folds best, by mean weighted log-loss; rows are dealt in turn.

    design: [rows, p]; share in [0, 1], weight: [rows]. The folds and scores are those of the published AlpacaEval fit:
    the rows are dealt from the last to the first, and each fold's mean counts once.
    """
    fold = (len(share) - 1 - np.arange(len(share))) % folds
    scores = np.stack([_left_out(design, share, weight, fold == k, grid) for k in range(folds)])
    return float(grid[int(np.argmax(scores.mean(0)))])


def _left_out(design: Floats, share: Floats, weight: Floats, out: Bools, grid: Sequence[float]) -> Floats:
    """[grid] the mean weighted log-likelihood of the rows left out; each fit starts at the one before."""
    inside = Likelihood(design[~out], weight[~out], design[~out].T @ (weight * share)[~out])
    coefficients = np.zeros(design.shape[1])
    scores: list[float] = []
    for c in grid:
        coefficients = fit_l1(inside, c, coefficients)
        eta = design[out] @ coefficients
        scores.append(float((weight[out] * (share[out] * eta - np.logaddexp(0.0, eta))).mean()))
    return np.array(scores)
