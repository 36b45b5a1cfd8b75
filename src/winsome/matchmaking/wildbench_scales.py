"""WildBench's figures, WB-Score and WB-Reward, as linear scales of a mean grade and of a win rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings import Battles, Row, Standings, wildbench_score, win_rate
from winsome.standings.battles import CODE
from winsome.standings.sides import ClusterBy


def score_standings(standings: Standings, lowest: float, highest: float) -> Standings:
    """WB-Score of standings by mean grade, whose grades go from `lowest` to `highest`."""

    def scores(rows: Sequence[Row]) -> tuple[Row, ...]:
        return tuple(_moved(row, wildbench_score, 2.0, {"grade_mean": row.estimate}) for row in rows)

    return replace(
        standings,
        method="wb-score",
        rows=scores(standings.rows),
        scale=f"WB-Score from {wildbench_score(lowest):g} to {wildbench_score(highest):g}",
        groups={name: scores(rows) for name, rows in standings.groups.items()},
    )


def share_of_extent(
    share: NDArray[np.float64], extent: NDArray[Any], scored: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Shares [n] whose distance from a tie is the extent's (2 much better, 1 better, 0 a tie) part of the whole one.

    Raises BadInput for an extent outside 0 to 2.
    """
    extent = np.where(scored, extent, 0.0)
    if not ((extent >= 0) & (extent <= 2)).all():
        raise BadInput(
            "method wb-reward: extents lie outside 0 to 2; give 2 for much better, 1 for better, 0 for a tie"
        )
    return 0.5 + (share - 0.5) * extent / 2.0


def reward_standings(
    battles: Battles,
    baseline: str,
    *,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    by: Literal["category"] | None = None,
    baseline_row: bool = True,
) -> Standings:
    """WB-Reward of battles whose shares are 0.75 for a small win and 1 for a large one, over all tasks that were planned."""
    outcome = battles.outcome.copy()
    outcome[battles.scored & (battles.share == 0.5)] = CODE["tie"]
    standings = win_rate(
        replace(battles, outcome=outcome),
        baseline=baseline,
        cluster=cluster,
        level=level,
        by=by,
        baseline_row=baseline_row,
    )

    def reward(row: Row) -> Row:
        planned = sum(row.counts.values())
        read = row.battles / planned if planned else 1.0
        return _moved(row, lambda rate: read * (rate / 50.0 - 1.0), read / 50.0, {})

    groups = {name: tuple(map(reward, rows)) for name, rows in standings.groups.items()}
    return replace(
        standings,
        method="wb-reward",
        scale="reward from -1 to 1",
        rows=tuple(
            sorted(
                map(reward, standings.rows), key=lambda row: (row.estimate is None, -(row.estimate or 0.0))
            )
        ),
        groups=groups,
        decisions=(),
    )


def _moved(row: Row, to: Callable[[float], float], stretch: float, extra: Mapping[str, float | None]) -> Row:
    """The row on another linear scale; columns of the old one go."""

    def moved(value: float | None) -> float | None:
        return None if value is None else to(value)

    error = None if row.standard_error is None else stretch * row.standard_error
    return replace(
        row,
        estimate=moved(row.estimate),
        standard_error=error,
        low=moved(row.low),
        high=moved(row.high),
        extra=extra,
    )
