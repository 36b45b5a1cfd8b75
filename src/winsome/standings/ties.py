"""Bradley-Terry with ties as an outcome of their own: Davidson and Rao-Kupper.

With d = s_i - s_j and one parameter eta >= 0 for how readily ties come:
    Davidson 1970     P(i wins) ~ e^(d/2),  P(j wins) ~ e^(-d/2),  P(tie) ~ e^eta
    Rao-Kupper 1967   P(i wins) = sigmoid(d - eta),  P(j wins) = sigmoid(-d - eta),  P(tie) = the rest
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, log_expit

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, sums
from winsome.standings.intervals import check_level
from winsome.standings.ranking import gram
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes
from winsome.standings.strengths import unidentified
from winsome.standings.table import Standings

TieModel = Literal["davidson", "rao-kupper"]


@dataclass(frozen=True, eq=False)
class Derivatives:
    """log P of each outcome (first wins, second wins, tie) [3, ...] with its derivatives by d and eta."""

    value: Floats
    by_d: Floats
    by_eta: Floats
    by_dd: Floats
    by_de: Floats
    by_ee: Floats


def bradley_terry_ties(
    battles: Battles,
    *,
    model: TieModel = "davidson",
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    anchor: Mapping[str, float] | None = None,
) -> Standings:
    """Ratings in Arena points from a model in which ties are an outcome, with clustered sandwich intervals.

    Shares must be 0, 1/2 or 1. Each row carries `tie_parameter`, eta. Raises BadInput for graded shares, no tie at all
    (use bt), or where no finite fit exists.
    """
    check_level(level)
    check_rankable(battles)
    if model not in ("davidson", "rao-kupper"):
        raise BadInput(f"tie model {model!r} is unknown; use davidson or rao-kupper")
    mask = battles.scored
    used = battles if mask.all() else battles.take(mask)
    kind = np.select([used.share == 1.0, used.share == 0.0, used.share == 0.5], [0, 1, 2], -1)
    if (kind < 0).any():
        row = int(np.argmax(kind < 0))
        raise BadInput(
            f"row {row + 1}, field share: {used.share[row]:g} is graded; a tie model needs 0, 0.5 or 1: use bt"
        )
    if not (kind == 2).any():
        raise BadInput("no verdict is a tie, so its parameter is not identified; use --method bt")
    size = len(battles.names)
    cell = (kind * np.int64(size) + used.a) * size + used.b
    counts = sums(cell, used.weight, 3 * size * size).reshape(3, size, size)
    decisive = counts[0] + counts[1].T
    reasons = unidentified(battles.names, decisive + 1e-6 * (counts[2] + counts[2].T))
    if reasons or not (kind < 2).any():
        raise BadInput(
            f"no finite {model} fit: {(reasons or ['every verdict is a tie'])[0]}; use --method bt"[:200]
        )
    strength, eta, hessian = fit_ties(counts, model)
    codes = cluster_codes(used, cluster)
    at = derivatives(strength[used.a] - strength[used.b], eta, model)
    rows = np.arange(len(used))
    score_d, score_eta = used.weight * at.by_d[kind, rows], used.weight * at.by_eta[kind, rows]
    owner = np.concatenate([used.a, used.b, np.full(len(used), size, np.int32)])
    scores = np.concatenate([score_d, -score_d, score_eta])
    meat = gram(owner, np.concatenate([codes, codes, codes]), scores, size + 1)
    bread = np.linalg.inv(_pinned(hessian))
    covariance = (bread @ meat @ bread)[:size, :size]
    return tabulate_ratings(
        battles,
        model,
        strength,
        covariance,
        anchor=anchor,
        cluster=cluster,
        level=level,
        extra={"tie_parameter": eta},
    )


def fit_ties(counts: Floats, model: TieModel) -> tuple[Floats, float, Floats]:
    """Strengths [K] with mean 0, eta, and the information [K + 1, K + 1] at the largest likelihood.

    counts: [3, K, K] weights of first wins, second wins and ties by (side a, side b).
    """
    size = counts.shape[1]
    parameters = np.zeros(size + 1)
    parameters[size] = 0.1
    total = float(counts.sum())
    hessian = np.eye(size + 1)
    for _ in range(200):
        at = derivatives(parameters[:size, None] - parameters[None, :size], float(parameters[size]), model)
        slope = (counts * at.by_d).sum(0)
        gradient = np.append(slope.sum(1) - slope.sum(0), (counts * at.by_eta).sum())
        hessian = _information(counts, at)
        if np.abs(gradient).max() <= 1e-10 * total:
            break
        step = np.asarray(np.linalg.solve(_pinned(hessian), gradient), np.float64)
        value, length = float((counts * at.value).sum()), 1.0
        while length > 1e-8:
            tried = parameters + length * step
            if model == "davidson" or tried[size] > 0:
                there = derivatives(tried[:size, None] - tried[None, :size], float(tried[size]), model)
                if float((counts * there.value).sum()) >= value - 1e-12 * abs(value):
                    break
            length /= 2.0
        parameters = parameters + length * step
    strength = parameters[:size]
    return strength - strength.mean(), float(parameters[size]), hessian


def derivatives(d: Floats, eta: float, model: TieModel) -> Derivatives:
    """log P of the three outcomes and their derivatives at differences `d` (any shape)."""
    if model == "davidson":
        energy = np.stack([d / 2, -d / 2, np.full_like(d, eta)])
        top = energy.max(0)
        value = energy - (top + np.log(np.exp(energy - top).sum(0)))
        first, second, tie = np.exp(value)
        lean = (first - second) / 2
        by_d = np.stack([0.5 - lean, -0.5 - lean, -lean])
        by_eta = np.stack([-tie, -tie, 1.0 - tie])
        same = np.ones((3, *d.shape))
        by_dd = same * -((first + second) / 4 - lean**2)
        return Derivatives(value, by_d, by_eta, by_dd, same * (lean * tie), same * -(tie * (1.0 - tie)))
    up, down = d - eta, -d - eta
    p, q = expit(up), expit(down)
    gap = np.log(np.expm1(2.0 * eta))
    value = np.stack([log_expit(up), log_expit(down), gap + log_expit(up) + log_expit(down)])
    by_d = np.stack([1.0 - p, -(1.0 - q), q - p])
    more = 2.0 / -np.expm1(-2.0 * eta)
    by_eta = np.stack([-(1.0 - p), -(1.0 - q), more - (1.0 - p) - (1.0 - q)])
    pp, qq = -p * (1.0 - p), -q * (1.0 - q)
    bend = -4.0 * np.exp(-2.0 * eta) / np.expm1(-2.0 * eta) ** 2
    by_dd, by_de = np.stack([pp, qq, pp + qq]), np.stack([-pp, qq, qq - pp])
    return Derivatives(value, by_d, by_eta, by_dd, by_de, np.stack([pp, qq, pp + qq + bend]))


def _information(counts: Floats, at: Derivatives) -> Floats:
    size = counts.shape[1]
    bend = -(counts * at.by_dd).sum(0)
    bend = bend + bend.T
    cross = -(counts * at.by_de).sum(0)
    information = np.empty((size + 1, size + 1))
    information[:size, :size] = np.diag(bend.sum(1)) - bend
    information[:size, size] = information[size, :size] = cross.sum(1) - cross.sum(0)
    information[size, size] = -float((counts * at.by_ee).sum())
    return information


def _pinned(information: Floats) -> Floats:
    """The information with its null direction, all strengths moved alike, given weight."""
    size = len(information) - 1
    pinned = information.copy()
    pinned[:size, :size] += max(float(np.trace(information[:size, :size])), 1e-300) / size**2
    return pinned
