"""AlpacaFarm's published example files: parsed as they are, labelled by a pool, written as annotations, and read back the same."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from tests.judges.scripted import matched, verdicts
from tests.judges.test_ensembles import fixed
from winsome.judges.annotators import annotators
from winsome.ledger import formats
from winsome.ledger.formats.alpaca_eval import write_annotations, write_outputs
from winsome.records import Response, Sampling, assistant, response_key


def question(row: dict[str, str]) -> str:
    """The instruction, and the input behind a blank line where there is one."""
    return f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]


async def test_pairs_are_labelled_by_one_annotator_each_and_round_trip(
    shared_data: Path, tmp_path: Path
) -> None:
    file = shared_data / "alpaca_farm" / "outputs_pairs.json"
    rows = json.loads(file.read_text("utf-8"))
    first, second = (formats.answers(file, field=name) for name in ("output_1", "output_2"))
    assert [one.prompt.text for one in first if one.prompt] == [question(row) for row in rows]
    assert [one.turns for one in first] == [(row["output_1"],) for row in rows]
    assert [one.turns for one in second] == [(row["output_2"],) for row in rows]
    pool = annotators(members=(fixed("likes the first", 1.0), fixed("likes the second", 0.0)))
    matches = []
    for a, b in zip(first, second, strict=True):
        assert a.prompt is not None
        sides = [
            Response(
                a.prompt.id, who, response_key(a.prompt.id, who, Sampling(), 0), messages=(assistant(said),)
            )
            for who, (said,) in (("output_1", a.turns or ("",)), ("output_2", b.turns or ("",)))
        ]
        matches.append(matched(a.prompt, *sides))
    said = await verdicts(pool, *matches)
    table = pl.DataFrame(
        [
            # AlpacaEval's second output is the model whose share a preference of 2 says
            {"model_a": "second", "model_b": "first", "share": 1.0 - one.scores[0], "prompt": question(row), "answer_a": row["output_2"], "answer_b": row["output_1"], "judge": one.annotator, "category": None}
            for one, row in zip(said, rows, strict=True)
        ]
    )  # fmt: skip
    write_annotations(tmp_path / "annotated.json", table)
    again = formats.verdicts(tmp_path / "annotated.json")
    for name in ("model_a", "model_b", "share", "prompt", "answer_a", "answer_b", "judge"):
        assert again[name].to_list() == table[name].to_list()
    raw = json.loads((tmp_path / "annotated.json").read_text("utf-8"))
    assert [(row["output_1"], row["output_2"]) for row in raw] == [
        (r["output_1"], r["output_2"]) for r in rows
    ]
    assert [row["preference"] for row in raw] == [1 if one.annotator == "a01" else 2 for one in said]


def test_several_samples_of_a_prompt_are_draws_of_one_contender_and_round_trip(
    shared_data: Path, tmp_path: Path
) -> None:
    file = shared_data / "alpaca_farm" / "multisamples_sft.json"
    rows = json.loads(file.read_text("utf-8"))
    found = formats.answers(file)
    expected = [(question(row), text, n) for row in rows for n, text in enumerate(row["output"])]
    assert [
        (one.prompt.text if one.prompt else "", *(one.turns or ()), one.sample) for one in found
    ] == expected
    best = [one for one in found if one.sample == 0]
    assert write_outputs(tmp_path / "outputs.json", best) == len(rows)
    again = formats.answers(tmp_path / "outputs.json", format="alpaca_eval_outputs")
    assert [(one.prompt, one.turns) for one in again] == [(one.prompt, one.turns) for one in best]
