"""Fitting Bradley-Terry strengths to counts of ordered pairs, with the pieces of their sandwich variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Bools, Floats, Ints, sums
from winsome.standings.laws import expit, log_expit
from winsome.standings.logistic import SAFE
from winsome.standings.ranking import gram

NO_WIN = 1e-9
"""Below this share of a pair's weight a win is rounding, and the strengths it asks for are not finite in practice."""

NO_SPREAD = 1e-9
"""Residual variance, as a share of the model's, that is taken for none."""

SPREADLESS = "no spread (all tied, or one cluster): the errors are those that the model expects"

PRIOR = 1.0
"""Weight of the one even battle against an average contender that each contender gets where no finite fit exists."""
FARTHEST = 20.0
"""Log odds that one step of a fit may move a strength by."""

TOLERANCE = 1e-10
"""Largest gradient entry, as a share of the total weight, at which Newton stops."""


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Sums over rows by ordered pair (side a, side b), [K, K].

    weight: sum w; won: sum w share; squared_weight: sum w^2; and w^2 share, w^2 share^2, from which the sum of squared
    residuals follows for any strengths.
    """

    weight: Floats
    won: Floats
    squared_weight: Floats
    squared_won: Floats
    squared_share: Floats

    @property
    def wins(self) -> Floats:
        """[i, j]: the weight that i won from j, whichever side it was."""
        return self.won + (self.weight - self.won).T


def pair_counts(a: Ints, b: Ints, share: Floats, weight: Floats, size: int) -> PairCounts:
    """The sums of rows by ordered pair; a, b: codes below `size` [rows], share in [0, 1]."""
    cell = a.astype(np.int64) * size + b

    def by_pair(values: Floats) -> Floats:
        return sums(cell, values, size * size).reshape(size, size)

    if (weight == 1.0).all():
        total, won = by_pair(weight), by_pair(share)
        return PairCounts(total, won, total, won, by_pair(share * share))
    squared = weight * weight
    return PairCounts(
        by_pair(weight),
        by_pair(weight * share),
        by_pair(squared),
        by_pair(squared * share),
        by_pair(squared * share * share),
    )


def fit(wins: Floats, prior: float = 0.0, start: Floats | None = None) -> tuple[Floats, Floats]:
    """Strengths [K] (natural log odds, mean 0) of the largest likelihood, and the information matrix [K, K] there.

    wins: [i, j] weight that i won from j; prior: weight of a tied battle of each against strength 0. Newton with halved
    steps; the likelihood is concave, so the answer is the one maximum where it exists (see `unidentified`).
    """
    size = len(wins)
    battles = wins + wins.T
    strength: Floats = np.zeros(size) if start is None else start.copy()
    value = _log_likelihood(strength, wins, prior)
    scale = max(float(battles.sum()) / 2.0, 1e-300)
    hessian = np.zeros((size, size))
    for _ in range(200):
        chance = expit(strength[:, None] - strength[None, :])
        gradient = (wins - battles * chance).sum(1) - prior * (expit(strength) - 0.5)
        hessian = _information(battles, chance, strength, prior)
        if np.abs(gradient).max() <= TOLERANCE * scale:
            break
        # A prior knows the mean, if weakly: pinning it too would make the way there take hundreds of steps.
        step = solved(hessian if prior > 0 else pinned(hessian), gradient)
        # Where all chances are near 0 or 1 the information vanishes, and a whole step would lead to where it is none.
        length = min(1.0, FARTHEST / max(float(np.abs(step).max()), FARTHEST))
        while True:
            tried = strength + length * step
            tried_value = _log_likelihood(tried, wins, prior)
            if tried_value >= value - 1e-12 * abs(value) or length < 1e-6:
                break
            length /= 2.0
        strength, value = tried, tried_value
    return strength - strength.mean() * (prior == 0), hessian


def fit_each(wins: Floats, prior: float, start: Floats) -> Floats:
    """Strengths [replicates, K] of the largest likelihood of each [replicates, K, K] of `wins`, all from `start`, under a prior > 0.

    Newton for all together. Steps that move no odds by more than SAFE raise the likelihood (as in `logistic`), so that
    no line is searched.
    """
    battles = wins + wins.swapaxes(1, 2)
    scale = max(float(battles.sum((1, 2)).max()) / 2.0, 1e-300)
    strength = np.tile(start, (len(wins), 1))
    own_place = np.eye(wins.shape[1])
    for _ in range(200):
        chance, own = expit(strength[:, :, None] - strength[:, None, :]), expit(strength)
        gradient = (wins - battles * chance).sum(2) - prior * (own - 0.5)
        if np.abs(gradient).max() <= TOLERANCE * scale:
            break
        spread = battles * chance * (1.0 - chance)
        hessian = own_place * (spread.sum(2) + prior * own * (1.0 - own))[:, :, None] - spread
        step = np.asarray(np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0], np.float64)
        reach = np.maximum(np.ptp(step, axis=1), np.abs(step).max(1))
        strength += step * np.minimum(1.0, SAFE / np.maximum(reach, SAFE))[:, None]
    return strength


def sandwich(hessian: Floats, meat: Floats, size: int | None = None) -> Floats:
    """H^-1 M H^-1; where H does not know the mean (no prior), of strengths up to their mean. size: see `pinned`."""
    bread = np.linalg.inv(pinned(hessian, size))
    return bread @ meat @ bread


def pinned(hessian: Floats, size: int | None = None) -> Floats:
    """The matrix with its null direction, all strengths moved alike, given the weight of an average entry.

    size: how many of its first parameters are strengths; None for all.
    """
    size = len(hessian) if size is None else size
    known = hessian.copy()
    known[:size, :size] += max(float(np.trace(hessian[:size, :size])), 1e-300) / size**2
    return known


def no_spread(meat: Floats, hessian: Floats, size: int | None = None) -> bool:
    """Whether residuals say nothing of the strengths' errors: all tied, or one cluster."""
    size = len(hessian) if size is None else size
    return bool(np.trace(meat[:size, :size]) <= NO_SPREAD * np.trace(hessian[:size, :size]))


def pair_meat(counts: PairCounts, strength: Floats) -> Floats:
    """Sum over rows of the outer products of their scores, rows independent; exact from the counts."""
    chance = expit(strength[:, None] - strength[None, :])
    squares = counts.squared_share - 2.0 * chance * counts.squared_won + chance**2 * counts.squared_weight
    squares = squares + squares.T
    return np.diag(squares.sum(1)) - squares


def model_meat(counts: PairCounts, strength: Floats, pairs: Bools | None = None) -> Floats:
    """What `pair_meat` would be on average if every row were a win or a loss of the fitted model; of these pairs alone."""
    chance = expit(strength[:, None] - strength[None, :])
    squares = (counts.squared_weight + counts.squared_weight.T) * chance * (1.0 - chance)
    squares = squares if pairs is None else np.where(pairs, squares, 0.0)
    return np.diag(squares.sum(1)) - squares


def one_sided(wins: Floats) -> Bools:
    """[K, K] the pairs between which no finite distance is known: whoever is ahead never lost, nor did those in between."""
    reach = _closure(wins > NO_WIN * (wins + wins.T))
    return ~(reach & reach.T)


def dependence(cluster: Ints | None, weight: Floats, rows: Bools | None = None) -> float:
    """By how much the variance of a sum grows if rows of one cluster say the same: sum_g (sum w)^2 / sum w^2.

    cluster: codes [rows], None for independent rows; rows: those that count, None for all.
    """
    if cluster is None or (rows is not None and not rows.any()):
        return 1.0
    if rows is not None:
        cluster, weight = cluster[rows], weight[rows]
    # Squares of weights near the largest number would have none.
    weight = weight / weight.max()
    totals = sums(cluster, weight, int(cluster.max()) + 1)
    return float(totals @ totals) / float(weight @ weight)


def cluster_meat(battles: Battles, cluster: Ints, strength: Floats) -> Floats:
    """Sum over clusters of the outer products of their summed scores; cluster: codes [rows]."""
    residual = battles.weight * (battles.share - expit(strength[battles.a] - strength[battles.b]))
    owner = np.concatenate([battles.a, battles.b])
    return gram(
        owner, np.concatenate([cluster, cluster]), np.concatenate([residual, -residual]), len(strength)
    )


def unidentified(names: Sequence[str], wins: Floats) -> list[str]:
    """Why no finite fit exists, in one line a reason; empty where it does.

    It exists exactly where each contender can be reached from each other along wins. Source: Ford 1957.
    """
    battles = wins + wins.T
    met, won = battles > 0, wins > NO_WIN * battles
    groups = _groups(_closure(met))
    reasons: list[str] = []
    if len(groups) > 1:
        shown = " | ".join(_few([names[code] for code in group]) for group in groups[:4])
        reasons.append(f"{len(groups)} groups never met ({shown}): distances between groups mean nothing")
    for group in groups:
        beats = _closure(won[np.ix_(group, group)])
        parts = _groups(beats & beats.T)
        if len(parts) == 1:
            continue
        for part in parts:
            rest = [k for k in range(len(group)) if k not in part]
            inside, outside = ([group[k] for k in codes] for codes in (part, rest))
            wins_any, losses_any = won[np.ix_(inside, outside)].any(), won[np.ix_(outside, inside)].any()
            if wins_any != losses_any:
                verb = "never lost to" if wins_any else "never won against"
                reasons.append(f"{_few([names[group[k]] for k in part])} {verb} the others (separation)")
    return reasons


def solved(matrix: Floats, vector: Floats) -> Floats:
    """x with matrix x = vector; raises LinAlgError where the matrix is singular."""
    return np.asarray(np.linalg.solve(matrix, vector), np.float64)  # pyright: ignore[reportUnknownArgumentType]


def _log_likelihood(strength: Floats, wins: Floats, prior: float) -> float:
    """Sum of w share log P, ties in both halves, plus the prior's tied battles."""
    value = float((wins * log_expit(strength[:, None] - strength[None, :])).sum())
    return value + prior * 0.5 * float((log_expit(strength) + log_expit(-strength)).sum())


def _information(battles: Floats, chance: Floats, strength: Floats, prior: float) -> Floats:
    spread = battles * chance * (1.0 - chance)
    own = expit(strength)
    return np.diag(spread.sum(1) + prior * own * (1.0 - own)) - spread


def _closure(links: Bools) -> Bools:
    """Which codes can be reached from which along `links`, [K, K]; each from itself."""
    reach = links | np.eye(len(links), dtype=np.bool_)
    while True:
        further = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
        if (further == reach).all():
            return reach
        reach = further


def _groups(mutual: Bools) -> list[list[int]]:
    """The classes of an equivalence, [K, K] -> lists of codes, by their first."""
    found: list[list[int]] = []
    seen: set[int] = set()
    for code in range(len(mutual)):
        if code not in seen:
            found.append(np.flatnonzero(mutual[code]).tolist())
            seen.update(found[-1])
    return found


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
