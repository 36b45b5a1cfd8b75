"""What is written is read back, and what peers' tools would make of it is what was meant."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import winsome
from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.ledger.formats import (
    Answer,
    alpaca_eval,
    arena_hard,
    human,
    mt_bench,
    reading,
    tables,
    verdict_tables,
)
from winsome.ledger.formats.writers import write_verdicts
from winsome.records import Message, Prompt, Text, assistant, user

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda words: bool(words.strip())
)
FAST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PROMPTS = st.builds(
    Prompt,
    messages=st.one_of(
        WORDS.map(lambda words: (user(words),)),
        st.tuples(WORDS.map(user), WORDS.map(assistant), WORDS.map(user)),
    ),
    system=st.none() | WORDS,
    follow_ups=st.lists(WORDS.map(user), max_size=2).map(tuple),
    facets=st.just({}) | st.just({"category": "x", "lang": "de"}),
    for_judges=st.just({}) | WORDS.map(lambda words: {"reference_answer": words}),
    item=st.none() | st.sampled_from(["1", "zwei", "§3"]),
)


@FAST
@given(
    prompts=st.lists(PROMPTS, min_size=1, max_size=4),
    ending=st.sampled_from([".json", ".jsonl", ".jsonl.gz"]),
)
def test_prompts_come_back(tmp_path: Path, prompts: list[Prompt], ending: str) -> None:
    path = tmp_path / f"p{ending}"
    assert tables.write_prompts(path, prompts) == len(prompts)
    back = formats.prompts(path)
    assert back == prompts
    assert [(p.facets, p.for_judges, p.item) for p in back] == [
        (p.facets, p.for_judges, p.item) for p in prompts
    ]


@FAST
@given(
    words=st.lists(
        st.tuples(WORDS, st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=4
    )
)
def test_answers_come_back(tmp_path: Path, words: list[tuple[str, str]]) -> None:
    answers = [
        Answer(n, (said,), Prompt((user(asked),), item=str(n)), str(n), "m")
        for n, (asked, said) in enumerate(words, 1)
    ]
    for name in ("a.jsonl", "a.json", "a.jsonl.gz"):
        tables.write_answers(tmp_path / name, answers)
        assert formats.answers(tmp_path / name) == answers
    alpaca_eval.write_outputs(tmp_path / "o.json", answers)
    assert formats.sniff(tmp_path / "o.json") == "alpaca_eval_outputs"
    assert [(a.prompt, a.turns, a.model) for a in formats.answers(tmp_path / "o.json")] == [
        (a.prompt, a.turns, a.model) for a in answers
    ]


def test_turns_and_samples_come_back(tmp_path: Path) -> None:
    prompt = Prompt((user("p"),), follow_ups=(user("q"),), item="7")
    answers = [Answer(1, ("a", "b"), prompt, "7", "m"), Answer(2, ("c", "d"), prompt, "7", "m", 1)]
    tables.write_answers(tmp_path / "a.jsonl", answers)
    assert formats.answers(tmp_path / "a.jsonl") == answers
    mt_bench.write_answers(tmp_path / "m.jsonl", answers[:1])
    assert formats.sniff(tmp_path / "m.jsonl") == "mt_bench_answers"
    assert formats.answers(tmp_path / "m.jsonl") == [Answer(1, ("a", "b"), None, "7", "m")]
    for version in ("v2", "v0.1"):
        arena_hard.write_answers(tmp_path / "h.jsonl", answers[:1], version)
        assert formats.sniff(tmp_path / "h.jsonl") == "arena_hard_answers"
        (back,) = formats.answers(tmp_path / "h.jsonl")
        assert (back.turns, back.item, back.model) == (("a", "b"), "7", "m")
        assert back.prompt == (Prompt((user("p"),), follow_ups=(user("q"),)) if version == "v2" else None)


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    two_turns = Answer(3, ("a", "b"), Prompt((user("p"),), follow_ups=(user("q"),)))
    nameless = Answer(4, ("a",), Prompt((user("p"),)))
    with pytest.raises(BadInput, match="answer 3 is missing or has several turns"):
        alpaca_eval.write_outputs(tmp_path / "a.json", [two_turns])
    with pytest.raises(BadInput, match="answer 4 has no id"):
        arena_hard.write_answers(tmp_path / "a.jsonl", [nameless])
    with pytest.raises(BadInput, match=r"several turns; use \.jsonl"):
        tables.write_answers(tmp_path / "a.csv", [two_turns])
    with pytest.raises(BadInput, match=r"cannot be written; use \.json"):
        tables.write_answers(tmp_path / "a.xlsx", [nameless])
    graded = pl.DataFrame(
        {"model_a": ["x"], "model_b": ["y"], "share": [0.7], "prompt_id": ["1"], "order": [0]}
    )
    with pytest.raises(BadInput, match=r"verdict 1 has share 0\.7"):
        arena_hard.write_judgments(tmp_path / "a.jsonl", graded)
    with pytest.raises(BadInput, match=r"verdict 1 has share 0\.7"):
        mt_bench.write_pairs(tmp_path / "a.jsonl", graded)
    assert not list(tmp_path.iterdir())


def frame(**beside: list[Any]) -> pl.DataFrame:
    shares = [1.0, 0.5, 0.0, None]
    columns: dict[str, list[Any]] = {"model_a": ["m"] * 4, "model_b": ["base"] * 4, "share": shares}
    return pl.DataFrame(columns | beside)


def in_words(verdicts: pl.DataFrame) -> pl.DataFrame:
    return verdicts.with_columns(pl.col(pl.Categorical).cast(pl.String))


def test_battles_come_back_in_every_form(tmp_path: Path) -> None:
    verdicts = frame(prompt_id=["1", "2", "3", "4"], judge=["j"] * 4)
    for ending in (".csv", ".csv.gz", ".json", ".jsonl", ".jsonl.gz", ".parquet"):
        path = tmp_path / f"v{ending}"
        verdict_tables.write_battles(path, verdicts)
        back = formats.verdicts(path)
        assert_frame_equal(in_words(back), verdicts, check_column_order=False)
    row = json.loads((tmp_path / "v.jsonl").read_text().splitlines()[1])
    assert row["winner"] == "tie"
    graded = verdicts.with_columns(share=pl.Series([0.25, 0.5, None, 1.0]))
    verdict_tables.write_battles(tmp_path / "g.csv", graded)
    assert_frame_equal(in_words(formats.verdicts(tmp_path / "g.csv")), graded, check_column_order=False)


def test_alpaca_eval_annotations_come_back(tmp_path: Path) -> None:
    texts = {"prompt": list("pqrs"), "answer_a": list("abcd"), "answer_b": list("efgh"), "judge": ["j"] * 4}
    verdicts = frame(category=["k"] * 4, **texts)
    alpaca_eval.write_annotations(tmp_path / "n.json", verdicts)
    rows = json.loads((tmp_path / "n.json").read_text())
    assert [row["preference"] for row in rows] == [2, 1.5, 1, None]
    assert (rows[0]["generator_2"], rows[0]["output_2"], rows[0]["output_1"]) == ("m", "a", "e")
    assert_frame_equal(formats.verdicts(tmp_path / "n.json").select(verdicts.columns), verdicts)


def test_published_annotations_come_back(shared_data: Path, tmp_path: Path) -> None:
    verdicts = formats.verdicts(shared_data / "alpaca_eval_2/alpaca-7b.annotations.json.gz")
    alpaca_eval.write_annotations(tmp_path / "n.json.gz", verdicts)
    assert_frame_equal(formats.verdicts(tmp_path / "n.json.gz"), verdicts)
    original = json.loads(
        gzip.decompress((shared_data / "alpaca_eval_2/alpaca-7b.annotations.json.gz").read_bytes())
    )
    ours = json.loads(gzip.decompress((tmp_path / "n.json.gz").read_bytes()))
    for theirs, row in zip(original, ours, strict=True):
        assert row["preference"] == pytest.approx(theirs["preference"], abs=1e-12)
        assert {k: theirs[k] for k in row if k != "preference"} == {
            k: v for k, v in row.items() if k != "preference"
        }


LABELS = {"A>>B": 1, "A>B": 1, "A=B": 0.5, "B>A": 0, "B>>A": 0, "A<B": 0, "B<A": 1}


@pytest.mark.parametrize("version", ["v0.1", "v2"])
def test_arena_hard_games_follow_the_published_rule(tmp_path: Path, version: str) -> None:
    """In the first game the baseline is A, so the model's share is one minus the label's; in the second it is A."""
    rows = []
    for n, (first, second) in enumerate([("A>>B", "B>A"), ("B>A", "A=B"), ("A<B", "A>>B"), (None, "B<A")]):
        named = {"uid": f"q{n}", "category": "hard_prompt"} if version == "v2" else {"question_id": f"q{n}"}
        games = [{"score": score, "judgment": "w", "user_prompt": "p"} for score in (first, second)]
        rows.append(named | {"model": "m", "judge": "j", "games": games})
    path = tmp_path / "j.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = formats.verdicts(path)
    assert found["share"].to_list() == [0.0, 0.0, 1.0, 0.5, 1.0, 1.0, None, 1.0]
    assert found["extent"].to_list() == [2.0, 1.0, 1.0, 0.0, 1.0, 2.0, None, 1.0]
    assert found["order"].to_list() == [0, 1] * 4
    baseline = "o3-mini-2025-01-31" if version == "v2" else "gpt-4-0314"
    assert found["model_b"].unique().to_list() == [baseline]
    arena_hard.write_judgments(tmp_path / "back.jsonl", found, version)
    back = formats.verdicts(tmp_path / "back.jsonl")
    assert_frame_equal(back, found)
    ours = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    for row, other in zip(rows, ours, strict=True):
        for game, again in zip(row["games"], other["games"], strict=True):
            assert (game["score"] is None) == (again["score"] is None)
            assert game["score"] is None or LABELS[game["score"]] == LABELS[again["score"]]


def test_mt_bench_pairs_name_the_winner_in_both_games(tmp_path: Path) -> None:
    base = {
        "model_1": "x",
        "model_2": "y",
        "judge": ["gpt-4", "pair-v2"],
        "g1_judgment": "one",
        "g2_judgment": "two",
    }
    winners = [("model_1", "model_1"), ("model_2", "tie"), ("error", "model_2")]
    rows = [
        {"question_id": 81 + n, "g1_winner": first, "g2_winner": second, "turn": 1 + n % 2, **base}
        for n, (first, second) in enumerate(winners)
    ]
    path = tmp_path / "pair.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = formats.verdicts(path)
    assert found["share"].to_list() == [1.0, 1.0, 0.0, 0.5, None, 0.0]
    assert found["aspect"].to_list() == ["turn 1", "turn 1", "turn 2", "turn 2", "turn 1", "turn 1"]
    assert found["judge"].unique().to_list() == ["gpt-4/pair-v2"]
    assert found["reason"].to_list() == ["one", "two"] * 3
    mt_bench.write_pairs(tmp_path / "back.jsonl", found)
    assert [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()] == rows


def test_mt_bench_singles_are_grades(tmp_path: Path) -> None:
    rows = [
        {"question_id": 81, "model": "m", "judge": ["j", "p"], "score": score, "turn": 2}
        for score in (10, 7.5, -1)
    ]
    path = tmp_path / "single.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = formats.grades(path)
    assert found["grade"].to_list() == [10, 7.5, None]
    assert found["aspect"].to_list() == ["turn 2"] * 3


def test_chatbot_arena_battles(tmp_path: Path) -> None:
    turn = {"role": "user", "content": "hi"}
    rows = [
        {"question_id": f"{n}", "model_a": "x", "model_b": "y", "winner": winner, "judge": f"arena_user_{n}", "turn": 1,
         "anony": True, "language": "English", "tstamp": 1.7e9, "conversation_a": [turn], "conversation_b": [turn]}
        for n, winner in enumerate(["model_a", "model_b", "tie", "tie (bothbad)"])
    ]  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pl.DataFrame(rows).write_parquet(tmp_path / "b.parquet")
    for name in ("b.json", "b.jsonl", "b.parquet"):
        found = formats.verdicts(tmp_path / name)
        assert found["share"].to_list() == [1.0, 0.0, 0.5, 0.5]
        assert found["annotator"].to_list() == [f"arena_user_{n}" for n in range(4)]
        assert found["lang"].to_list() == ["English"] * 4
        assert "judge" not in found.columns
        assert found["reason"].to_list() == [None, None, None, "both bad"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_both_bad_stays_what_it_is(tmp_path: Path, ending: str) -> None:
    words = ["model_a", "tie (bothbad)", "tie", "bothbad", "model_b"]
    rows = [{"prompt_id": f"p{n}", "model_a": "x", "model_b": "y", "winner": w} for n, w in enumerate(words)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = formats.verdicts(tmp_path / "b.jsonl")
    write_verdicts(tmp_path / f"again.{ending}", "battles", found)
    again = formats.verdicts(tmp_path / f"again.{ending}")
    assert again.rows(named=True) == found.rows(named=True)
    raw = reading.read(tmp_path / f"again.{ending}").rows
    assert [row["winner"] for row in raw] == ["model_a", "tie (bothbad)", "tie", "tie (bothbad)", "model_b"]
    assert "reason" not in raw[0]


def test_wildbench_pairs(tmp_path: Path) -> None:
    rows = [
        {"session_id": "s", "model_A": "x", "model_B": "y", "winner": winner, "extent": extent,
         "model_outputs": {"x": "long", "y": "no"}}
        for winner, extent in (("x", 2), ("tie", 0), ("y", 1))
    ]  # fmt: skip
    (tmp_path / "w.json").write_text(json.dumps(rows))
    found = formats.verdicts(tmp_path / "w.json")
    assert found["share"].to_list() == [1.0, 0.5, 0.0]
    assert found["extent"].to_list() == [2.0, 0.0, 1.0]
    assert (found["length_a"][0], found["length_b"][0]) == (4, 2)


def test_human_sheets_are_filled_in_and_read(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"p{n}", "answer_a": "long, with a comma", "answer_b": 'and "quotes"'} for n in range(4)
    ]
    human.write_sheet(tmp_path / "sheet.csv", rows)
    lines = (tmp_path / "sheet.csv").read_text().splitlines()
    assert lines[0] == "prompt,answer_a,answer_b,winner,annotator"
    filled = [
        line[:-1] + f"{winner},eva"
        for line, winner in zip(lines[1:], ("a", "model_b", "tie", ""), strict=True)
    ]
    (tmp_path / "sheet.csv").write_text("\n".join([lines[0], *filled]) + "\n")
    found = formats.verdicts(tmp_path / "sheet.csv")
    assert found["share"].to_list() == [1.0, 0.0, 0.5, None]
    assert found["outcome"].to_list() == ["win", "loss", "tie", "not asked"]
    assert found["annotator"].to_list() == ["eva"] * 4
    assert found["prompt_id"][0] == Prompt((user("p0"),)).id
    human.write_sheet(tmp_path / "m.csv", [{"match_id": "abc", "winner": "right"}, {"match_id": "def"}])
    by_match = formats.verdicts(tmp_path / "m.csv")
    assert by_match.to_dicts() == [
        {"match_id": "abc", "share": 0.0, "annotator": None},
        {"match_id": "def", "share": None, "annotator": None},
    ]


def test_parts_of_openai_chats_are_text(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]},
    ]
    (tmp_path / "p.jsonl").write_text(json.dumps({"messages": chat}))
    assert formats.prompts(tmp_path / "p.jsonl") == [
        Prompt((Message("user", (Text("Hello"),)),), system="Be brief.")
    ]


def test_nan_as_python_writes_it_is_a_missing_cell_but_no_preference(tmp_path: Path) -> None:
    row = (
        '{"instruction": "i", "output_1": "x", "output_2": "y", "generator_1": "a", "generator_2": "b", '
        '"dataset": NaN, "preference": '
    )
    (tmp_path / "n.json").write_text(f"[{row}null}}]")
    found = formats.verdicts(tmp_path / "n.json")
    assert found["share"].to_list() == found["category"].to_list() == [None]
    (tmp_path / "n.json").write_text(f"[{row}2.0}}, {row}NaN}}]")
    with pytest.raises(BadInput, match='record 2 has NaN in "preference"; give a number, or null'):
        formats.verdicts(tmp_path / "n.json")


@pytest.mark.parametrize("name", ["n.csv", "n.jsonl", "n.json", "n.parquet"])
def test_a_share_of_nan_is_refused_in_every_form(tmp_path: Path, name: str) -> None:
    rows = [("x", "y", 0.3), ("x", "y", float("nan"))]
    path = tmp_path / name
    if name.endswith("parquet"):
        pl.DataFrame(rows, ["model_a", "model_b", "share"], orient="row").write_parquet(path)
    elif name.endswith("csv"):
        path.write_text("model_a,model_b,share\n" + "".join(f"{a},{b},{s}\n" for a, b, s in rows))
    else:
        records = [json.dumps({"model_a": a, "model_b": b, "share": s}) for a, b, s in rows]
        path.write_text("\n".join(records) if name.endswith("l") else f"[{','.join(records)}]")
    with pytest.raises(BadInput, match=rf"{name}: record 2.*share"):
        winsome.rank(path)


def test_gpt_style_answers_with_several_separators_and_bom(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeffprompt;output\n"one; two";"a\nb"\n', "utf-8")
    (answer,) = formats.answers(tmp_path / "a.csv")
    assert answer.prompt == Prompt((user("one; two"),))
    assert answer.turns == ("a\nb",)


def test_a_csv_cell_with_quotes_takes_the_careful_way_to_the_same_verdicts(tmp_path: Path) -> None:
    plain = "model_a,model_b,winner,note\nx,y,model_a,n\nx,y,tie,n\n"
    quoted = plain.replace("tie,n", '"tie","n, with ""words"""')
    (tmp_path / "p.csv").write_text(plain)
    (tmp_path / "q.csv").write_text(quoted)
    assert_frame_equal(formats.verdicts(tmp_path / "p.csv"), formats.verdicts(tmp_path / "q.csv"))


def test_winners_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("a,b,winner\nx,y,y\ny,x,y\nx,y,tie\nx,y,left\nx,y,\n")
    assert formats.verdicts(tmp_path / "v.csv")["share"].to_list() == [0.0, 1.0, 0.5, 1.0, None]
