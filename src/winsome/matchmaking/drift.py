"""Whether a judge can be read, and whether it changed in the middle of a run: from one ask on it cannot be read, or names one seat.

Both changes are sequences of yes and no in the plan's order, in which asks go out (replies that cannot be read come later, as they are asked
again); the place of the largest jump is sought, and told only where it is large and no accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.matchmaking.asks import Ask
from winsome.matchmaking.tally import Tally
from winsome.records import SCORED
from winsome.standings.intervals import wilson
from winsome.standings.laws import normal_quantile

FEWEST = 20
"""Asks on either side of a change."""
JUMP = 0.3
"""Difference of the two rates below which nothing is told."""
SURE = 5.0
"""Standard errors of the difference, the largest of all places: one false alarm in well over a thousand runs."""


GARBLED = 0.05
"""Share of a model's replies that cannot be read, by the interval's lower end, from which on it is told, though new asks were read."""


def garbled(tally: Tally, model: str) -> list[str]:
    """A line where more than `GARBLED` of a model's replies could not be read as verdicts: those asked again count here alone."""
    if not tally.heard:
        return []
    low, high = wilson(tally.unread / tally.heard, tally.heard, normal_quantile(0.975))
    if low < GARBLED:
        return []
    return [
        f"{model}: {tally.unread:,} of its {tally.heard:,} replies ({tally.unread / tally.heard:.0%}, {low:.0%} to {high:.0%}) cannot be "
        f"read; each was asked again twice at most, and what was read then counts"
    ]


@dataclass(frozen=True)
class Change:
    """`place`: asks before it; the rates before and after."""

    place: int
    before: float
    after: float


def change_of(happened: NDArray[np.bool_]) -> Change | None:
    """The place where the rate of a sequence jumps most; None where it does not, or by too little."""
    n = len(happened)
    if n < 2 * FEWEST:
        return None
    seen = np.cumsum(happened)
    place = np.arange(FEWEST, n - FEWEST + 1)
    before = seen[place - 1] / place
    after = (seen[-1] - seen[place - 1]) / (n - place)
    rate = seen[-1] / n
    error = np.sqrt(max(rate * (1.0 - rate), 1e-12) * (1.0 / place + 1.0 / (n - place)))
    strength = np.abs(after - before) / error
    best = int(np.argmax(strength))
    if strength[best] < SURE or abs(after[best] - before[best]) < JUMP:
        return None
    return Change(int(place[best]), float(before[best]), float(after[best]))


def warnings_of(asks: Sequence[Ask], judge: str) -> list[str]:
    """A line for each way in which the judge changed over `asks`, those bought in a run in the plan's order; empty where it did not."""
    judged = [ask for ask in asks if ask.verdict and ask.outcome != "void"]
    told: list[str] = []
    unread = change_of(np.array([ask.outcome == "unparsed" for ask in judged], np.bool_))
    if unread is not None:
        told.append(
            f"{judge}: {unread.before:.0%} of its first {unread.place:,} replies cannot be read and {unread.after:.0%} of those after: "
            f"it changed its format, and what it cannot be read on is left out"
        )
    sided = [ask for ask in judged if ask.outcome in SCORED and ask.share not in (None, 0.5)]
    first = change_of(np.array([((ask.share or 0.0) > 0.5) == (ask.seat_a == 0) for ask in sided], np.bool_))
    if first is not None:
        told.append(
            f"{judge}: the first answer shown won {first.before:.0%} of its first {first.place:,} verdicts and {first.after:.0%} of those "
            f"after: it changed how it judges"
        )
    return told
