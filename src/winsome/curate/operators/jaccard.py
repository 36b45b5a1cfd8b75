"""Pairs whose answers share words: what differs between them is then what was preferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.curate.operators.highest import highest

if TYPE_CHECKING:
    from polars import DataFrame

    from winsome.frames import Kept

ON = "pairs"
READS = "sides"


def jaccard(frame: DataFrame, *, budget: float = 0.5) -> Kept:
    """The `budget` pairs (below 1: that share) of highest |A and B| / |A or B|, A and B the sets of words of the two answers.

    Words are runs without white space, in lower case; two empty answers share nothing. A baseline of R.I.P.
    """
    values = [
        similarity(chosen or "", rejected or "")
        for chosen, rejected in zip(frame["chosen_text"], frame["rejected_text"], strict=True)
    ]
    return highest(frame, values, "jaccard", budget)


def similarity(first: str, second: str) -> float:
    """The Jaccard index of the words of two texts, in [0, 1]."""
    a, b = set(first.lower().split()), set(second.lower().split())
    return len(a & b) / len(a | b) if a | b else 0.0
