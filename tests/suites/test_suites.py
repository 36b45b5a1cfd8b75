from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from winsome import specs
from winsome.errors import BadInput
from winsome.records import Prompt, Suite, user
from winsome.suites import describe, new_suite, open_file
from winsome.suites.files import version_of
from winsome.suites.shipped import basics


def test_a_table_with_all_columns_becomes_prompts(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    row = {
        "id": "a1",
        "prompt": "Hi",
        "system": "Be kind.",
        "category": "talk",
        "lang": "en",
        "reference_answer": "Hello",
    }
    path.write_text(json.dumps(row | {"follow_ups": ["And?", "So?"]}))
    suite = open_file(str(path))
    (prompt,) = suite.prompts
    assert prompt == Prompt((user("Hi"),), system="Be kind.", follow_ups=(user("And?"), user("So?")))
    assert (prompt.item, prompt.facets) == ("a1", {"category": "talk", "lang": "en"})
    assert prompt.for_judges == {"reference_answer": "Hello"}
    assert (suite.name, len(suite.version), suite.source) == ("mine", 8, str(path))


@pytest.mark.parametrize("column", ["prompt", "instruction", "question"])
def test_equal_prompts_have_one_version_in_every_form(tmp_path: Path, column: str) -> None:
    rows = [{"id": "1", column: 'Say "hi", twice'}, {"id": "2", column: "Zwei\nZeilen é"}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "s.jsonl").write_text("\ufeff" + lines, "utf-8")
    (tmp_path / "s.json").write_text(json.dumps(rows, indent=2))
    (tmp_path / "s.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pl.DataFrame(rows).write_csv(tmp_path / "s.csv")
    pl.DataFrame(rows).write_csv(tmp_path / "s.tsv", separator="\t")
    pl.DataFrame(rows).write_parquet(tmp_path / "s.parquet")
    suites = [open_file(str(path)) for path in sorted(tmp_path.iterdir())]
    assert {suite.full_name for suite in suites} == {suites[0].full_name}
    assert all(list(suite.prompts) == list(suites[0].prompts) for suite in suites)
    assert suites[0].prompts[1].text == "Zwei\nZeilen é"


def test_the_version_changes_with_any_word_facet_note_or_id() -> None:
    base = Prompt((user("a"),), facets={"category": "x"}, item="1", for_judges={"reference_answer": "y"})
    others = [
        Prompt((user("b"),), facets={"category": "x"}, item="1", for_judges={"reference_answer": "y"}),
        Prompt((user("a"),), facets={"category": "z"}, item="1", for_judges={"reference_answer": "y"}),
        Prompt((user("a"),), facets={"category": "x"}, item="2", for_judges={"reference_answer": "y"}),
        Prompt((user("a"),), facets={"category": "x"}, item="1", for_judges={"reference_answer": "n"}),
    ]
    assert len({version_of([prompt]) for prompt in [base, *others]}) == 5


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,prompt\nx,one\ny,two\nx,three\n")
    with pytest.raises(BadInput, match='record 3 has id "x", as record 1 has; give every prompt its own id'):
        open_file(str(path))


def test_prompts_that_stand_twice_without_ids_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt\none\ntwo\none\n")
    assert [prompt.text for prompt in open_file(str(path)).prompts] == ["one", "two", "one"]


def test_published_questions(shared_data: Path) -> None:
    mt_bench = open_file(str(shared_data / "mt_bench/mt_bench_question.jsonl"))
    assert len(mt_bench.prompts) == 80
    assert all(len(prompt.follow_ups) == 1 for prompt in mt_bench.prompts)
    assert describe(mt_bench)["categories"] == dict.fromkeys(
        ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"), 10
    )
    assert describe(mt_bench)["with_reference_answer"] == 39
    arena = open_file(str(shared_data / "arena_hard/v2.0_question.jsonl.gz"))
    assert describe(arena)["categories"] == {"hard_prompt": 500, "creative_writing": 250}
    assert arena.prompts[0].item == "2edbb5f36f5b42be"
    alpaca = open_file(str(shared_data / "alpaca_eval_2/baseline_gpt4_1106_preview.parquet"))
    assert len({prompt.id for prompt in alpaca.prompts}) == 805


@pytest.mark.parametrize(
    ("name", "prompts", "turns"),
    [
        ("mt_bench/vicuna_question.jsonl", 80, 1),
        ("arena_hard/v0.1_question.jsonl.gz", 500, 1),
        ("alpaca_eval_2/alpaca-7b.model_outputs.json.gz", 805, 1),
        ("alpaca_eval_2/alpaca-7b.annotations.json.gz", 805, 1),
        ("alpaca_farm/outputs_pairs.json", 6, 1),
        ("alpaca_farm/multisamples_sft.json", 8, 1),
        ("bpo/bpo_test.json", 200, 1),
        ("bpo/dolly_eval.json", 200, 1),
        ("bpo/self_instruct_eval.json", 252, 1),
    ],
)
def test_published_files_open_as_suites(shared_data: Path, name: str, prompts: int, turns: int) -> None:
    suite = open_file(str(shared_data / name))
    assert len(suite.prompts) == prompts
    assert describe(suite)["turns"] == {str(turns): prompts}


def test_inputs_of_instructions_are_their_second_paragraph(shared_data: Path) -> None:
    rows = json.loads((shared_data / "bpo/dolly_eval.json").read_text("utf-8"))
    suite = open_file(str(shared_data / "bpo/dolly_eval.json"))
    for row, prompt in zip(rows, suite.prompts, strict=True):
        assert prompt.text.startswith(row["instruction"])
        assert prompt.text.endswith(row["context"])


def test_specs_open_suites_by_path_and_by_name(shared_data: Path) -> None:
    path = shared_data / "mt_bench/mt_bench_question.jsonl"
    assert specs.open_spec(specs.parse(str(path)), "Suite", None).name == "mt_bench_question"
    assert specs.open_spec(specs.parse("basics"), "Suite", None).full_name == "basics@1"


def test_the_shipped_suite_is_what_its_version_says() -> None:
    """The digest stands here so that a changed prompt cannot keep its version."""
    suite = basics()
    assert (suite.full_name, suite.licence) == ("basics@1", "Apache-2.0")
    assert version_of(suite.prompts) == "e796e827"
    told = describe(suite)
    assert told["prompts"] == 36
    assert set(told["categories"]) == {
        "writing", "explanation", "extraction", "reasoning", "coding", "advice", "everyday",
    }  # fmt: skip
    assert told["turns"] == {"1": 34, "2": 2}
    assert (
        len({prompt.id for prompt in suite.prompts}) == len({prompt.item for prompt in suite.prompts}) == 36
    )


def test_a_new_suite_opens_at_once_and_is_not_overwritten(tmp_path: Path) -> None:
    path = new_suite(tmp_path / "mine.jsonl")
    suite = open_file(str(path))
    assert isinstance(suite, Suite)
    assert [prompt.item for prompt in suite.prompts] == ["letter-1", "sum-1", "plan-1"]
    assert suite.prompts[2].follow_ups
    assert path.read_text("utf-8").startswith("# A suite")
    with pytest.raises(BadInput, match="exists already; give another name"):
        new_suite(path)
    with pytest.raises(BadInput, match=r"ends in \.jsonl"):
        new_suite(tmp_path / "mine.yaml")
