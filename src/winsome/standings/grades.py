"""Single grades: the mean grade of each contender over prompts, and WildBench's two figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Bools, Codes, Floats, Ints, dense
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
        contender: Sequence[str],
        grade: Sequence[float | None],
        prompt: Sequence[str] | None = None,
        category: Sequence[str | None] | None = None,
    ) -> Grades:
        """Grades of plain columns; None is a grade that was not read."""
        codes = Codes.of(contender)
        values = np.array([math.nan if g is None else g for g in grade], np.float64)
        return Grades(
            tuple(codes.labels),
            codes.values,
            values,
            None if prompt is None else Codes.of(prompt),
            None if category is None else Codes.of(category),
        )

    def take(self, rows: Bools) -> Grades:
        """These rows alone, with the names that are in them."""
        place, _ = dense(self.contender[rows])
        present = np.isin(np.arange(len(self.names)), self.contender[rows]).tolist()

        def part(codes: Codes | None) -> Codes | None:
            return None if codes is None else Codes(codes.values[rows], codes.labels)

        names = tuple(name for name, there in zip(self.names, present, strict=True) if there)
        return Grades(names, place, self.grade[rows], part(self.cluster), part(self.category))


def grade_mean(
    grades: Grades,
    *,
    lowest: float,
    highest: float,
    level: float = 0.95,
    by: Literal["category"] | None = None,
) -> Standings:
    """Mean grades with the score interval, clustered by prompt; turns and repeats of a prompt are one cluster.

    lowest, highest: ends of the scale; a grade counts as its share of the way between them. Raises BadInput for a grade
    outside, naming the row, where no grade was read, and for `by` without categories.
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
    rows, warnings = _rows(grades, lowest, highest - lowest, level, "")
    groups: dict[str, tuple[Row, ...]] = {}
    if by is not None:
        if grades.category is None:
            raise BadInput("by category: the grades have no category; give that column or leave --by out")
        for code, label in enumerate(grades.category.labels):
            own = grades.category.values == code
            if own.any():
                groups[label], told = _rows(grades.take(own), lowest, highest - lowest, level, label)
                warnings += [f"{label}: {warning}" for warning in told]
    missing = int((~scored).sum())
    return Standings(
        method="grade-mean",
        rows=rows,
        scale=f"grade from {lowest:g} to {highest:g}",
        level=level,
        groups=groups,
        dropped=(("unparsed", missing),) if missing else (),
        warnings=tuple(warnings),
    )


def _rows(
    grades: Grades, lowest: float, span: float, level: float, group: str
) -> tuple[tuple[Row, ...], list[str]]:
    """The rows of all contenders, best first, and the warnings on them."""
    scored = ~np.isnan(grades.grade)
    codes = (
        np.arange(len(scored), dtype=np.int32) if grades.cluster is None else dense(grades.cluster.values)[0]
    )
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
            rows.append(Row(name, None, None, None, None, 0, 0, counts, group=group))
            continue
        if mean.few_clusters:
            warnings.append(f"{name}: few effective clusters ({mean.effective_clusters:.1f} of {mean.n})")
        low, high = (lowest + span * end for end in score_interval(mean, level))
        figures = (lowest + span * mean.mean, span * mean.standard_error, low, high)
        few = mean.few_clusters
        rows.append(Row(name, *figures, mean.n, read, counts, ranks[code], group=group, few_clusters=few))
    return tuple(
        sorted(rows, key=lambda row: (row.estimate is None, -(row.estimate or 0.0), row.contender))
    ), warnings


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
