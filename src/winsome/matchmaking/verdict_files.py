"""Recorded verdicts of files, frames or Battles, read to be ranked: battles or single grades, and what the format says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.matchmaking.verdict_columns import with_mt_bench_categories, with_order
from winsome.standings.battles import Battles
from winsome.standings.combine import combine
from winsome.standings.grades import Grades

if TYPE_CHECKING:
    import polars as pl

AGAINST_B = ("alpaca_eval_annotations", "arena_hard_judgments", "wildbench_rewards")
"""Formats whose files measure one model, or several, against the same second side: their baseline."""

GRADES = {"mt_bench_singles": (1.0, 10.0), "wildbench_scores": (1.0, 10.0)}
"""Formats of single grades -> the ends of their scale."""

FAMILIES = {
    "alpacaeval": ("alpaca_eval_annotations",),
    "arena-hard": ("arena_hard_judgments",),
    "mt-bench": ("mt_bench_pairs", "mt_bench_singles"),
    "wildbench": ("wildbench_scores", "wildbench_pairs", "wildbench_rewards"),
    "battles": ("battles",),
    "human": ("human_sheet",),
}
"""What a user calls a format -> the formats that are meant; the content says which of several."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """Verdicts as they were read. `asks` are battles before `combine`; `grades` stand instead for single grades.

    baseline: the one that the format measures against, None where it has none. frame: the rows as read, None for Battles; its
    `record` is the place of each row in the files at `paths`, one below the other. parts: battles by category, where a
    prompt may be in several and a column could not say so.
    """

    name: str
    format: str
    asks: Battles | None = None
    grades: Grades | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    baseline: str | None = None
    frame: pl.DataFrame | None = None
    paths: tuple[Path, ...] = ()
    in_time: bool = False
    parts: Mapping[str, Battles] = field(default_factory=dict[str, Battles])

    @property
    def judge(self) -> str:
        """The judge's name where there is one and only one."""
        if self.asks is None or self.asks.judge is None:
            return ""
        labels = [label for label in self.asks.judge.labels if label]
        return labels[0] if len(labels) == 1 else ""

    @property
    def contests(self) -> Battles:
        """The battles with orders and repeats combined."""
        if self.asks is None:
            raise BadInput(
                f"{self.name}: holds single grades, not comparisons; leave --method out, or use grade-mean"
            )
        return combine(self.asks)


def recorded(
    *verdicts: str | Path | pl.DataFrame | Battles,
    format: str | None = None,
    baseline: str | None = None,
    aspect: str | None = None,
    category: str | None = None,
    margin: int = -1,
) -> Recorded:
    """The verdicts of files of one format, or of one frame, or of one Battles.

    format: a name of `winsome.ledger.formats.FORMATS` or of FAMILIES. aspect, category: keep these rows only. margin: the
    length margin of WB-Reward counts. Raises BadInput naming file, record and field.
    """
    if len(verdicts) == 1 and isinstance(verdicts[0], Battles):
        return Recorded("battles", "battles", verdicts[0], baseline=baseline)
    if len(verdicts) == 1 and not isinstance(verdicts[0], str | Path | Battles):
        return _of_frame(verdicts[0], "frame", "battles", baseline, aspect, category)
    paths = [verdict for verdict in verdicts if isinstance(verdict, str | Path)]
    if not paths or len(paths) < len(verdicts):
        raise BadInput("rank takes files, or one frame, or one Battles; give one kind")
    from winsome.ledger import formats

    named = ", ".join(Path(path).name for path in paths)
    found, forced = _format(paths[0], format)
    if found in GRADES:
        return _grades(formats.grades(*paths, format=forced), named, found, aspect, category)
    if found == "wildbench_rewards":
        return _rewards(paths, named, margin, baseline, category)
    frame = formats.verdicts(*paths, format=forced)
    if found == "human_matches":
        raise BadInput(
            f"{named}: names matches by id; winsome ledger import {named} puts them beside their answers"
        )
    if baseline is None and found in AGAINST_B:
        baseline = _common_baseline(frame, named, category)
    if found == "battles":
        frame = frame.with_row_index("record")
    elif found == "alpaca_eval_annotations":
        frame = with_order(frame)
    elif found == "mt_bench_pairs":
        frame = with_mt_bench_categories(frame)
    read = _of_frame(frame, named, found, baseline, aspect, category)
    return replace(read, paths=tuple(map(Path, paths)))


def _format(path: str | Path, wanted: str | None) -> tuple[str, str | None]:
    """The format to read `path` in, and what to force on its readers: None where the content has already said it."""
    from winsome.ledger import formats

    if wanted is None:
        return formats.sniff(path), None
    if wanted in formats.FORMATS:
        return wanted, wanted
    if wanted not in FAMILIES:
        raise BadInput(
            f'no format "{wanted}" (known: {", ".join(FAMILIES)}, and those of the reference page)'
        )
    family = FAMILIES[wanted]
    try:
        found = formats.sniff(path)
    except BadInput:
        found = ""
    return (found, None) if found in family else (family[0], family[0])


def _of_frame(
    frame: pl.DataFrame,
    name: str,
    format: str,
    baseline: str | None,
    aspect: str | None,
    category: str | None,
) -> Recorded:
    for column, value in (("aspect", aspect), ("category", category)):
        if value is not None:
            frame = _only(frame, column, value, name)
    columns = frame
    if format == "mt_bench_pairs" and aspect is None and "aspect" in frame.columns:
        # Both turns are one figure, as published; a turn is a contest of its own within the prompt's cluster.
        columns = frame.rename({"aspect": "contest"})
    return Recorded(name, format, Battles.from_frame(columns, name=name), baseline=baseline, frame=frame)


def _only(frame: pl.DataFrame, column: str, value: str, name: str) -> pl.DataFrame:
    import polars as pl

    if column not in frame.columns:
        raise BadInput(f'{name}: no column "{column}", so --{column} cannot choose; leave it out')
    kept = frame.filter(pl.col(column) == value)
    if kept.is_empty():
        known = ", ".join(str(label) for label in frame[column].drop_nulls().unique().sort().to_list())
        raise BadInput(
            f'{name}: no verdict has {column} "{value}" (found: {known[:80]}); choose one of these'
        )
    return kept


def _common_baseline(frame: pl.DataFrame, named: str, category: str | None) -> str:
    import polars as pl

    if category is not None and "category" in frame.columns:
        frame = frame.filter(pl.col("category") == category)
    second = frame["model_b"].unique(maintain_order=True).to_list()
    if len(second) > 1:
        shown = ", ".join(map(str, second))[:60]
        raise BadInput(
            f"{named}: measures against {len(second)} baselines ({shown}); give --baseline NAME, --category NAME or --method bt"
        )
    return str(second[0]) if second else ""


def _grades(
    frame: pl.DataFrame, name: str, format: str, aspect: str | None, category: str | None
) -> Recorded:
    if format == "mt_bench_singles":
        frame = with_mt_bench_categories(frame)
    for column, value in (("aspect", aspect), ("category", category)):
        if value is not None:
            frame = _only(frame, column, value, name)
    known = "category" in frame.columns and frame["category"].null_count() < frame.height
    grades = Grades.of(
        frame["model"].to_list(),
        frame["grade"].to_list(),
        frame["prompt_id"].to_list(),
        frame["category"].to_list() if known else None,
    )
    return Recorded(name, format, grades=grades, scale=GRADES[format], frame=frame)


def _rewards(
    paths: list[str | Path], name: str, margin: int, baseline: str | None, category: str | None
) -> Recorded:
    """WB-Reward counts as a row a task, so that intervals know how many tasks there were."""
    from winsome.ledger.formats import wildbench
    from winsome.ledger.formats.reading import read

    sources = [read(path) for path in paths]
    reference = baseline or "reference"
    labels = sorted({label for source in sources for label in wildbench.reward_categories(source, margin)})
    if category is not None and category not in labels:
        raise BadInput(f'{name}: no category "{category}" (found: {", ".join(labels)[:90]}); choose one')

    def rows(label: str | None) -> pl.DataFrame:
        import polars as pl

        frame = pl.concat([wildbench.rewards(source, margin, reference, label) for source in sources])
        return frame.select(pl.exclude("weight").repeat_by(pl.col("weight").cast(pl.UInt32)).explode())

    frame = rows(category)
    asks = Battles.from_frame(frame, name=name)
    parts = (
        {}
        if category is not None
        else {label: Battles.from_frame(rows(label), name=name) for label in labels}
    )
    return Recorded(name, "wildbench_rewards", asks, baseline=reference, frame=frame, parts=parts)


def in_order_of_time(found: Recorded) -> Recorded:
    """The same verdicts sorted by their column `time` (numbers, or texts that sort); as they were where there is none."""
    import polars as pl

    if found.frame is None or "time" not in found.frame.columns:
        return found
    words = found.frame["time"].cast(pl.String)
    number = words.cast(pl.Float64, strict=False)
    key = number if number.null_count() == words.null_count() else words
    frame = found.frame.with_columns(key.alias("time")).sort("time", maintain_order=True, nulls_last=True)
    return replace(found, frame=frame, asks=Battles.from_frame(frame, name=found.name), in_time=True)


def without_absent(battles: Battles) -> Battles:
    """The same battles with only those names that took part in a row."""
    import numpy as np

    present = np.zeros(len(battles.names), np.bool_)
    present[battles.a] = present[battles.b] = True
    place = np.cumsum(present, dtype=np.int32) - 1
    names = tuple(name for name, there in zip(battles.names, present, strict=True) if there)
    return replace(battles, names=names, a=place[battles.a], b=place[battles.b])
