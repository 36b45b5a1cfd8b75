from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from winsome import specs
from winsome.contenders.recorded import Recorded, recorded
from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, Usage, assistant, response_key, user
from winsome.suites import open_answers, open_file


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def opened(path: Path, **settings: Any) -> Recorded:
    return recorded(str(path), name=f"recorded:{path}", **settings)


async def asked(contender: Recorded, prompts: Sequence[Prompt], samples: range = range(1)) -> list[Response]:
    return [response async for response in contender.answer(prompts, Sampling(samples=samples))]


def say(*words: str, **beside: Any) -> list[Prompt]:
    return [Prompt((user(w),), **beside) for w in words]


async def test_answers_are_found_by_words(tmp_path: Path) -> None:
    contender = opened(
        written(
            tmp_path / "a.jsonl",
            [{"prompt": "two", "output": "2"}, {"prompt": "one", "output": "1", "model": "m"}],
        )
    )
    prompts = say("one", "two")
    found = {response.prompt: response for response in await asked(contender, prompts)}
    assert [found[prompt.id].text for prompt in prompts] == ["1", "2"]
    first = found[prompts[0].id]
    assert first.messages == (assistant("1"),)
    assert first.key == response_key(prompts[0].id, contender.id, Sampling(), 0)
    assert (first.provenance, first.usage, first.finish) == ("recorded", Usage(), "stop")
    assert isinstance(contender, Contender)


async def test_an_id_twice_is_a_draw_that_says_so_or_the_same_answer(tmp_path: Path) -> None:
    prompts = [Prompt((user("x"),), item="1")]
    same = opened(written(tmp_path / "same.jsonl", [{"id": "1", "output": "a"}] * 2))
    assert [r.text for r in await asked(same, prompts, range(2))] == ["a", "a"]
    rows = [{"id": "1", "output": "a", "sample": 0}, {"id": "1", "output": "b", "sample": 1}]
    draws = opened(written(tmp_path / "draws.jsonl", rows))
    assert [r.text for r in await asked(draws, prompts, range(2))] == ["a", "b"]
    unlike = opened(
        written(tmp_path / "unlike.jsonl", [{"id": "1", "output": "a"}, {"id": "1", "output": "b"}])
    )
    with pytest.raises(
        BadInput, match=r'unlike.jsonl: record 2 has id "1", as record 1 has, with another'
    ) as told:
        unlike.align(prompts)
    assert len(str(told.value)) <= 200


async def test_ids_come_before_words_and_order(tmp_path: Path) -> None:
    contender = opened(written(tmp_path / "a.jsonl", [{"id": 2, "output": "b"}, {"id": 1, "output": "a"}]))
    prompts = [Prompt((user("x"),), item="1"), Prompt((user("y"),), item="2")]
    assert [r.text for r in await asked(contender, prompts)] == ["a", "b"]


async def test_the_kth_occurrence_of_a_prompt_takes_the_kth_record_as_draw_k(tmp_path: Path) -> None:
    rows = [{"instruction": w, "output": f"{w}{n}"} for n, w in enumerate(("hi", "bye", "hi", "hi"))]
    contender = opened(written(tmp_path / "a.jsonl", rows))
    prompts = say("hi", "hi", "bye", "hi")
    alignment = contender.align(prompts)
    assert (alignment.matched, alignment.wanted, alignment.unused) == (4, 4, 0)
    drawn = await asked(contender, prompts[:1], range(3))
    assert [(r.sample, r.text) for r in drawn] == [(0, "hi0"), (1, "hi2"), (2, "hi3")]


async def test_samples_of_a_record_are_draws(tmp_path: Path) -> None:
    as_lists = opened(written(tmp_path / "a.jsonl", [{"prompt": "p", "output": ["x", "y", "z"]}]))
    as_rows = opened(
        written(
            tmp_path / "b.jsonl",
            [{"prompt": "p", "output": w, "sample": n} for n, w in ((2, "z"), (0, "x"), (1, "y"))],
        )
    )
    for contender in (as_lists, as_rows):
        assert [r.text for r in await asked(contender, say("p"), range(3))] == ["x", "y", "z"]
    with pytest.raises(BadInput, match="has 3 answers to a prompt, draw 4 was asked; ask for fewer"):
        await asked(as_lists, say("p"), range(4))


async def test_samples_and_occurrences_together(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "output": ["a0", "a1"]}, {"prompt": "p", "output": ["b0", "b1"]}]
    contender = opened(written(tmp_path / "a.jsonl", rows))
    contender.align(say("p", "p"))
    assert [r.text for r in await asked(contender, say("p"), range(4))] == ["a0", "b0", "a1", "b1"]


async def test_turns_answer_follow_ups(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl",
        [{"question_id": 7, "model_id": "m", "choices": [{"index": 0, "turns": ["a", "b"]}]}],
    )
    prompt = Prompt((user("p"),), follow_ups=(user("and?"),), item="7")
    (response,) = await asked(opened(path), [prompt])
    assert response.messages == (assistant("a"), assistant("b"))
    with pytest.raises(BadInput, match="record 1 has 2 turns, the prompt asks 1"):
        await asked(opened(path), [Prompt((user("p"),), item="7")])


async def test_a_chat_with_its_answers_inside_answers_follow_ups(tmp_path: Path) -> None:
    messages = [("user", "p"), ("assistant", "a"), ("user", "and?"), ("assistant", "b")]
    rows = [{"messages": [{"role": role, "content": words} for role, words in messages]}]
    contender = opened(written(tmp_path / "a.jsonl", rows))
    (response,) = await asked(contender, [Prompt((user("p"),), follow_ups=(user("and?"),))])
    assert [message.text for message in response.messages] == ["a", "b"]
    dialogue = Prompt((user("p"), assistant("a"), user("and?")))
    (response,) = await asked(opened(tmp_path / "a.jsonl"), [dialogue])
    assert [message.text for message in response.messages] == ["b"]


async def test_a_system_text_given_beside_the_suite_changes_no_answer(tmp_path: Path) -> None:
    contender = opened(written(tmp_path / "a.jsonl", [{"prompt": "p", "output": "o"}]))
    contender.align(say("p"))
    (response,) = await asked(contender, say("p", system="Be brief."))
    assert response.text == "o"


async def test_prompts_that_differ_in_the_system_text_alone(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "system": s, "output": s} for s in ("one", "two")]
    contender = opened(written(tmp_path / "a.jsonl", rows))
    prompts = say("p", system="two") + say("p", system="one")
    assert [r.text for r in await asked(contender, prompts)] == ["two", "one"]


async def test_by_position(tmp_path: Path) -> None:
    contender = opened(
        written(tmp_path / "a.jsonl", [{"prompt": "P", "output": "a"}, {"prompt": "Q", "output": "b"}]),
        match="position",
    )
    with pytest.raises(BadInput, match="position"):
        await asked(contender, say("p"))
    contender.align(say("p", "q"))
    assert [r.text for r in await asked(contender, say("q", "p"))] == ["b", "a"]
    with pytest.raises(BadInput, match="has 2 records for 1 prompts; match=position needs equal numbers"):
        contender.align(say("p"))


@pytest.mark.parametrize(
    ("recorded_words", "asked_words", "differs"),
    [
        ("Name a river. ", "Name a river.", "differs in trailing space"),
        ("\nName a river.", "Name a river.", "differs in leading space"),
        ("Name\r\na river.", "Name\na river.", "differs in line ends"),
        ("Name  a river.", "Name a river.", "differs in white space"),
        ("name a River.", "Name a river.", "differs in letter case"),
        ("Name a cafe\u0301.", "Name a caf\u00e9.", "differs in Unicode form"),
        (
            "Name a lake or river.",
            "Name a river or lake.",
            'differs at character 8: "lake or " for "river or"',
        ),
        ("Something else", "Name a river.", "nothing near"),
    ],
)
def test_a_mismatch_names_the_nearest_record_and_what_differs(
    tmp_path: Path, recorded_words: str, asked_words: str, differs: str
) -> None:
    rows = [{"prompt": "one", "output": "1"}, {"prompt": recorded_words, "output": "2"}]
    contender = opened(written(tmp_path / "a.jsonl", rows))
    with pytest.raises(BadInput) as caught:
        contender.align(say("one", asked_words))
    line = str(caught.value)
    assert len(line) <= 200
    assert "1 of 2 match; 1 do not, first: prompt 2" in line
    assert ("nearest record 2 " + differs if "near" not in differs else differs) in line
    assert line.endswith("add ?allow_missing=true to go on")


@pytest.mark.parametrize(
    ("rows", "items", "why"),
    [
        ([{"id": "q-1", "output": "a"}], ("q-1", "q-2"), 'prompt 2 no id "q-2", nearest "q-1"'),
        (
            [{"id": "1", "output": "a"}, {"id": "2", "output": None}],
            ("1", "2"),
            "prompt 2 record 2 has no answer",
        ),
        (
            [{"id": "1", "prompt": "other", "output": "a"}],
            ("1",),
            'prompt 1 record 1 has id "1" but its prompt differs',
        ),
    ],
)
def test_a_mismatch_by_id(tmp_path: Path, rows: list[Any], items: tuple[str, ...], why: str) -> None:
    prompts = [Prompt((user(f"words {item}"),), item=item) for item in items]
    with pytest.raises(BadInput) as caught:
        opened(written(tmp_path / "a.jsonl", rows)).align(prompts)
    assert why in str(caught.value)
    assert len(str(caught.value)) <= 200


async def test_missing_answers_are_failed_responses_where_they_are_allowed(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl", [{"prompt": "one", "output": "1"}, {"prompt": "three", "output": None}]
    )
    contender = opened(path, allow_missing=True)
    alignment = contender.align(say("one", "two", "three"))
    assert (alignment.matched, [place for place, _ in alignment.missing]) == (1, [1, 2])
    answers = await asked(contender, say("one", "two", "three"))
    assert [(r.finish, r.text, r.error) for r in answers] == [
        ("stop", "1", None),
        ("failed", "", f"missing in {path}"),
        ("failed", "", f"missing in {path}"),
    ]


async def test_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    (response,) = await asked(
        opened(written(tmp_path / "a.jsonl", [{"prompt": "p", "output": ""}])), say("p")
    )
    assert (response.finish, response.messages) == ("stop", (assistant(""),))


def test_an_id_with_two_prompts_is_refused(tmp_path: Path) -> None:
    rows = [{"id": 1, "prompt": "p", "output": "a"}, {"id": 1, "prompt": "q", "output": "b"}]
    with pytest.raises(
        BadInput, match='record 2 has id "1", which stands with another prompt in record 1; correct'
    ):
        opened(written(tmp_path / "a.jsonl", rows)).align([Prompt((user("p"),), item="1")])


async def test_files_of_several_models_need_a_choice(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"prompt": "p", "output": m, "model": m} for m in ("x", "y")])
    with pytest.raises(BadInput, match=r"holds the answers of 2 models \(x, y\); choose one with \?model="):
        opened(path)
    with pytest.raises(BadInput, match=r'has no model "z" \(found: x, y\)'):
        opened(path, model="z")
    contender = opened(path, model="y")
    assert contender.label == "y"
    assert [r.text for r in await asked(contender, say("p"))] == ["y"]


async def test_another_column_may_hold_the_answers(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"prompt": "p", "good": "g", "bad": "b"}])
    assert [r.text for r in await asked(opened(path, field="bad"), say("p"))] == ["b"]
    with pytest.raises(BadInput, match='record 1 has no "ugly"'):
        opened(path, field="ugly")


def test_the_id_follows_the_answers_and_not_the_place(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "output": "o"}]
    a, b = opened(written(tmp_path / "a.jsonl", rows)), opened(written(tmp_path / "b.jsonl", rows))
    c = opened(written(tmp_path / "c.jsonl", [{"prompt": "p", "output": "O"}]))
    assert a.id == b.id != c.id
    assert (a.label, c.label) == ("a", "c")


def test_specs_open_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"prompt": "p", "output": "o"}])
    opened_by_path = specs.open_spec(specs.parse(str(path)), "Contender", None)
    opened_by_name = specs.open_spec(
        specs.parse(f"recorded:{path}?match=text&allow_missing=true"), "Contender", None
    )
    assert isinstance(opened_by_path, Recorded)
    assert (opened_by_name.match, opened_by_name.allow_missing) == ("text", True)
    with pytest.raises(BadInput, match="match=best is none of"):
        specs.open_spec(specs.parse(f"recorded:{path}?match=best"), "Contender", None)


def test_published_outputs_fit_their_instructions(shared_data: Path) -> None:
    folder = shared_data / "alpaca_eval_2"
    suite = open_file(str(folder / "baseline_gpt4_1106_preview.parquet"))
    for model in ("alpaca-7b", "FuseChat-Llama-3.1-8B-Instruct"):
        contender = opened(folder / f"{model}.model_outputs.json.gz")
        alignment = contender.align(suite.prompts)
        assert (contender.label, alignment.matched, alignment.unused) == (model, 805, 0)
        by_index = opened(folder / "annotations_public.parquet", model=model).align(suite.prompts)
        assert by_index.matched == 805


async def test_published_outputs_equal_those_of_the_annotations(shared_data: Path) -> None:
    folder = shared_data / "alpaca_eval_2"
    outputs = folder / "alpaca-7b.model_outputs.json.gz"
    suite = open_answers(str(outputs))
    contender = opened(folder / "alpaca-7b.annotations.json.gz", field="output_2")
    assert contender.label == "alpaca-7b"
    said = [response.text for response in await asked(contender, suite.prompts)]
    assert said == [row["output"] for row in json.loads(gzip.decompress(outputs.read_bytes()))]


def test_published_arena_answers_fit_their_questions(shared_data: Path) -> None:
    suite = open_file(str(shared_data / "arena_hard/v0.1_question.jsonl.gz"))
    for model in ("gpt-3.5-turbo-0125", "gpt-4-0314"):
        contender = opened(shared_data / f"arena_hard/v0.1_answer_{model}.jsonl.gz")
        assert contender.align(suite.prompts).matched == 500


def test_one_changed_space_in_published_outputs_is_named(shared_data: Path, tmp_path: Path) -> None:
    rows = json.loads(
        gzip.decompress((shared_data / "alpaca_eval_2/alpaca-7b.model_outputs.json.gz").read_bytes())
    )
    suite = formats.prompts(shared_data / "alpaca_eval_2/baseline_gpt4_1106_preview.parquet")
    for place in (16, 40, 212):
        rows[place]["instruction"] += " "
    (tmp_path / "outputs.json").write_text(json.dumps(rows))
    with pytest.raises(BadInput) as caught:
        opened(tmp_path / "outputs.json").align(suite)
    assert "802 of 805 match; 3 do not, first: prompt 17" in str(caught.value)
    assert "nearest record 17 differs in trailing space" in str(caught.value)
