"""Sources whose votes are for one contender, and bursts of such votes: who was shown too much and won too much.

A blind arena draws the pairs. A fan votes with more heat than others for what the draw brings; a stuffer is at work where the
draw brings one contender too often AND it wins too often there. Either sign alone is honest: a sampler favours new models, tastes
differ. Tastes are allowed for by the spread of all sources' own residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints
from winsome.standings.laws import expit
from winsome.standings.strengths import PRIOR, fit

ERROR = 0.01
"""Chance that an honest arena has any source flagged, and any burst."""
FEWEST = 4
"""Votes for one contender below which no source is flagged."""
STRETCHES = 50
"""Stretches of time in which the draw's rates are taken for constant."""
SCALES = (400, 2000, 10000)
AROUND = 10
"""Votes of a stretch that may hold a burst, and stretches on either side that say what is usual."""
TASTE = 1.0
"""Logits by which an honest vote's odds for its favourite may exceed the arena's: odds of 2.7 to 1 among equals."""


@dataclass(frozen=True, eq=False)
class Suspicion:
    """`who` (a source's or a bin's code) and `contender`, with votes seen and expected, the share won and expected, and p values."""

    who: int
    contender: int
    votes: int
    expected: float
    won: float
    expected_won: float
    p_shown: float
    p_won: float


def suspicious_sources(battles: Battles, source: Ints, time: Floats | None = None) -> list[Suspicion]:
    """Sources [rows] that met one contender more often than the draw brings it, and voted for it more than tastes explain.

    Both tests are binomial, at one half of Bonferroni's share over all sources and contenders that met. The draw's rate is
    that of everybody; with `time` [rows] that of the stretches in which the source voted, so that a model's launch is no alarm.
    """
    from scipy.sparse import csr_matrix

    size, sources = len(battles.names), int(source.max(initial=0)) + 1
    cells, shown, won, chance = _cells(battles, source)
    totals = np.bincount(source, minlength=sources)
    number = 1 if time is None else STRETCHES
    stretch = np.zeros(len(battles), np.int64) if time is None else _quantile_bins(time, number)[0]
    met = np.zeros((number, size))
    np.add.at(met, (stretch, battles.a), 1.0)
    np.add.at(met, (stretch, battles.b), 1.0)
    met /= np.maximum(np.bincount(stretch, minlength=number), 1)[:, None]
    voted = csr_matrix((np.ones(len(battles)), (source, stretch)), shape=(sources, number))
    expected = np.asarray(voted @ met).ravel()[cells]
    rate = expected / totals[cells // size]
    return _flagged(cells, shown, won, chance, totals, size, rate)


@dataclass(frozen=True, eq=False)
class Burst:
    """A stretch of time and what was suspicious in it."""

    start: float
    end: float
    found: Suspicion


def bursts(battles: Battles, time: Floats) -> list[Burst]:
    """Stretches of time in which one contender was shown and won too much, the surest first, none overlapping for one contender.

    time: any unit [rows]; stretches of about 400, 2,000 and 10,000 votes. A contender's rate is the median of the `AROUND`
    stretches on either side, as far as it was there, so neither a new model's entry nor a short trial is a burst of its own.
    """
    size = len(battles.names)
    every: list[Burst] = []
    scales = sorted({max(2 * AROUND, len(battles) // votes) for votes in SCALES})
    for number in scales:
        if number > len(battles) // 40:
            continue
        code, edges = _quantile_bins(time, number)
        cells, shown, won, chance = _cells(battles, code)
        table = np.zeros((number, size))
        table[cells // size, cells % size] = shown
        totals = np.bincount(code, minlength=number)
        rate = np.maximum(_usual(table), 1.0) / np.maximum(totals[:, None], 1)
        found = _flagged(cells, shown, won, chance, totals, size, rate.ravel()[cells], len(scales))
        every += [Burst(float(edges[one.who]), float(edges[one.who + 1]), one) for one in found]
    kept: list[Burst] = []
    for burst in sorted(every, key=lambda one: one.found.p_shown):
        if not any(
            burst.found.contender == other.found.contender
            and burst.start <= other.end
            and other.start <= burst.end
            for other in kept
        ):
            kept.append(burst)
    return kept


def _usual(table: Floats) -> Floats:
    """How often a contender was met in the stretches around each [stretches, contenders].

    The median of `AROUND` stretches on either side, mirrored at the ends; of one that came later or went earlier only those from its
    first to its last meeting, for of a trial of a few stretches the others say nothing.
    """
    number = len(table)
    padded = np.pad(table, ((AROUND, AROUND), (0, 0)), mode="reflect")
    near = np.median(np.stack([padded[k : k + number] for k in range(2 * AROUND + 1)]), axis=0)
    met = table > 0
    first, last = met.argmax(0), number - 1 - met[::-1].argmax(0)
    brief = np.flatnonzero((first > 0) | (last < number - 1))
    place = np.arange(number)[:, None]
    there = np.where((place >= first[brief]) & (place <= last[brief]), table[:, brief], np.nan)
    padded = np.pad(there, ((AROUND, AROUND), (0, 0)), constant_values=np.nan)
    # NaN is sorted last
    ordered = np.sort(np.stack([padded[k : k + number] for k in range(2 * AROUND + 1)]), axis=0)
    count = np.maximum((~np.isnan(ordered)).sum(0), 1)
    middle = [np.take_along_axis(ordered, at[None], 0)[0] for at in ((count - 1) // 2, count // 2)]
    near[:, brief] = np.nan_to_num((middle[0] + middle[1]) / 2.0)
    return near


def _cells(battles: Battles, who: Ints) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """By (who, contender) that met: code, votes, share won, and the share won that strengths and the full taste allow."""
    size = len(battles.names)
    flat = battles.a.astype(np.int64) * size + battles.b
    met = np.bincount(flat, minlength=size * size).reshape(size, size)
    gained = np.bincount(flat, battles.share, size * size).reshape(size, size)
    strength, _ = fit(gained + (met - gained).T, PRIOR)
    gap = strength[battles.a] - strength[battles.b]
    cell = np.concatenate([who.astype(np.int64) * size + battles.a, who.astype(np.int64) * size + battles.b])
    share = np.concatenate([battles.share, 1.0 - battles.share])
    heated = np.concatenate([expit(gap + TASTE), expit(TASTE - gap)])
    length = (int(who.max(initial=0)) + 1) * size
    shown = np.bincount(cell, minlength=length)
    cells = np.flatnonzero(shown)
    won, chance = np.bincount(cell, share, length)[cells], np.bincount(cell, heated, length)[cells]
    return cells, shown[cells].astype(np.float64), won, chance / shown[cells]


def _quantile_bins(time: Floats, number: int) -> tuple[Ints, Floats]:
    edges = np.quantile(time, np.linspace(0.0, 1.0, number + 1))
    code = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, number - 1)
    return code.astype(np.int32), edges


def _flagged(
    cells: NDArray[np.int64],
    shown: Floats,
    won: Floats,
    chance: Floats,
    totals: Ints,
    size: int,
    rate: Floats,
    families: int = 1,
) -> list[Suspicion]:
    from scipy.stats import binom

    who, contender = cells // size, cells % size
    level = ERROR / 2.0 / families / max(len(cells), 1)
    worth = np.flatnonzero((shown >= FEWEST) & (shown > totals[who] * rate))
    n = totals[who[worth]]
    p_shown = binom.sf(shown[worth] - 1, n, np.minimum(rate[worth], 1.0))
    p_won = binom.sf(np.ceil(won[worth]) - 1, shown[worth], chance[worth])
    # Few votes cannot be sure of both: a chance of meeting so often far below the level leaves the votes only to lean that way.
    found = (p_shown <= level) & ((p_won <= 0.01) | (p_shown * np.maximum(p_won, 1e-300) <= level * level))
    found &= won[worth] / shown[worth] > chance[worth]
    return sorted(
        (
            Suspicion(int(who[k]), int(contender[k]), int(shown[k]), float(totals[who[k]] * rate[k]),
                      float(won[k] / shown[k]), float(chance[k]), float(ps), float(pw))
            for k, ps, pw in zip(worth[found], p_shown[found], p_won[found], strict=True)
        ),
        key=lambda one: one.p_shown,
    )  # fmt: skip
