"""WildBench: single scores of 1 to 10, pairwise verdicts with an extent, and the published counts of WB-Reward.

Source: github.com/allenai/WildBench.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.fields import label, mapping, number, optional, wrong
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.writing import write_rows

if TYPE_CHECKING:
    import polars as pl

REWARD = {"win_much": (1.0, 2), "win": (1.0, 1), "tie": (0.5, 0), "lose": (0.0, 1), "lose_much": (0.0, 2)}
"""Count -> (share of the model, extent)."""


def scores(source: Source) -> pl.DataFrame:
    """Grades, a row a record: model, grade (null where there is none), prompt_id, length in characters."""
    import polars as pl

    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        grade = number(source, place, "score")
        if grade is not None and not 0 <= grade <= 10:
            wrong(source, place, f'has {shown(row["score"])} in "score"; give 1 to 10')
        words = optional(row, "model_output", "output")
        rows.append(
            {
                "model": label(source, place, "model_test", "model"),
                "grade": grade,
                "prompt_id": label(source, place, "session_id"),
                "judge": optional(row, "judge"),
                "category": optional(row, "category", "primary_tag"),
                "length": None if words is None else len(words.strip()),
            }
        )
    return pl.DataFrame(
        rows, infer_schema_length=None, schema_overrides={"grade": pl.Float64, "length": pl.Int64}
    )


def pairs(source: Source) -> pl.DataFrame:
    """Verdicts, a row a record: model_a was shown first; winner names a model or tie, extent is 0, 1 or 2."""
    import polars as pl

    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        a, b = (label(source, place, f"model_{letter}", f"model_{letter.lower()}") for letter in "AB")
        winner = label(source, place, "winner")
        if winner not in (a, b, "tie"):
            wrong(source, place, f'has {shown(winner)} in "winner"; use {listed([a, b, "tie"])}')
        outputs = mapping(row.get("model_outputs"))
        rows.append(
            {
                "model_a": a,
                "model_b": b,
                "share": 1.0 if winner == a else 0.0 if winner == b else 0.5,
                "extent": number(source, place, "extent") if "extent" in row else None,
                "prompt_id": label(source, place, "session_id"),
                "length_a": len(str(outputs[a])) if a in outputs else None,
                "length_b": len(str(outputs[b])) if b in outputs else None,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"extent": pl.Float64})


def rewards(
    source: Source, margin: int = -1, reference: str = "reference", category: str | None = None
) -> pl.DataFrame:
    """Verdicts of the published counts at one length margin, a row a count: weight is how often, extent how large.

    Tasks of `total` without a usable verdict are one row with share null (outcome unparsed). The file names the reference
    model nowhere but in its own name, so `reference` does. category: its counts alone, which leave unread tasks out.
    """
    import polars as pl

    by_margin = _by_margin(source)
    models = by_margin.get(str(margin))
    if not isinstance(models, dict):
        refuse(source.path, f"has no margin {margin} (found: {listed(list(by_margin))}); choose one of these")
    rows: list[Row] = []
    for model, counts in mapping(models).items():
        found = mapping(counts)
        if category is not None:
            found = mapping(mapping(found.get("task_categorized_results")).get(category))
            if not found:
                continue
            found["total"] = sum(_count(source, model, found, name) for name in REWARD)
        numbers = {name: _count(source, model, found, name) for name in (*REWARD, "total")}
        unread = numbers["total"] - sum(numbers[name] for name in REWARD)
        if unread < 0:
            refuse(
                source.path,
                f'model {shown(model)}: "total" is below the sum of its counts; correct one of them',
            )
        sides = {"model_a": model, "model_b": reference}
        for name, (share, extent) in REWARD.items():
            rows.append({**sides, "share": share, "extent": float(extent), "weight": float(numbers[name])})
        rows.append({**sides, "share": None, "extent": None, "weight": float(unread)})
    frame = pl.DataFrame(rows, infer_schema_length=None).filter(pl.col("weight") > 0)
    if frame.is_empty():
        refuse(source.path, "has no verdicts; give a file with at least one")
    return frame


def _by_margin(source: Source) -> Row:
    """Margin -> model -> counts. A file of one margin says which in its name alone (pairwise-gpt4t-K=500.json)."""
    row = source.rows[0]
    if not all(REWARD.keys() <= mapping(value).keys() for value in row.values()):
        return row
    told = re.search(r"K=(-?\d+)", Path(source.path).name)
    return {told[1] if told else "-1": row}


def reward_categories(source: Source, margin: int = -1) -> list[str]:
    """The categories that the published counts tell apart, in alphabetical order; a task may be in several."""
    models = mapping(_by_margin(source).get(str(margin))).values()
    return sorted(
        {name for counts in models for name in mapping(mapping(counts).get("task_categorized_results"))}
    )


def _count(source: Source, model: str, counts: dict[str, Any], name: str) -> int:
    count = counts.get(name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        refuse(source.path, f'model {shown(model)} has {shown(count)} in "{name}"; give a count')
    return count


def write_scores(path: Path | str, grades: pl.DataFrame) -> int:
    """Writes grades (model, grade, prompt_id, optional judge, reason) as scores; returns how many."""
    rows = [
        {
            "session_id": row["prompt_id"],
            "model_test": row["model"],
            "score": row["grade"],
            "judge": row.get("judge"),
        }
        for row in grades.to_dicts()
    ]
    return write_rows(path, rows)


def write_pairs(path: Path | str, verdicts: pl.DataFrame) -> int:
    """Writes verdicts with a share of 0, 0.5 or 1 as pairwise verdicts with their extent (1 where none is known)."""
    rows: list[Row] = []
    for place, row in enumerate(verdicts.to_dicts()):
        share = row["share"]
        if share not in (0.0, 0.5, 1.0):
            found = "no share" if share is None else f"share {share:g}"
            refuse(path, f"verdict {place + 1} has {found}; WildBench knows 0, 0.5 and 1: export battles")
        winner = "tie" if share == 0.5 else row["model_a"] if share == 1.0 else row["model_b"]
        known = row.get("extent")
        rows.append(
            {
                "session_id": row["prompt_id"],
                "model_A": row["model_a"],
                "model_B": row["model_b"],
                "winner": winner,
                "extent": 0.0 if share == 0.5 else 1.0 if known is None else known,
            }
        )
    return write_rows(path, rows)
