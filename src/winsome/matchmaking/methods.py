"""The figures that recorded verdicts can be ranked by: what each is called, which settings it takes, how it is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from winsome.errors import BadInput
from winsome.matchmaking import calibration
from winsome.matchmaking.judge_errors import with_judge_noise
from winsome.matchmaking.style_columns import with_style
from winsome.matchmaking.verdict_files import Recorded, in_order_of_time, without_absent
from winsome.matchmaking.wildbench_scales import reward_standings, score_standings, share_of_extent
from winsome.standings import (
    Battles,
    Row,
    Standings,
    bradley_terry,
    bradley_terry_ties,
    elo,
    glicko2,
    grade_mean,
    length_controlled,
    style_controlled,
    win_rate,
)
from winsome.standings.combine import singly
from winsome.standings.intervals import IntervalKind, check_level
from winsome.standings.length_control import Calibration
from winsome.standings.ratings import FILE_ORDER
from winsome.standings.sides import ClusterBy
from winsome.standings.tabulate import with_groups

Method = Literal[
    "win-rate",
    "lc",
    "bt",
    "bt-davidson",
    "bt-rao-kupper",
    "elo",
    "glicko2",
    "grade-mean",
    "wb-score",
    "wb-reward",
]
Penalty = Literal["none", "l1", "l1-cv"]


@dataclass(frozen=True)
class Settings:
    """How verdicts are ranked; None leaves a setting to the method. See `winsome.rank`."""

    baseline: str | None = None
    control: tuple[str, ...] = ()
    by: Literal["category"] | None = None
    interval: IntervalKind | None = None
    cluster: ClusterBy | None = None
    level: float = 0.95
    anchor: Mapping[str, float] | None = None
    baseline_row: bool = True
    passes: int | None = None
    penalty: Penalty | None = None
    c: float | None = None
    gamed: Path | None = None
    calibrated: bool = True
    seed: int = 0


COMPARED = ("by", "cluster")
TAKES: dict[Method, tuple[str, ...]] = {
    "win-rate": (*COMPARED, "baseline", "baseline_row", "interval"),
    "lc": (*COMPARED, "baseline", "baseline_row", "control", "penalty", "c", "gamed", "calibrated"),
    "bt": (*COMPARED, "control", "interval", "anchor"),
    "bt-davidson": (*COMPARED, "anchor"),
    "bt-rao-kupper": (*COMPARED, "anchor"),
    "elo": (*COMPARED, "passes"),
    "glicko2": ("by",),
    "grade-mean": ("by",),
    "wb-score": ("by",),
    "wb-reward": (*COMPARED, "baseline", "baseline_row"),
}
"""Method -> the settings that it takes beside level and seed."""

METHODS: tuple[Method, ...] = tuple(TAKES)
TIE_MODELS: tuple[Method, ...] = ("bt-davidson", "bt-rao-kupper")
"""Methods to which a verdict is a win, a tie or a loss, and nothing between."""

IN_ROW_ORDER: tuple[Method, ...] = ("elo", "glicko2")
"""Methods whose figure depends on the order of the rows."""


def own_figure(found: Recorded, settings: Settings) -> Method:
    """The figure that a format is published with.

    Single grades: their mean. WildBench counts and verdicts with an extent: WB-Reward. With a baseline the win rate against
    it, length-controlled where --control asks for it; without one Bradley-Terry where more than two contenders meet.
    """
    if found.grades is not None:
        return "wb-score" if found.format == "wildbench_scores" else "grade-mean"
    if found.format in ("wildbench_rewards", "wildbench_pairs"):
        return "wb-reward"
    base = settings.baseline or found.baseline
    if settings.control or settings.gamed is not None or settings.penalty is not None:
        return "bt" if base is None else "lc"
    names = found.asks.names if found.asks is not None else ()
    return "bt" if base is None and (len(names) > 2 or settings.anchor is not None) else "win-rate"


def ranked(found: Recorded, method: Method | None, settings: Settings) -> Standings:
    """The standings of `found` by `method` (None: its own figure), under their full name.

    Raises BadInput for an unknown method, and where a setting does not belong to it.
    """
    check_level(settings.level)
    if method is not None and method not in TAKES:
        raise BadInput(f'no method "{method}" (known: {", ".join(METHODS)}); choose one')
    chosen = method or own_figure(found, settings)
    _refuse_foreign(chosen, settings)
    _refuse_unread(found)
    return _by_method(found, chosen, settings).named(found.name, found.judge)


def _refuse_unread(found: Recorded) -> None:
    """BadInput, naming the file, where every verdict or grade is missing (null or NaN): there would be nothing to show."""
    what, read = "scored verdict", None if found.asks is None else found.asks.scored
    if found.grades is not None:
        what, read = "grade", ~np.isnan(found.grades.grade)
    if read is not None and len(read) and not read.any():
        raise BadInput(
            f"{found.name[-80:]}: no {what} among {len(read):,} rows, all are null or NaN; judge them again, or give another file"
        )


def _by_method(found: Recorded, method: Method, settings: Settings) -> Standings:
    if method in ("grade-mean", "wb-score"):
        return _graded(found, method, settings)
    base = settings.baseline or found.baseline if "baseline" in TAKES[method] else None
    settings = replace(settings, baseline=base)
    if method in IN_ROW_ORDER:
        found = in_order_of_time(found)
    found = with_style(found, settings.control)
    battles = found.contests
    if method in TIE_MODELS and found.asks is not None and not _outcomes_alone(battles):
        battles = singly(found.asks)
    if method == "win-rate":
        standings = _win_rate(battles, settings)
        return with_judge_noise(standings, found.asks) if settings.cluster in (None, "prompt") else standings
    if method == "lc":
        return _length_controlled(found, battles, settings)
    if method == "wb-reward":
        return _reward(battles, settings, found.parts)
    return with_groups(battles, lambda part, _: _rated(part, method, settings, found.in_time), settings.by)


def _outcomes_alone(battles: Battles) -> bool:
    """Whether every scored share is a loss, a tie or a win."""
    return bool(np.isin(battles.share[battles.scored], (0.0, 0.5, 1.0)).all())


def _refuse_foreign(method: Method, settings: Settings) -> None:
    plain = Settings()
    for name in vars(plain):
        if name in ("level", "seed", *TAKES[method]) or getattr(settings, name) == getattr(plain, name):
            continue
        takers = [other for other in METHODS if name in TAKES[other]]
        flag = {"baseline_row": "no-baseline-row", "calibrated": "calibration", "c": "C"}.get(name, name)
        raise BadInput(f"method {method} takes no --{flag}; leave it out, or use {' or '.join(takers)}")


def _win_rate(battles: Battles, settings: Settings) -> Standings:
    return win_rate(
        battles,
        baseline=settings.baseline,
        cluster=settings.cluster or "prompt",
        interval=settings.interval or "sandwich",
        level=settings.level,
        by=settings.by,
        baseline_row=settings.baseline_row,
        seed=settings.seed,
    )


def _length_controlled(found: Recorded, battles: Battles, settings: Settings) -> Standings:
    baseline = settings.baseline
    if baseline is None:
        raise BadInput(
            "method lc measures against a baseline; give --baseline NAME, or use bt with --control length"
        )
    control = settings.control or ("length",)
    _refuse_missing(battles, control)
    known = _calibration(found, battles, baseline, settings) if control == ("length",) else None
    if known is None and settings.gamed is not None:
        raise BadInput("a df_gamed.csv knows length alone; leave --gamed out, or --control at length")
    penalty = settings.penalty or ("l1-cv" if known is not None and known.shares is not None else "none")
    if settings.c is not None and penalty != "l1":
        raise BadInput(f"penalty {penalty} takes no --C; add --penalty l1, or leave --C out")
    standings = length_controlled(
        battles,
        baseline=baseline,
        covariates=control,
        calibration=known,
        penalty=penalty,
        **({} if settings.c is None else {"c": settings.c}),
        cluster=settings.cluster or "prompt",
        level=settings.level,
        by=settings.by,
        baseline_row=settings.baseline_row,
    )
    if known is None:
        return standings
    source = "the given gamed rows" if known.shares is not None else "AlpacaEval 2"
    note = (
        f"the difficulties and gamed baselines of {source} enter the fit; --calibration none leaves them out"
    )
    notes = (note, *calibration.shifted(standings, known))
    return replace(standings, warnings=(*standings.warnings, *notes))


def _calibration(found: Recorded, battles: Battles, baseline: str, settings: Settings) -> Calibration | None:
    if not settings.calibrated:
        if settings.gamed is not None:
            raise BadInput("--gamed is a calibration; leave --calibration none out")
        return None
    if settings.gamed is not None:
        return calibration.of_gamed(settings.gamed)
    if battles.cluster is None:
        return None
    used: list[int] = np.unique(battles.cluster.values).tolist()
    prompts = {battles.cluster.labels[code] for code in used if code >= 0}
    return calibration.shipped(prompts, baseline, found.judge)


def _refuse_missing(battles: Battles, control: Sequence[str]) -> None:
    for name in control:
        if name not in battles.covariates:
            known = ", ".join(sorted(battles.covariates)) or "none"
            raise BadInput(
                f'--control {name}: the verdicts have no "{name}" of both answers (found: {known[:60]}); '
                f"give columns {name}_a and {name}_b"
            )


def _rated(battles: Battles, method: Method, settings: Settings, in_time: bool) -> Standings:
    battles, cluster = without_absent(battles), settings.cluster or "prompt"
    if method in IN_ROW_ORDER:
        found = (
            glicko2(battles, level=settings.level)
            if method == "glicko2"
            else elo(
                battles,
                passes=settings.passes or 1,
                cluster=cluster,
                level=settings.level,
                seed=settings.seed,
            )
        )
        told = ["order of the column time used" if in_time and w == FILE_ORDER else w for w in found.warnings]
        return replace(found, warnings=tuple(told))
    if method != "bt":
        model: Any = method.removeprefix("bt-")
        return bradley_terry_ties(
            battles, model=model, cluster=cluster, level=settings.level, anchor=settings.anchor
        )
    if settings.control:
        if settings.interval not in (None, "sandwich"):
            raise BadInput("bt with --control has the sandwich interval alone; leave --interval out")
        _refuse_missing(battles, settings.control)
        return style_controlled(
            battles,
            covariates=settings.control,
            cluster=cluster,
            level=settings.level,
            anchor=settings.anchor,
        )
    if settings.interval == "wald":
        raise BadInput("method bt has no wald interval; use --interval sandwich, bootstrap or bayes")
    return bradley_terry(
        battles,
        cluster=cluster,
        interval=settings.interval or "sandwich",
        level=settings.level,
        anchor=settings.anchor,
        seed=settings.seed,
    )


def _graded(found: Recorded, method: Method, settings: Settings) -> Standings:
    if found.grades is None:
        raise BadInput(
            f"method {method} needs single grades; {found.name} holds comparisons: use win-rate or bt"
        )
    lowest, highest = found.scale
    standings = grade_mean(found.grades, lowest=lowest, highest=highest, level=settings.level, by=settings.by)
    return standings if method == "grade-mean" else score_standings(standings, lowest, highest)


def _reward(battles: Battles, settings: Settings, parts: Mapping[str, Battles]) -> Standings:
    """WB-Reward: half points for small wins and losses, whole ones for large; tasks without a verdict count none."""
    if settings.by is not None and parts:
        alone = replace(settings, by=None)
        groups = {name: _in_group(name, _reward(part, alone, {})) for name, part in parts.items()}
        return replace(_reward(battles, alone, {}), groups=groups)
    if settings.baseline is None:
        raise BadInput("method wb-reward measures against a reference; give --baseline NAME")
    if battles.extent is None:
        raise BadInput(
            'method wb-reward needs "extent" (0, 1 or 2) beside each winner; use win-rate without it'
        )
    return reward_standings(
        replace(battles, share=share_of_extent(battles.share, battles.extent, battles.scored)),
        settings.baseline,
        cluster=settings.cluster or "prompt",
        level=settings.level,
        by=settings.by,
        baseline_row=settings.baseline_row,
    )


def _in_group(name: str, standings: Standings) -> tuple[Row, ...]:
    return tuple(replace(row, group=name) for row in standings.rows)
