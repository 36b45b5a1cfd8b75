"""Several judges' votes on each item: the majority's win rate, how far they agree, and what was left out of either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.columns import Floats

LOSS, TIE, WIN, UNREAD = 0, 1, 2, -1


@dataclass(frozen=True)
class Majorities:
    """win_rate: share of items whose majority (more than half of the votes) is a win, among items with a majority; ties are a class.

    agreement: mean over items of the share of votes that are the most frequent one. without: items that have no majority. unread:
    votes that could not be read, which are left out, or, as published, count as ties.
    """

    win_rate: float
    tie_rate: float
    agreement: float
    items: int
    with_majority: int
    without: int
    unread: int


def majorities(votes: NDArray[np.int32], *, published: bool = False) -> Majorities:
    """The figures of `votes` [items, judges], codes LOSS, TIE, WIN or UNREAD.

    published: unread votes count as ties and the majority is of all judges, as in the original. Raises BadInput without a vote.
    """
    unread = int((votes == UNREAD).sum())
    held = np.where(votes == UNREAD, TIE, votes) if published else votes
    table: Floats = np.stack([(held == label).sum(1) for label in (LOSS, TIE, WIN)], axis=1).astype(
        np.float64
    )
    cast = table.sum(1)
    if not (cast > 0).any():
        raise BadInput("no vote can be read; see what the judges reply first")
    table, cast = table[cast > 0], cast[cast > 0]
    clear = table.max(1) > cast / 2
    chosen = table.argmax(1)
    decided = int(clear.sum())
    return Majorities(
        float((chosen[clear] == WIN).mean()) if decided else float("nan"),
        float((chosen[clear] == TIE).mean()) if decided else float("nan"),
        float((table.max(1) / cast).mean()),
        len(votes),
        decided,
        len(votes) - decided,
        unread,
    )
