"""Human sheets: what people fill in, with the answers in the sheet or with match ids that point into a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.ledger.formats.complaints import shown
from winsome.ledger.formats.fields import label, needed, one_of, optional, wrong
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.verdict_tables import WINNERS
from winsome.ledger.formats.writing import write_rows
from winsome.records import Prompt, user

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    "match_id",
    "prompt",
    "answer_a",
    "answer_b",
    "winner",
    "annotator",
    "model_a",
    "model_b",
    "category",
)


def sheet(source: Source) -> pl.DataFrame:
    """Verdicts of a filled-in sheet: prompt, answer_a, answer_b, winner, optional annotator, model_a, model_b, category.

    Without model columns the sides are called answer_a and answer_b. An empty winner is a row not asked.
    """
    import polars as pl

    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        words = needed(source, place, "prompt")
        if not isinstance(words, str):
            wrong(source, place, f'has {shown(words)} in "prompt"; give text in quotes')
        named = {
            side: label(source, place, f"model_{side}") if f"model_{side}" in row else f"answer_{side}"
            for side in "ab"
        }
        share = None if row.get("winner") in (None, "") else one_of(source, place, "winner", WINNERS)
        answers = {side: _words(row.get(f"answer_{side}")) for side in "ab"}
        rows.append(
            {
                "model_a": named["a"],
                "model_b": named["b"],
                "share": share,
                "outcome": "not asked"
                if share is None
                else "win"
                if share == 1
                else "loss"
                if share == 0
                else "tie",
                "prompt_id": Prompt((user(words),)).id,
                "annotator": _words(row.get("annotator")) or None,
                "category": _words(row.get("category")) or None,
                "length_a": len(answers["a"]),
                "length_b": len(answers["b"]),
                "prompt": words,
                "answer_a": answers["a"],
                "answer_b": answers["b"],
            }
        )
    schema = {"share": pl.Float64, "annotator": pl.String, "category": pl.String}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=schema)


def _words(value: Any) -> str:
    return "" if value is None else str(value)


def by_match(source: Source) -> pl.DataFrame:
    """Verdicts by match: match_id, share of the first seat (null: not filled in), annotator."""
    import polars as pl

    rows = [
        {
            "match_id": label(source, place, "match_id"),
            "share": None if row.get("winner") in (None, "") else one_of(source, place, "winner", WINNERS),
            "annotator": optional(row, "annotator"),
        }
        for place, row in enumerate(source.rows)
    ]
    return pl.DataFrame(rows, schema={"match_id": pl.String, "share": pl.Float64, "annotator": pl.String})


def write_sheet(path: Path | str, rows: Iterable[Row]) -> int:
    """Writes a sheet to fill in (winner and annotator empty where they are missing); returns how many rows.

    A row holds prompt, answer_a and answer_b, and may hold match_id, model_a, model_b and category.
    """
    kept = [{name: row.get(name) for name in COLUMNS} for row in rows]
    used = [
        name
        for name in COLUMNS
        if name in ("winner", "annotator") or any(row[name] is not None for row in kept)
    ]
    return write_rows(path, ({name: "" if row[name] is None else row[name] for name in used} for row in kept))
