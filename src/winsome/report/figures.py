"""The figures that a report adds to the standings, each a `win_rate` over the same verdicts under other names.

A question such as "does the longer answer win?" renames the two sides of each row (longer, shorter) and asks the
standings room, so every number here has the same interval and the same clusters (prompts) as the standings.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings import Battles, Codes, Row, paired_difference, pairwise, win_rate
from winsome.standings.battles import Bools, mirrored_outcome, outcome_of
from winsome.standings.sides import by_category

if TYPE_CHECKING:
    import polars as pl

Figure = dict[str, Any]
Lengths = NDArray[np.float64]

RATIOS = (1.0, 1.1, 1.5, 2.5)
"""Edges of the bins of the longer answer's length over the shorter's; the last bin is open."""

NOTHING: Figure = {"estimate": None, "low": None, "high": None, "n": 0, "battles": 0, "few": True}


def figure(battles: Battles, name: str) -> Figure:
    """One contender's win rate in per cent with its interval; nulls where nothing was scored.

    few: too few prompts, or too few of one outcome, for the interval to be trusted.
    """
    try:
        standings = win_rate(battles)
        return of_row(standings.row(name))
    except (BadInput, KeyError):
        return dict(NOTHING)


def of_row(row: Row) -> Figure:
    names = ("estimate", "low", "high", "n", "battles")
    return {name: getattr(row, name) for name in names} | {"few": row.estimate is None or row.few_clusters}


def matrix(battles: Battles) -> list[Figure]:
    """Both directions of every pair that met: contender, opponent and the figure of the one against the other."""
    try:
        found = pairwise(battles)
    except BadInput:
        return []
    return [
        {
            "contender": found.names[i],
            "opponent": found.names[j],
            **{
                name: float(getattr(found, of)[i, j])
                for name, of in (("estimate", "rate"), ("low", "low"), ("high", "high"))
            },
            "n": int(found.n[i, j]),
            "battles": int(found.battles[i, j]),
        }
        for i, j in np.argwhere(found.battles > 0).tolist()
    ]


def neighbours(battles: Battles, standings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The paired difference of each contender to the next below it, on the scale of the standings; empty for fewer than three.

    A contender and the baseline differ by its win rate less 50, as their rows do, not by the two win rates of their own battles,
    which lie twice as far apart.
    """
    baseline = standings.get("baseline")
    names = [row["contender"] for row in standings["rows"] if row["estimate"] is not None]
    found: list[dict[str, Any]] = []
    for first, second in itertools.pairwise(names) if len(names) > 2 else ():
        try:
            one = paired_difference(battles, first, second, baseline=baseline).payload()
        except BadInput:
            continue
        found.append(_halved(one) if baseline in (first, second) else one)
    return found


def _halved(difference: Mapping[str, Any]) -> dict[str, Any]:
    spread = ("difference", "standard_error", "low", "high")
    return dict(difference) | {
        name: difference[name] / 2.0 for name in spread if difference[name] is not None
    }


def categories(battles: Battles, baseline: str | None) -> list[Figure]:
    """The standings within each category: category, contender and the figure; empty without categories."""
    if battles.category is None:
        return []
    found: list[Figure] = []
    for label, part in by_category(battles):
        try:
            standings = win_rate(part, baseline=baseline, baseline_row=False)
        except BadInput:
            continue
        found += [
            {"category": label, "contender": row.contender, **of_row(row)}
            for row in standings.rows
            if row.estimate is not None
        ]
    return found


def by_length(battles: Battles, lengths: Lengths) -> Figure:
    """How often the longer answer wins: over all unequal pairs, by ratio of lengths, and for each contender.

    lengths: characters of side a and side b, [rows, 2]. A contender's bins run from much shorter to much longer than
    its opponent: `from` and `to` bound its length over the opponent's (null: open).
    """
    known = ~np.isnan(lengths).any(axis=1) & battles.scored
    one, two = np.maximum(np.nan_to_num(lengths), 0.5).T
    ratio = one / two
    unequal, shorter = known & (ratio != 1.0), ratio < 1.0
    factor = np.maximum(ratio, 1.0 / ratio)

    def longer(rows: Bools) -> Figure:
        return figure(_renamed(battles, ("longer", "shorter"), rows, shorter), "longer")

    edges = zip(RATIOS, (*RATIOS[1:], np.inf), strict=True)
    return {
        "unit": "characters",
        "longer": longer(unequal),
        "equal": int((known & ~unequal).sum()),
        "bins": [
            {"from": low, "to": _open(high), **longer(unequal & (factor >= low) & (factor < high))}
            for low, high in edges
        ],
        "contenders": [
            _of_contender(battles, code, known, ratio, lengths) for code in range(len(battles.names))
        ],
    }


def _of_contender(battles: Battles, code: int, known: Bools, ratio: Lengths, lengths: Lengths) -> Figure:
    name, as_b = battles.names[code], battles.b == code
    took_part = known & ((battles.a == code) | as_b)
    own = np.where(as_b, 1.0 / ratio, ratio)
    bins: list[Figure] = []
    for low, high in _mirrored_edges():
        part = _renamed(battles, (name, "its opponent"), took_part & (own >= low) & (own < high), as_b)
        bins.append({"from": low or None, "to": _open(high), **figure(part, name)})
    mine = np.where(as_b, lengths[:, 1], lengths[:, 0])[took_part]
    return {"contender": name, "mean_length": float(mine.mean()) if len(mine) else None, "bins": bins}


def _mirrored_edges() -> list[tuple[float, float]]:
    """Bins symmetric about equal lengths: below 1/2.5 .. 1/1.1, within a tenth, 1.1 .. above 2.5."""
    outer = RATIOS[1:]
    marks = [0.0, *(1.0 / ratio for ratio in reversed(outer)), *outer, np.inf]
    return list(itertools.pairwise(marks))


def _open(value: float) -> float | None:
    return None if np.isinf(value) else float(value)


def _renamed(battles: Battles, names: tuple[str, str], rows: Bools, swap: Bools) -> Battles:
    """These rows as battles of names[0] against names[1]; side a is names[0] but where `swap` says it is side b."""
    part, turned = battles.take(rows), swap[rows]
    zeros = np.zeros(len(part), np.int32)
    if names[0] == names[1]:
        names = (names[0], f"{names[1]}'")
    return Battles(
        names=names,
        a=zeros,
        b=zeros + 1,
        share=np.where(turned, 1.0 - part.share, part.share),
        outcome=np.where(turned, mirrored_outcome(part.outcome), part.outcome).astype(np.int8),
        weight=part.weight,
        cluster=part.cluster,
    )


def first_seat(asks: pl.DataFrame) -> Figure:
    """The win rate of whichever answer the judge saw first, over single asks that it decided; 50 without a seat effect."""
    share = asks["share"].to_numpy()
    share = np.where(asks["seat_a"].to_numpy() == 0, share, 1.0 - share)
    rows = len(share)
    seats = Battles(
        names=("first seat", "second seat"),
        a=np.zeros(rows, np.int32),
        b=np.ones(rows, np.int32),
        share=share,
        outcome=outcome_of(share),
        weight=np.ones(rows),
        cluster=Codes.of(asks["cluster"].to_list()),
    )
    return figure(seats, "first seat")


def lengths_of(contests: pl.DataFrame, asks: pl.DataFrame) -> Lengths:
    """Characters of each contest's sides as its row names them, [contests, 2]; NaN where an answer is missing."""
    import polars as pl

    first = asks.unique("contest", keep="first", maintain_order=True).select(
        "contest", "a", "length_a", "length_b"
    )
    joined = contests.select("contest", "model_a").join(
        first, on="contest", how="left", maintain_order="left"
    )
    swapped = (pl.col("a") != pl.col("model_a")).fill_null(False)
    return joined.select(
        pl.when(swapped)
        .then("length_b")
        .otherwise("length_a")
        .cast(pl.Float64)
        .fill_null(np.nan)
        .alias("one"),
        pl.when(swapped)
        .then("length_a")
        .otherwise("length_b")
        .cast(pl.Float64)
        .fill_null(np.nan)
        .alias("two"),
    ).to_numpy()
