"""Standings from mean shares: intervals, warnings, decisions and possible ranks, for every figure that is a win rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.intervals import ClusteredMean, score_interval, score_p_value
from winsome.standings.ranking import decided_pairs, decision, possible_ranks, share_difference_p_values
from winsome.standings.sides import Sided, by_category, dropped, pooled
from winsome.standings.table import Extra, Row, Standings


@dataclass(frozen=True, eq=False)
class Figure:
    """One contender's mean share in [0, 1]; None where there is none. limits: its interval, None for the score interval."""

    mean: ClusteredMean | None
    limits: tuple[float, float] | None = None
    extra: Mapping[str, Extra] = field(default_factory=dict[str, Extra])


def tabulate(
    battles: Battles,
    method: str,
    views: Sequence[Sided],
    figures: Mapping[int, Figure],
    *,
    baseline: int | None,
    baseline_row: bool = True,
    level: float = 0.95,
    interval: str = "sandwich",
    group: str = "",
    warnings: Sequence[str] = (),
) -> Standings:
    """The standings of `figures` (code -> figure) in per cent, with the baseline's own row of 50.

    views: the battles that entered, by code, over which n, battles and counts are taken.
    """
    notes = [*battles.notes, *pooled(battles), *warnings]
    ranks = _ranks(figures, len(battles.names), baseline if baseline_row else None, level)
    rows: list[Row] = []
    decisions: list[str] = []
    if baseline is not None and baseline_row:
        fifty = Figure(None, None, {"discrete_win_rate": 50.0})
        own = _row(
            battles.names[baseline], views[baseline], fifty, (50.0, 0.0, 50.0, 50.0), ranks[baseline], group
        )
        rows.append(own)
    for code, figure in figures.items():
        name, mean = battles.names[code], figure.mean
        if mean is None:
            rows.append(_row(name, views[code], figure, (None, None, None, None), (), group))
            continue
        low, high = figure.limits or score_interval(mean, level)
        values = (100 * mean.mean, 100 * mean.standard_error, 100 * low, 100 * high)
        rows.append(_row(name, views[code], figure, values, ranks[code], group))
        if mean.few_clusters:
            notes.append(
                f"{name}: few effective clusters ({mean.effective_clusters:.1f} of {mean.n}, {mean.rarer} hold the "
                f"rarer outcome): the interval may cover less than {100 * level:g}%"
            )
        if baseline is not None or len(figures) == 2:
            sentence = decision(name, mean, level)
            decisions += [] if sentence is None else [sentence]
    return Standings(
        method=method,
        rows=tuple(
            sorted(rows, key=lambda row: (row.estimate is None, -(row.estimate or 0.0), row.contender))
        ),
        baseline=None if baseline is None else battles.names[baseline],
        level=level,
        interval=interval,
        dropped=dropped(battles),
        warnings=tuple(notes),
        decisions=tuple(decisions),
    )


def with_groups(
    battles: Battles, figure: Callable[[Battles, str], Standings], by: Literal["category"] | None
) -> Standings:
    """The standings of all battles, with those of each category in `groups` where `by` asks for them."""
    whole = figure(battles, "")
    if by is None:
        return whole
    groups: dict[str, tuple[Row, ...]] = {}
    warnings = list(whole.warnings)
    for label, part in by_category(battles):
        if not part.scored.any():
            warnings.append(f"{label}: no scored verdict")
            continue
        found = figure(part, label)
        groups[label] = found.rows
        warnings += [f"{label}: {warning}" for warning in found.warnings if warning not in whole.warnings]
    return replace(whole, groups=groups, warnings=tuple(warnings))


def _ranks(
    figures: Mapping[int, Figure], size: int, baseline: int | None, level: float
) -> list[tuple[int, ...]]:
    means = [figures[code].mean if code in figures else None for code in range(size)]
    p_values = share_difference_p_values(means)
    estimates = np.array([np.nan if mean is None else mean.mean for mean in means])
    if baseline is not None:
        estimates[baseline] = 0.5
        against = np.array([np.nan if mean is None else score_p_value(mean) for mean in means])
        p_values[baseline, :] = p_values[:, baseline] = against
    return possible_ranks(estimates, decided_pairs(p_values, level))


def _row(
    name: str,
    view: Sided,
    figure: Figure,
    values: tuple[float | None, float | None, float | None, float | None],
    ranks: tuple[int, ...],
    group: str,
) -> Row:
    used = view.take(view.scored)
    n = len(np.unique(used.cluster)) if figure.mean is None else figure.mean.n
    few = figure.mean is not None and figure.mean.few_clusters
    return Row(name, *values, n, len(used.share), view.counts(), ranks, figure.extra, group, few)
