"""Single grades: the mean grade of each contender over prompts, and WildBench's two figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Codes, Floats, Ints, dense
from winsome.standings.intervals import ClusteredMean, check_level, clustered_mean, score_interval
from winsome.standings.ranking import decided_pairs, possible_ranks, share_difference_p_values
from winsome.standings.table import Row, Standings


@dataclass(frozen=True, eq=False)
class Grades:
    """Columns [rows] of one-sided verdicts: contender codes into `names`, grade (NaN: not scored), and the prompt."""

    names: tuple[str, ...]
    contender: Ints
    grade: Floats
    cluster: Codes | None = None
    category: Codes | None = None

    @staticmethod
    def of(
        contender: Sequence[str], grade: Sequence[float | None], prompt: Sequence[str] | None = None
    ) -> Grades:
        """Grades of plain columns; None is a grade that was not read."""
        codes = Codes.of(contender)
        values = np.array([math.nan if g is None else g for g in grade], np.float64)
        return Grades(tuple(codes.labels), codes.values, values, None if prompt is None else Codes.of(prompt))


def grade_mean(grades: Grades, *, lowest: float, highest: float, level: float = 0.95) -> Standings:
    """Mean grades with the score interval, clustered by prompt; turns and repeats of a prompt are one cluster.

    lowest, highest: ends of the scale; a grade counts as its share of the way between them. Raises BadInput for a grade
    outside, naming the row, and where no grade was read.
    """
    check_level(level)
    if not lowest < highest:
        raise BadInput(f"a scale from {lowest} to {highest} has no width")
    scored = ~np.isnan(grades.grade)
    outside = scored & ~((grades.grade >= lowest) & (grades.grade <= highest))
    if outside.any():
        row = int(np.argmax(outside))
        raise BadInput(
            f"row {row + 1}, field grade: {grades.grade[row]:g} is outside {lowest:g} to {highest:g}"
        )
    if not scored.any():
        raise BadInput(f"no grade among {len(scored)} rows; nothing can be ranked")
    codes = (
        np.arange(len(scored), dtype=np.int32) if grades.cluster is None else dense(grades.cluster.values)[0]
    )
    span = highest - lowest
    means: list[ClusteredMean | None] = []
    for code in range(len(grades.names)):
        own = scored & (grades.contender == code)
        share = (grades.grade[own] - lowest) / span
        means.append(clustered_mean(share, np.ones(len(share)), codes[own]) if len(share) else None)
    estimates = np.array([np.nan if mean is None else mean.mean for mean in means])
    ranks = possible_ranks(estimates, decided_pairs(share_difference_p_values(means), level))
    rows: list[Row] = []
    warnings: list[str] = []
    for code, (name, mean) in enumerate(zip(grades.names, means, strict=True)):
        own = grades.contender == code
        read, unread = int((own & scored).sum()), int((own & ~scored).sum())
        counts = {"graded": read, "unparsed": unread}
        if mean is None:
            warnings.append(f"{name}: no grade was read: no estimate")
            rows.append(Row(name, None, None, None, None, 0, 0, counts))
            continue
        if mean.few_clusters:
            warnings.append(f"{name}: few effective clusters ({mean.effective_clusters:.1f} of {mean.n})")
        low, high = (lowest + span * end for end in score_interval(mean, level))
        estimate, error = lowest + span * mean.mean, span * mean.standard_error
        figures = (estimate, error, low, high)
        few = mean.few_clusters
        rows.append(Row(name, *figures, mean.n, read, counts, ranks[code], few_clusters=few))
    missing = int((~scored).sum())
    return Standings(
        method="grade-mean",
        rows=tuple(
            sorted(rows, key=lambda row: (row.estimate is None, -(row.estimate or 0.0), row.contender))
        ),
        scale=f"grade from {lowest:g} to {highest:g}",
        level=level,
        dropped=(("unparsed", missing),) if missing else (),
        warnings=tuple(warnings),
    )


def wildbench_score(score: float) -> float:
    """WB-Score from a mean grade of 1 to 10: 2 (score - 5), in [-8, 10]. Source: Lin et al. 2024, WildBench."""
    return 2.0 * (score - 5.0)


def wildbench_reward(counts: Mapping[str, int], total: int) -> float:
    """WB-Reward in [-1, 1]: (win_much + win / 2 - lose / 2 - lose_much) / total; total includes what was not read.

    Source: Lin et al. 2024, WildBench. Raises BadInput where total is 0 or less than the counts.
    """
    if total < max(1, sum(counts.get(name, 0) for name in ("win_much", "win", "tie", "lose", "lose_much"))):
        raise BadInput(f"total {total} is less than the outcomes counted; give all tasks of the run")
    gain = counts.get("win_much", 0) + 0.5 * counts.get("win", 0)
    return (gain - 0.5 * counts.get("lose", 0) - counts.get("lose_much", 0)) / total
