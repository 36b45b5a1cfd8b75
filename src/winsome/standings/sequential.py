"""Intervals and decisions that stay true however often one looks: betting confidence sequences and e-values.

A gambler who may bet each next share against "the mean is m" can multiply the stake by 1 / (1 - level) only with chance
1 - level if m is true; the m at which no gambler got that rich form an interval that holds at all times together.
Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", hedged capital.

Estimates with a standard error that are no plain means (control variates) get the mixture factor of a normal martingale instead, which
holds at all times together for many labels: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory
and asymptotic confidence sequences", theorem 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, dense, sums
from winsome.standings.intervals import check_level
from winsome.standings.sides import check_rankable, sided
from winsome.standings.table import Row, Standings

GRID = 1001
"""Candidate means between 0 and 1; limits are rounded outwards to a step of 0.001."""

LONGEST_BET = 0.5
"""The part of the stake that is risked at most, against both ends."""


@dataclass(frozen=True, eq=False)
class SequentialRate:
    """A contender's running win rate in per cent, [prompts] in schedule order: estimate, low, high, e_value.

    e_value: the evidence against a win rate of 50, at least 1 / (1 - level) where it is decided; decided_at: after how
    many prompts that was first so, None for never.
    """

    contender: str
    baseline: str
    estimate: Floats
    low: Floats
    high: Floats
    e_value: Floats
    decided_at: int | None


def confidence_sequence(share: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """(low, high), each [n]: with chance `level` the mean is inside at every n at once. share: [n] in [0, 1], in order."""
    check_level(level)
    grid = np.linspace(0.0, 1.0, GRID)
    up, down = np.zeros(GRID), np.zeros(GRID)
    inside = np.ones(GRID, np.bool_)
    low, high = np.empty(len(share)), np.empty(len(share))
    bound = math.log(2.0 / (1.0 - level))
    for n, (value, bet) in enumerate(zip(share, bets(share, level), strict=True)):
        with np.errstate(divide="ignore"):
            up += np.log1p(np.minimum(bet, LONGEST_BET / grid) * (value - grid))
            down += np.log1p(-np.minimum(bet, LONGEST_BET / (1.0 - grid)) * (value - grid))
        inside &= np.maximum(up, down) < bound
        kept = np.flatnonzero(inside)
        # An empty set means that the level's error happened; the last candidates then stand.
        first, last = (
            (int(kept[0]), int(kept[-1])) if len(kept) else (int(low[n - 1] * 1000), int(high[n - 1] * 1000))
        )
        low[n], high[n] = grid[max(0, first - 1)], grid[min(GRID - 1, last + 1)]
    return low, high


def e_values(share: Floats, null: float = 0.5, *, level: float = 0.95) -> Floats:
    """[n] the evidence against "the mean is `null`": the mean stake of two gamblers, one for more and one for less.

    Under the null its chance ever to reach x is at most 1 / x. `level` tunes the bets only.
    """
    bet = bets(share, level)
    up = np.cumsum(np.log1p(np.minimum(bet, LONGEST_BET / null) * (share - null)))
    down = np.cumsum(np.log1p(-np.minimum(bet, LONGEST_BET / (1.0 - null)) * (share - null)))
    return (np.exp(np.minimum(up, 700.0)) + np.exp(np.minimum(down, 700.0))) / 2.0


def bets(share: Floats, level: float) -> Floats:
    """[n] the bet on each share, from those before it alone: sqrt(2 log(2 / (1 - level)) / (variance n log(1 + n)))."""
    n = np.arange(1, len(share) + 1)
    mean = (0.5 + np.cumsum(share)) / (n + 1)
    variance = (0.25 + np.cumsum((share - mean) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.sqrt(2.0 * math.log(2.0 / (1.0 - level)) / (before * n * np.log1p(n)))


def sequential_win_rate(
    battles: Battles, contender: str, baseline: str, *, level: float = 0.95
) -> SequentialRate:
    """The running win rate of `contender` against `baseline`, prompts in the order of their first row, each weight 1.

    The rows must be in schedule order, never in order of arrival; a prompt's share is the weighted mean over its rows.
    Raises BadInput where the two never met.
    """
    check_rankable(battles)
    code, other = battles.code_of(contender), battles.code_of(baseline)
    view = sided(battles)[code].against(other)
    used = view.take(view.scored)
    if not len(used.share):
        raise BadInput(f"{contender} never met {baseline} in a scored battle; judge at least one prompt")
    order = np.argsort(used.row, kind="stable")
    codes, prompts = dense(used.cluster)
    first = np.full(prompts, len(codes))
    np.minimum.at(first, codes[order], np.arange(len(codes)))
    weight = sums(codes, used.weight, prompts)
    share = (sums(codes, used.weight * used.share, prompts) / weight)[np.argsort(first)]
    share = np.clip(share, 0.0, 1.0)
    low, high = confidence_sequence(share, level=level)
    evidence = e_values(share, level=level)
    decided = np.flatnonzero((low > 0.5) | (high < 0.5))
    running = np.cumsum(share) / np.arange(1, prompts + 1)
    return SequentialRate(
        contender,
        baseline,
        100.0 * running,
        100.0 * low,
        100.0 * high,
        evidence,
        int(decided[0]) + 1 if len(decided) else None,
    )


def mixture_factor(n: float, best_at: float, *, level: float = 0.95) -> float:
    """How many standard errors at `n` labels reach so far that the interval holds at every n at once; about 3 at its best.

    sqrt(2 (n r^2 + 1) / (n r^2) log(sqrt(n r^2 + 1) / a)) with a = 1 - level; r is chosen so that the interval is near its
    narrowest after `best_at` labels.
    """
    check_level(level)
    if not n > 0 or not best_at > 0:
        raise BadInput(f"{n:g} labels, best at {best_at:g}: give numbers above 0")
    log = -2.0 * math.log(1.0 - level)
    scaled = n * (log + math.log(log + 1.0)) / best_at
    return math.sqrt(2.0 * (scaled + 1.0) / scaled * math.log(math.sqrt(scaled + 1.0) / (1.0 - level)))


def mixed(standings: Standings, best_at: float) -> Standings:
    """Standings of two contenders with the intervals of `mixture_factor`, for labels that ended once the two were told apart."""
    rows: list[Row] = []
    for row in standings.rows:
        if row.estimate is None or row.standard_error is None:
            rows.append(row)
            continue
        reach = mixture_factor(row.n, best_at, level=standings.level) * row.standard_error
        rows.append(replace(row, low=max(0.0, row.estimate - reach), high=min(100.0, row.estimate + reach)))
    apart = all(
        row.low is not None and row.high is not None and (row.low > 50.0 or row.high < 50.0) for row in rows
    )
    rows = [replace(row, ranks=(place,) if apart else (1, 2)) for place, row in enumerate(rows, 1)]
    return replace(standings, rows=tuple(rows), interval="sequential", decisions=())


def anytime(standings: Standings, battles: Battles, *, level: float = 0.95) -> Standings:
    """Win-rate standings with intervals that hold at every look, for a run that stopped once it was decided.

    Each row is read against the baseline, or of two contenders against the other; `level` holds for each row. Ranks are
    given for two contenders only: others were not compared by a rule that allows for stopping.
    """
    names = [row.contender for row in standings.rows]
    if standings.baseline is None and len(names) != 2:
        raise BadInput(
            f"{len(names)} contenders without a baseline: name one, against which each is followed"
        )
    rows: list[Row] = []
    sure: set[str] = set()
    for row in standings.rows:
        other = standings.baseline or names[1 - names.index(row.contender)]
        if row.contender == other or row.estimate is None:
            rows.append(replace(row, ranks=()))
            continue
        followed = sequential_win_rate(battles, row.contender, other, level=level)
        if followed.low[-1] > 50.0 or followed.high[-1] < 50.0:
            sure.add(row.contender)
        rows.append(replace(row, low=float(followed.low[-1]), high=float(followed.high[-1]), ranks=()))
    if len(names) == 2:
        rows = [replace(row, ranks=(place,) if sure else (1, 2)) for place, row in enumerate(rows, 1)]
    open_ = tuple(
        f"{row.contender}: not decided at n = {row.n}, with an interval for any number of looks"
        for row in rows
        if row.contender not in sure and row.contender != standings.baseline
    )
    return replace(standings, rows=tuple(rows), interval="sequential", level=level, decisions=open_)
