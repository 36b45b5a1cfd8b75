"""Standings from verdicts that exist already: files of known formats, frames or Battles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from winsome.matchmaking.methods import Method, Penalty, Settings, ranked
from winsome.matchmaking.verdict_files import recorded
from winsome.standings.battles import Battles
from winsome.standings.intervals import IntervalKind
from winsome.standings.sides import ClusterBy
from winsome.standings.table import Standings

if TYPE_CHECKING:
    import polars as pl


def rank(
    *verdicts: str | Path | pl.DataFrame | Battles,
    method: Method | None = None,
    baseline: str | None = None,
    control: Sequence[str] | str = (),
    by: Literal["category"] | None = None,
    interval: IntervalKind | None = None,
    cluster: ClusterBy | None = None,
    level: float = 0.95,
    anchor: Mapping[str, float] | None = None,
    baseline_row: bool = True,
    passes: int | None = None,
    penalty: Penalty | None = None,
    c: float | None = None,
    gamed: str | Path | None = None,
    calibrated: bool = True,
    aspect: str | None = None,
    category: str | None = None,
    margin: int = -1,
    format: str | None = None,
    seed: int = 0,
) -> Standings:
    """The standings of recorded verdicts: files (AlpacaEval, Arena-Hard, MT-Bench, Chatbot Arena, WildBench, tables), frames or Battles.

    method: win-rate and lc (length-controlled) in per cent; bt, bt-davidson, bt-rao-kupper, elo and glicko2 in Arena points; grade-mean
    and wb-score for single grades; wb-reward in [-1, 1]. None takes the format's own (`methods.own_figure`). Orders and repeats
    of a contest are combined first.
    control: covariates held equal, as in "length,markdown": of lc, and of bt as in Chatbot Arena. penalty, c, gamed: the L1
    fit of lc, and the path of AlpacaEval's df_gamed.csv, with which C is chosen as published; calibrated: whether lc may use
    the difficulties of AlpacaEval 2 where the verdicts are on it. anchor: {contender: rating} of bt, else the mean is 1000.
    passes: seeded shuffles over which elo is averaged (1: one pass in the order of a column `time`, else of the file, as for glicko2).
    interval: sandwich, bootstrap, bayes, for win rates also wald. cluster: prompt, annotator or none. aspect, category: rows
    of this one alone. margin: length margin of WB-Reward counts. format forces how files are read.
    Raises BadInput naming file, record and field, and for settings that do not go together.
    """
    found = recorded(
        *verdicts, format=format, baseline=baseline, aspect=aspect, category=category, margin=margin
    )
    settings = Settings(
        baseline=baseline,
        control=covariates(control),
        by=by,
        interval=interval,
        cluster=cluster,
        level=level,
        anchor=anchor,
        baseline_row=baseline_row,
        passes=passes,
        penalty=penalty,
        c=c,
        gamed=None if gamed is None else Path(gamed),
        calibrated=calibrated,
        seed=seed,
    )
    return ranked(found, method, settings)


def covariates(control: Sequence[str] | str) -> tuple[str, ...]:
    """The names in a list, or in a text with commas between; each once."""
    names = control.split(",") if isinstance(control, str) else control
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
