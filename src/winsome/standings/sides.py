"""Battles seen from each contender, and the counts and notes that stand beside every figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.records import OUTCOMES, SCORED
from winsome.standings.battles import Battles, mirrored_outcome
from winsome.standings.columns import Bools, Floats, Ints, counts, dense

ClusterBy = Literal["prompt", "annotator", "none"]


@dataclass(frozen=True, eq=False)
class Sided:
    """One contender's battles: its share, opponent, outcome, weight, cluster and whether it is scored, each [rows].

    row: the battle's place in the columns; first: whether the contender is its side a.
    """

    share: Floats
    opponent: Ints
    outcome: NDArray[np.int8]
    weight: Floats
    cluster: Ints
    scored: Bools
    row: NDArray[np.intp]
    first: Bools

    def take(self, rows: Bools) -> Sided:
        return Sided(*(column[rows] for column in self.columns()))  # pyright: ignore[reportArgumentType]

    def columns(self) -> tuple[NDArray[np.generic], ...]:
        return (
            self.share,
            self.opponent,
            self.outcome,
            self.weight,
            self.cluster,
            self.scored,
            self.row,
            self.first,
        )

    def against(self, opponent: int | None) -> Sided:
        """The battles against one opponent; all of them for None."""
        return self if opponent is None else self.take(self.opponent == opponent)

    def counts(self) -> dict[str, int]:
        """Rows by outcome; they add up to the rows."""
        found = counts(self.outcome, len(OUTCOMES))
        return {outcome: int(count) for outcome, count in zip(OUTCOMES, found, strict=True)}


def sided(battles: Battles, cluster: ClusterBy = "prompt") -> list[Sided]:
    """The battles of each contender, in the order of `battles.names`."""
    codes, scored, rows = cluster_codes(battles, cluster), battles.scored, np.arange(len(battles))
    owner = np.concatenate([battles.a, battles.b])
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(battles.names) + 1))

    def both(of_a: NDArray[np.generic], of_b: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([of_a, of_b])[order]

    columns = (
        both(battles.share, 1.0 - battles.share),
        both(battles.b, battles.a),
        both(battles.outcome, mirrored_outcome(battles.outcome)),
        both(battles.weight, battles.weight),
        both(codes, codes),
        both(scored, scored),
        both(rows, rows),
        both(np.ones(len(battles), np.bool_), np.zeros(len(battles), np.bool_)),
    )
    return [
        Sided(*(column[start:end] for column in columns))  # pyright: ignore[reportArgumentType]
        for start, end in pairwise(bounds.tolist())
    ]


def cluster_codes(battles: Battles, cluster: ClusterBy) -> Ints:
    """Codes without gaps [rows] of what is taken as independent; BadInput where that column is not there."""
    if cluster == "none":
        return np.arange(len(battles), dtype=np.int32)
    if cluster == "prompt":
        return battles.clusters()[0]
    if cluster != "annotator":
        raise BadInput(f"cluster {cluster!r} is unknown; use prompt, annotator or none")
    if battles.annotator is None:
        raise BadInput("cluster annotator: the verdicts name no annotator; use --cluster prompt")
    return dense(battles.annotator.values)[0]


@dataclass(frozen=True, eq=False)
class Tally:
    """What stands beside a rating, by contender [K]: clusters and rows that entered, and rows by outcome [K, 9]."""

    n: NDArray[np.int64]
    battles: NDArray[np.int64]
    outcomes: NDArray[np.int64]

    def counts(self, code: int) -> dict[str, int]:
        """A contender's rows by outcome."""
        return {outcome: int(count) for outcome, count in zip(OUTCOMES, self.outcomes[code], strict=True)}


def tally(battles: Battles, cluster: ClusterBy = "prompt") -> Tally:
    """The counts of all contenders, without sorting the rows."""
    size, kinds = len(battles.names), len(OUTCOMES)
    scored = battles.scored
    outcomes = counts(battles.a.astype(np.int64) * kinds + battles.outcome, size * kinds)
    outcomes = outcomes + counts(
        battles.b.astype(np.int64) * kinds + mirrored_outcome(battles.outcome), size * kinds
    )
    a, b = (battles.a, battles.b) if scored.all() else (battles.a[scored], battles.b[scored])
    rows = counts(a, size) + counts(b, size)
    n = rows
    if cluster == "annotator" or (cluster == "prompt" and battles.cluster is not None):
        codes = cluster_codes(battles, cluster)[scored].astype(np.int64)
        n = counts(np.unique(np.concatenate([codes * size + a, codes * size + b])) % size, size)
    return Tally(n, rows, outcomes.reshape(size, kinds))


def by_category(battles: Battles) -> Iterator[tuple[str, Battles]]:
    """The battles of each category in the order of their names; rows without one are left out."""
    if battles.category is None:
        raise BadInput(
            "by category: the verdicts have no category; give a file with that column or leave --by out"
        )
    for code, label in enumerate(battles.category.labels):
        rows = battles.category.values == code
        if rows.any():
            yield label, battles.take(rows)


def check_rankable(battles: Battles) -> None:
    """Raises BadInput where aspects are mixed or nothing is scored."""
    if battles.aspect is not None:
        found = np.unique(battles.aspect.values)
        if len(found) > 1:
            labels = battles.aspect.labels
            names = ", ".join("(none)" if code < 0 else labels[int(code)] for code in found)
            raise BadInput(f"verdicts on {len(found)} aspects are mixed ({names[:90]}); choose one aspect")
    if not battles.scored.any():
        raise BadInput(f"no scored verdict among {len(battles)} rows; nothing can be ranked")


def pooled(battles: Battles) -> tuple[str, ...]:
    """The warning that verdicts of several judges make one figure; empty for one judge."""
    if battles.judge is None:
        return ()
    judges = len(np.unique(battles.judge.values))
    return (f"verdicts of {judges} judges are pooled; their figures alone may differ",) if judges > 1 else ()


def dropped(battles: Battles) -> tuple[tuple[str, int], ...]:
    """(outcome, rows) of the outcomes that were not scored, those with any."""
    found = counts(battles.outcome, len(OUTCOMES))
    pairs = zip(OUTCOMES, found, strict=True)
    return tuple((outcome, int(count)) for outcome, count in pairs if outcome not in SCORED and count)
