"""The figure that a suite is published with, from the asks of a comparison.

win-rate          the mean share of the contests
lc                the win rate at equal lengths, with AlpacaEval's difficulties where they belong to the prompts
arena-hard        the mean share of the asks, those of a large win (extent 2) counted three times
wb-reward:K       WB-Reward; slight wins of more than K characters become ties (-1: never)
grade-mean        the mean of single grades from 1 to 10
wb-score          the same as 2 (grade - 5)
sopr              the solvable pass rate: grades 1, 0.5 and 0 of each task, with the noise of judging apart from that of tasks
sowr              the solvable win rate: of each task the most frequent of its asks' shares
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from winsome.errors import BadInput
from winsome.judges.heard import extents
from winsome.protocols import Judge
from winsome.records import Outcome
from winsome.standings.battles import CODE, Battles
from winsome.standings.combine import combine
from winsome.standings.grades import Grades, grade_mean, wildbench_score
from winsome.standings.length_control import length_controlled
from winsome.standings.table import Row, Standings
from winsome.standings.tool_scores import POINTS, UNREAD, PassRate, most_frequent, pass_rate
from winsome.standings.win_rate import win_rate

if TYPE_CHECKING:
    import polars as pl

FIGURES = ("win-rate", "lc", "arena-hard", "wb-reward", "grade-mean", "wb-score", "sopr", "sowr")
NEEDS_BASELINE = ("lc", "wb-reward", "sowr")
OF_GRADES = ("grade-mean", "wb-score", "sopr")
OF_EXTENTS = ("wb-reward",)
SOLVED = "solved% of tasks"
LARGE_WIN = 3.0
"""How often Arena-Hard counts an ask whose label is >> or <<."""


def check_figure(name: str, baseline: str | None, judge: Judge) -> None:
    """BadInput for an unknown figure, one that lacks its baseline, or one that needs grades or extents which `judge` does not give."""
    kind, _, rest = name.partition(":")
    known = kind in FIGURES and (not rest or (kind == "wb-reward" and rest.lstrip("-").isdigit()))
    if name and not known:
        raise BadInput(f'suite\'s figure "{name[:40]}" is unknown (known: {", ".join(FIGURES)}); correct it')
    if kind in NEEDS_BASELINE and baseline is None:
        raise BadInput(
            f"figure {kind} measures against a baseline; give --baseline NAME, one of the contenders"
        )
    if kind in OF_EXTENTS and not extents(judge):
        raise BadInput(
            f"figure {kind} needs the size of each win, which judge {judge.name[:50]} does not tell; take a five-way judge such as "
            "checklist?metric=reward"
        )
    if kind in OF_GRADES and 1 not in judge.sides:
        raise BadInput(
            f"figure {kind} takes grades of single answers, and this judge compares two; give --judge a model, or a judge that grades"
        )


def figure(
    name: str, asks: Battles, frame: pl.DataFrame, baseline: str | None, *, seed: int = 0
) -> Standings:
    """Standings by the figure `name` of the asks; `frame` has them as rows, with grade_a and grade_b for single grades."""
    kind, _, rest = name.partition(":")
    if kind == "sopr":
        return pass_rates(frame)
    if kind in OF_GRADES:
        return _graded(frame, kind)
    if kind == "sowr":
        return replace(win_rate(combine(voted(asks)), baseline=baseline, seed=seed), method=kind)
    if kind == "arena-hard":
        return arena_hard(asks, baseline, seed)
    contests = combine(asks)
    if kind == "wb-reward" and baseline is not None:
        return wb_reward(asks, baseline, int(rest or -1))
    if kind == "lc" and baseline is not None:
        return length_controlled(contests, baseline=baseline)
    return win_rate(contests, baseline=baseline, seed=seed)


def arena_hard(asks: Battles, baseline: str | None, seed: int = 0) -> Standings:
    """Win rates over asks, weight 3 for a large win; both orders and all repeats of a prompt are one cluster."""
    extent = np.zeros(len(asks)) if asks.extent is None else asks.extent
    weight = np.where(extent >= 2.0, LARGE_WIN, 1.0) * asks.weight
    rows = replace(asks, weight=weight, order=None, repeat=None, contest=None)
    found = win_rate(rows, baseline=baseline, seed=seed)
    return replace(found, method="arena-hard")


def with_margin(battles: Battles, margin: int) -> Battles:
    """The battles with slight wins (extent up to 1) as ties where the winner's answer is more than `margin` characters longer.

    Large wins stay, -1 changes nothing. Source: Lin et al. 2024, WildBench, the length margin K.
    """
    if margin < 0:
        return battles
    lengths = battles.covariates.get("length")
    if lengths is None or battles.extent is None:
        raise BadInput(
            "a length margin needs the lengths of both answers and the extent of each win; give both, or -1"
        )
    longer = lengths[:, 0] - lengths[:, 1]
    by = np.where(battles.share > 0.5, longer, -longer)
    slight = battles.scored & (battles.share != 0.5) & (battles.extent <= 1.0) & (by > margin)
    outcome, share, extent = battles.outcome.copy(), battles.share.copy(), battles.extent.copy()
    outcome[slight], share[slight], extent[slight] = CODE["tie"], 0.5, 0.0
    return replace(battles, outcome=outcome, share=share, extent=extent)


def wb_reward(asks: Battles, baseline: str, margin: int = -1) -> Standings:
    """WB-Reward at a length margin, rows sorted; what was not read counts in the denominator as 0, as published."""
    from winsome.matchmaking.wildbench_scales import reward_standings

    bounded = with_margin(asks, margin)
    found = reward_standings(combine(halved(bounded)), baseline)
    return replace(found, scale=f"{found.scale}, length margin {margin}" if margin >= 0 else found.scale)


def halved(battles: Battles) -> Battles:
    """Each ask's share at its extent (slight wins 0.75), so that the mean over orders is a mean of rewards."""
    if battles.extent is None:
        raise BadInput("WB-Reward needs the extent of each win (0, 1 or 2); take a five-way judge")
    share = 0.5 + (battles.share - 0.5) * np.where(battles.scored, battles.extent, 0.0) / 2.0
    return replace(battles, share=share, extent=np.full(len(battles), 2.0))


def voted(asks: Battles) -> Battles:
    """The asks, each with the most frequent share of its contest's asks that could be read."""
    if asks.contest is None:
        return asks
    shares: dict[int, list[float]] = {}
    contests = asks.contest.values.tolist()
    for contest, share, scored in zip(contests, asks.share.tolist(), asks.scored.tolist(), strict=True):
        if scored:
            shares.setdefault(contest, []).append(share)
    votes = {contest: most_frequent(found) for contest, found in shares.items()}
    told = np.array([votes.get(contest, math.nan) for contest in contests])
    share = np.where(asks.scored, told, asks.share)
    outcome = asks.outcome.copy()
    plain: dict[Outcome, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}
    for name, at in plain.items():
        outcome[asks.scored & (share == at)] = CODE[name]
    return replace(asks, share=share, outcome=outcome)


def pass_rates(frame: pl.DataFrame) -> Standings:
    """The solvable pass rate of every contender in per cent, each answer's label once a judging, whichever pairs it was shown in.

    A task without a final answer is unsolved and named in a warning; one none of whose labels could be read, its
    own or the other side's, is in no figure.
    """
    names = {value: name for name, value in POINTS.items()}
    labels: dict[str, dict[str, dict[int, str]]] = {}
    empty: dict[str, list[str]] = {}
    for prompt, item, repeat, outcome, *sides in frame.select(
        "prompt", "item", "repeat", "outcome", "a", "grade_a", "length_a", "b", "grade_b", "length_b"
    ).iter_rows():
        for contender, grade, length in (sides[:3], sides[3:]):
            if outcome == "not asked":
                continue
            held = labels.setdefault(contender, {}).setdefault(prompt, {})
            if grade is not None and grade not in names:
                raise BadInput(
                    f"figure sopr takes grades 0, 0.5 and 1, not {grade:g}; give --judge a model, or tool_eval?model=M"
                )
            if held.get(repeat, UNREAD) == UNREAD:
                held[repeat] = UNREAD if grade is None else names[grade]
            if not length and (item or prompt) not in empty.setdefault(contender, []):
                empty[contender].append(item or prompt)
    rates = {
        contender: pass_rate({task: list(held.values()) for task, held in by.items()}, list(by))
        for contender, by in labels.items()
        if any(label != UNREAD for held in by.values() for label in held.values())
    }
    if not rates:
        raise BadInput("figure sopr: no label could be read; check the judge's model and prompt")
    ranked = grade_mean(_grades(frame), lowest=0.0, highest=1.0)
    warnings = [
        f"{contender}: {len(items)} tasks without a final answer are unsolved: {', '.join(items[:5])}{' ..' * (len(items) > 5)}"
        for contender, items in empty.items()
        if items
    ]
    warnings += [
        f"{contender}: {len(rate.unjudged)} tasks have no label that could be read and are in no figure"
        for contender, rate in rates.items()
        if rate.unjudged
    ]
    rows = tuple(_passed(row, rates[row.contender]) for row in ranked.rows if row.contender in rates)
    return replace(
        ranked, method="sopr", scale=SOLVED, rows=tuple(sorted(rows, key=lambda row: -(row.estimate or 0.0))),
        warnings=(*ranked.warnings, *warnings),
    )  # fmt: skip


def _passed(row: Row, found: PassRate) -> Row:
    error = math.hypot(found.judge_error, found.task_error)
    # one judging says nothing of how judgings differ
    known = len(found.runs) > 1
    extra: dict[str, float | int | str | bool | None] = {
        "repeat_error": 100.0 * found.judge_error if known else None, "prompt_error": 100.0 * found.task_error if known else None,
        "unread_labels": found.unread, "unjudged_tasks": len(found.unjudged),
    }  # fmt: skip
    return replace(
        row, estimate=100.0 * found.rate, standard_error=100.0 * error, low=100.0 * found.low, high=100.0 * found.high,
        n=found.tasks, extra=extra,
    )  # fmt: skip


def _graded(frame: pl.DataFrame, kind: str) -> Standings:
    grades = _grades(frame)
    found = grade_mean(grades, lowest=1.0, highest=10.0)
    return (
        found
        if kind == "grade-mean"
        else replace(found, method=kind, scale="WB-Score from -8 to 10", rows=tuple(map(_score, found.rows)))
    )


def _grades(frame: pl.DataFrame) -> Grades:
    """Each answer's grade once, whichever pairs it was shown in."""
    rows: dict[tuple[str, str, int], tuple[float | None, str]] = {}
    for a, b, grade_a, grade_b, cluster, response_a, response_b, repeat in frame.select(
        "a", "b", "grade_a", "grade_b", "cluster", "response_a", "response_b", "repeat"
    ).iter_rows():
        for contender, grade, response in ((a, grade_a, response_a), (b, grade_b, response_b)):
            key = (contender, response or cluster, repeat)
            if key not in rows or rows[key][0] is None:
                rows[key] = (grade, cluster)
    return Grades.of([key[0] for key in rows], [g for g, _ in rows.values()], [c for _, c in rows.values()])


def _score(row: Row) -> Row:
    def moved(value: float | None) -> float | None:
        return None if value is None else wildbench_score(value)

    error = None if row.standard_error is None else 2.0 * row.standard_error
    extra = {"grade_mean": row.estimate}
    return replace(
        row,
        estimate=moved(row.estimate),
        standard_error=error,
        low=moved(row.low),
        high=moved(row.high),
        extra=extra,
    )
