"""MT-Bench: questions, answers, pairwise and single judgments.

Pair: model_1, model_2, g1_winner (model_1 shown as A), g2_winner (model_2 shown as A), each model_1, model_2, tie or error.
Single: score 1 to 10, -1 where the judge gave none. Source: github.com/lm-sys/FastChat, fastchat/llm_judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.ledger.formats.arena_hard import choices, choices_row
from winsome.ledger.formats.complaints import shown
from winsome.ledger.formats.fields import Answer, label, needed, number, one_of, optional, wrong
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.tables import prompts as table_prompts
from winsome.ledger.formats.writing import write_rows
from winsome.records import Prompt

if TYPE_CHECKING:
    import polars as pl

SHARES = {"model_1": 1.0, "model_2": 0.0, "tie": 0.5, "error": None}


def prompts(source: Source) -> list[Prompt]:
    """The questions; later turns are follow-ups, references become `reference_answer`, one a turn."""
    for place in range(len(source.rows)):
        label(source, place, "question_id")
    return table_prompts(source)


def answers(source: Source) -> list[Answer]:
    """The answers, a choice a sample; the questions' words are not in the file."""
    for place in range(len(source.rows)):
        needed(source, place, "choices")
    return [answer for place in range(len(source.rows)) for answer in choices(source, place)]


def pairs(source: Source) -> pl.DataFrame:
    """Verdicts, two rows a record: order 0 shows model_1 (model_a) first; aspect is the turn; errors have share null."""
    import polars as pl

    rows = [row for place in range(len(source.rows)) for row in _games(source, place)]
    schema = {"share": pl.Float64, "order": pl.Int32, "reason": pl.String}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=schema)


def _games(source: Source, place: int) -> list[Row]:
    row = source.rows[place]
    beside = _beside(source, place)
    names = [name for name in ("g1_winner", "g2_winner") if name in row]
    return [
        {
            "model_a": label(source, place, "model_1"),
            "model_b": label(source, place, "model_2"),
            "share": one_of(source, place, name, SHARES),
            **beside,
            "order": order,
            "reason": optional(row, f"g{order + 1}_judgment"),
        }
        for order, name in enumerate(names)
    ]


def _beside(source: Source, place: int) -> Row:
    row = source.rows[place]
    turn = number(source, place, "turn") if "turn" in row else None
    return {
        "prompt_id": label(source, place, "question_id"),
        "judge": judge_of(row.get("judge")),
        "aspect": "" if turn is None else f"turn {turn:g}",
        **({"category": optional(row, "category")} if "category" in row else {}),
    }


def judge_of(judge: Any) -> str | None:
    """A judge's name; FastChat writes a list of model and prompt name."""
    if isinstance(judge, list):
        return "/".join(str(part) for part in judge)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return None if judge is None else str(judge)


def singles(source: Source) -> pl.DataFrame:
    """Grades, a row a record: model, grade (null where the judge gave none), prompt_id, judge, aspect (the turn)."""
    import polars as pl

    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        grade = number(source, place, "score")
        if grade is not None and grade != -1 and not 0 <= grade <= 10:
            wrong(
                source,
                place,
                f'has {shown(row["score"])} in "score"; give 1 to 10, or -1 where there is none',
            )
        beside = _beside(source, place)
        model = label(source, place, "model")
        rows.append(
            {
                "model": model,
                "grade": None if grade == -1 else grade,
                **beside,
                "reason": optional(row, "judgment"),
            }
        )
    return pl.DataFrame(
        rows, infer_schema_length=None, schema_overrides={"grade": pl.Float64, "reason": pl.String}
    )


def write_answers(path: Path | str, answers: Iterable[Answer]) -> int:
    """Writes answers as MT-Bench's tools read them; returns how many."""
    return write_rows(path, [choices_row(Path(path), answer, list(answer.turns or ())) for answer in answers])


def write_pairs(path: Path | str, verdicts: pl.DataFrame) -> int:
    """Writes verdicts with prompt_id, order and a share of 0, 0.5, 1 or null as pairwise judgments; returns the records."""
    words = {share: word for word, share in SHARES.items()}
    records: dict[tuple[Any, ...], Row] = {}
    for place, row in enumerate(verdicts.to_dicts()):
        if row["share"] not in words:
            raise BadInput(
                f"{path}: verdict {place + 1} has share {row['share']:g}; MT-Bench knows 0, 0.5, 1: export a table"
            )
        aspect = row.get("aspect") or ""
        key = (row["prompt_id"], row["model_a"], row["model_b"], row.get("judge"), aspect)
        number = row["prompt_id"]
        judge = (row.get("judge") or "").split("/", 1)
        record = records.setdefault(
            key,
            {
                "question_id": int(number) if number.isdigit() else number,
                "model_1": row["model_a"],
                "model_2": row["model_b"],
                "g1_winner": "error",
                "g2_winner": "error",
                "judge": judge if len(judge) == 2 else [*judge, ""],
                "g1_judgment": None,
                "g2_judgment": None,
                "turn": int(aspect.removeprefix("turn ")) if aspect.startswith("turn ") else 1,
            },
        )
        game = int(row["order"]) + 1
        record[f"g{game}_winner"], record[f"g{game}_judgment"] = words[row["share"]], row.get("reason")
    return write_rows(path, records.values())


def write_singles(path: Path | str, grades: pl.DataFrame) -> int:
    """Writes grades (model, grade, prompt_id, optional judge, aspect, reason) as single judgments; returns how many."""
    rows: list[Row] = []
    for row in grades.to_dicts():
        number, aspect = row["prompt_id"], row.get("aspect") or ""
        judge = (row.get("judge") or "").split("/", 1)
        rows.append(
            {
                "question_id": int(number) if number.isdigit() else number,
                "model": row["model"],
                "judge": judge if len(judge) == 2 else [*judge, ""],
                "judgment": row.get("reason"),
                "score": -1 if row["grade"] is None else row["grade"],
                "turn": int(aspect.removeprefix("turn ")) if aspect.startswith("turn ") else 1,
            }
        )
    return write_rows(path, rows)
