"""Bradley-Terry with ties as an outcome of their own: Davidson and Rao-Kupper.

With d = s_i - s_j and one parameter eta >= 0 for how readily ties come:
    Davidson 1970     P(i wins) ~ e^(d/2),  P(j wins) ~ e^(-d/2),  P(tie) ~ e^eta
    Rao-Kupper 1967   P(i wins) = sigmoid(d - eta),  P(j wins) = sigmoid(-d - eta),  P(tie) = the rest
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.bradley_terry import bradley_terry
from winsome.standings.columns import Bools, Floats, sums
from winsome.standings.intervals import check_level, clustered_quantile
from winsome.standings.laws import expit, log_expit
from winsome.standings.ranking import gram
from winsome.standings.ratings import tabulate_ratings
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes
from winsome.standings.strengths import (
    PRIOR,
    SPREADLESS,
    dependence,
    no_spread,
    one_sided,
    pinned,
    sandwich,
    solved,
    unidentified,
)
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

    Shares must be 0, 1/2 or 1; each row carries `tie_parameter`, eta. Without any tie the largest likelihood has none
    (eta at its end, null) and is that of `bradley_terry`, which is given. Where no finite fit exists (a contender that won, lost or
    tied everything, or never met the others) each contender gets a battle of weight 1 against an average one, a third of
    it won, tied and lost, which a warning names. Raises BadInput for graded shares.
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
        return _without_ties(battles, model, cluster, level, anchor)
    size = len(battles.names)
    cell = (kind * np.int64(size) + used.a) * size + used.b
    counts = sums(cell, used.weight, 3 * size * size).reshape(3, size, size)
    fitted, warnings = _finite(battles, counts, model)
    codes = cluster_codes(used, cluster)
    at = derivatives(fitted.strength[used.a] - fitted.strength[used.b], fitted.eta, model)
    rows = np.arange(len(used))
    score_d, score_eta = used.weight * at.by_d[kind, rows], used.weight * at.by_eta[kind, rows]
    owner = np.concatenate([used.a, used.b, np.full(len(used), size, np.int32)])
    scores = np.concatenate([score_d, -score_d, score_eta])
    meat = gram(owner, np.concatenate([codes, codes, codes]), scores, size + 1)
    if no_spread(meat, fitted.information, size):
        meat = (fitted.information - fitted.of_prior) * dependence(codes, used.weight)
        warnings.append(SPREADLESS)
    elif fitted.one_sided.any():
        among = dependence(codes, used.weight, fitted.one_sided[used.a, used.b])
        between = derivatives(fitted.strength[:, None] - fitted.strength[None, :], fitted.eta, model)
        meat = meat + _information(np.where(fitted.one_sided, counts, 0.0), between) * among
    return tabulate_ratings(
        battles,
        f"bt-{model}",
        fitted.strength,
        sandwich(fitted.information, meat + fitted.of_prior, size)[:size, :size],
        anchor=anchor,
        cluster=cluster,
        level=level,
        reach=clustered_quantile(None if cluster == "none" else codes, used.weight, level),
        warnings=warnings,
        extra={"tie_parameter": fitted.eta},
    )


def _without_ties(
    battles: Battles,
    model: TieModel,
    cluster: ClusterBy,
    level: float,
    anchor: Mapping[str, float] | None,
) -> Standings:
    """Bradley-Terry's ratings under the name of the tie model, whose limit they are."""
    found = bradley_terry(battles, cluster=cluster, level=level, anchor=anchor)
    rows = tuple(replace(row, extra={**row.extra, "tie_parameter": None}) for row in found.rows)
    note = "no verdict is a tie: the tie parameter is not identified, the ratings are those of bt"
    return replace(found, method=f"bt-{model}", rows=rows, warnings=(*found.warnings, note))


def _finite(battles: Battles, counts: Floats, model: TieModel) -> tuple[TieFit, list[str]]:
    """The fit without a prior, or with one and the reasons why; counts: [3, K, K]."""
    tied, decisive = counts[2] + counts[2].T, counts[0] + counts[1].T
    wins = decisive + 1e-6 * tied
    reasons, pairs = unidentified(battles.names, wins), one_sided(wins)
    if not reasons and _drifts(decisive > 0, tied > 0):
        pairs = ~np.eye(len(tied), dtype=np.bool_)
        one_way = "wins with ties but without losses fit ever larger distances (separation)"
        reasons = [one_way if decisive.any() else "every verdict is a tie"]
    fitted = fit_ties(counts, model, PRIOR if reasons else 0.0)
    if fitted is None:
        raise BadInput(f"the {model} fit did not settle; use --method bt")
    if not reasons:
        return fitted, []
    note = f"each contender got a battle of weight {PRIOR:g} against an average one, a third each won, tied and lost"
    return replace(fitted, one_sided=pairs), [*reasons, f"{note}: a finite fit"]


def _drifts(won: Bools, tied: Bools) -> bool:
    """Whether ever larger distances together with an ever larger eta fit ever better, [K, K] each.

    They do where distances exist of at least 1 along every win and at most 1 along every tie, that is where the graph with
    an edge of -1 along wins and 1 both ways along ties has no cycle of negative length (Floyd and Warshall).
    """
    length = np.where(won, -1.0, np.where(tied, 1.0, np.inf))
    for middle in range(len(length)):
        length = np.minimum(length, length[:, middle, None] + length[None, middle, :])
    return not (np.diag(length) < 0).any()


@dataclass(frozen=True, eq=False)
class TieFit:
    """strength: [K], mean 0 without a prior; information: [K + 1, K + 1], of which `of_prior` is the prior's.

    one_sided: [K, K] pairs whose distance is the prior's alone.
    """

    strength: Floats
    eta: float
    information: Floats
    of_prior: Floats
    one_sided: Bools


def fit_ties(counts: Floats, model: TieModel, prior: float = 0.0) -> TieFit | None:
    """The largest likelihood; None where it does not settle at finite parameters.

    counts: [3, K, K] weights of first wins, second wins and ties by (side a, side b). prior: weight of a battle of each
    contender against strength 0, a third of each outcome.
    """
    size = counts.shape[1]
    thirds = np.full((3, size), prior / 3.0)
    parameters = np.zeros(size + 1)
    parameters[size] = 0.1
    total = float(counts.sum())

    def value(at: Derivatives, own: Derivatives) -> float:
        return float((counts * at.value).sum() + (thirds * own.value).sum())

    at, own = _both(parameters, model)
    for _ in range(200):
        slope = (counts * at.by_d).sum(0)
        gradient = np.append(
            slope.sum(1) - slope.sum(0) + (thirds * own.by_d).sum(0),
            (counts * at.by_eta).sum() + (thirds * own.by_eta).sum(),
        )
        of_prior = _prior_information(thirds, own)
        information = _information(counts, at) + of_prior
        if np.abs(gradient).max() <= 1e-10 * total:
            strength = parameters[:size] - (parameters[:size].mean() if prior == 0 else 0.0)
            return TieFit(
                strength, float(parameters[size]), information, of_prior, np.zeros((size, size), np.bool_)
            )
        step = solved(information if prior > 0 else pinned(information, size), gradient)
        before, length = value(at, own), 1.0
        while length > 1e-8:
            tried = parameters + length * step
            if model == "davidson" or tried[size] > 0:
                at, own = _both(tried, model)
                if value(at, own) >= before - 1e-12 * abs(before):
                    break
            length /= 2.0
        parameters = parameters + length * step
    return None


def _both(parameters: Floats, model: TieModel) -> tuple[Derivatives, Derivatives]:
    """Derivatives of every pair, [3, K, K], and of each contender against strength 0, [3, K]."""
    strength, eta = parameters[:-1], float(parameters[-1])
    between = derivatives(strength[:, None] - strength[None, :], eta, model)
    return between, derivatives(strength, eta, model)


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


def _prior_information(thirds: Floats, own: Derivatives) -> Floats:
    information = np.diag(np.append(-(thirds * own.by_dd).sum(0), -float((thirds * own.by_ee).sum())))
    information[:-1, -1] = information[-1, :-1] = -(thirds * own.by_de).sum(0)
    return information
