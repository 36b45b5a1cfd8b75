"""AlpacaEval: model outputs (instruction, output, generator, dataset) and annotations (output_1, output_2, preference).

`preference` lies in [1, 2] and is high where output_2 is better; 0 and 1.5 are ties, null is a failed annotation.
Source: github.com/tatsu-lab/alpaca_eval.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.ledger.formats.complaints import shown
from winsome.ledger.formats.fields import (
    Answer,
    facets_of,
    label,
    measured,
    needed,
    number,
    optional,
    text,
    wrong,
)
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.tables import answers as table_answers
from winsome.ledger.formats.tables import question
from winsome.ledger.formats.writing import write_rows
from winsome.records import Prompt, user

if TYPE_CHECKING:
    import polars as pl

SIDES = {"output_1": "generator_1", "output_2": "generator_2"}


def outputs(source: Source, field: str | None = None) -> list[Answer]:
    """The answers of a model-outputs file, or one side (`field=output_1`) of annotations."""
    side = SIDES.get(field or "")
    if side is None:
        return table_answers(source, field)
    rows = [{**row, "generator": row.get(side)} for row in source.rows]
    return table_answers(Source(source.path, rows), field)


def verdicts(source: Source) -> pl.DataFrame:
    """Verdicts, a row an annotation: model_a is generator_2 (the model), model_b generator_1 (the reference).

    share = preference - 1; null where the annotation failed (outcome unparsed). prompt_id is the Prompt's id.
    """
    import polars as pl

    rows = [_annotation(source, place) for place in range(len(source.rows))]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"share": pl.Float64})


def _annotation(source: Source, place: int) -> Row:
    row = source.rows[place]
    words = question(source, place)
    answer_b, answer_a = (text(source, place, name) for name in SIDES)
    preference = measured(source, place, "preference")
    if preference is not None and preference != 0 and not 1 <= preference <= 2:
        wrong(
            source,
            place,
            f'has {shown(row["preference"])} in "preference"; give 1 to 2, 0 for a tie, or null',
        )
    share = None if preference is None else 0.5 if preference == 0 else preference - 1
    facets = facets_of(row)
    model, reference = label(source, place, "generator_2"), label(source, place, "generator_1")
    if model == reference:
        wrong(source, place, f"puts {shown(model)} against itself; leave the reference's own file out")
    return {
        "model_a": model,
        "model_b": reference,
        "share": share,
        "prompt_id": Prompt((user(words),)).id,
        "category": facets.get("category"),
        "judge": optional(row, "annotator"),
        "length_a": len(answer_a),
        "length_b": len(answer_b),
        "prompt": words,
        "answer_a": answer_a,
        "answer_b": answer_b,
    }


def write_outputs(path: Path | str, answers: Iterable[Answer]) -> int:
    """Writes single-turn answers as a model-outputs file; returns how many."""
    return write_rows(path, [_output_row(Path(path), answer) for answer in answers])


def _output_row(path: Path, answer: Answer) -> Row:
    from winsome.ledger.formats.complaints import refuse

    if answer.prompt is None or answer.turns is None or len(answer.turns) != 1 or answer.prompt.follow_ups:
        refuse(
            path,
            f"answer {answer.record} is missing or has several turns; AlpacaEval files hold one turn: leave it out",
        )
    row: Row = {"instruction": answer.prompt.text, "output": answer.turns[0], "generator": answer.model}
    dataset = answer.prompt.facets.get("dataset", answer.prompt.facets.get("category"))
    return row | ({} if dataset is None else {"dataset": dataset})


def write_annotations(path: Path | str, verdicts: pl.DataFrame) -> int:
    """Writes verdicts that carry prompt, answer_a and answer_b as annotations; model_b becomes generator_1."""
    wanted = ("model_a", "model_b", "share", "prompt", "answer_a", "answer_b")
    source = Source(Path(path), verdicts.to_dicts())
    rows: list[Row] = []
    for place, row in enumerate(source.rows):
        values: dict[str, Any] = {name: needed(source, place, name) for name in wanted if name != "share"}
        share = number(source, place, "share")
        rows.append(
            {
                "instruction": values["prompt"],
                "output_1": values["answer_b"],
                "generator_1": values["model_b"],
                "output_2": values["answer_a"],
                "generator_2": values["model_a"],
                "dataset": row.get("category"),
                "annotator": row.get("judge"),
                "preference": None if share is None else 1 + share,
            }
        )
    return write_rows(path, rows)
