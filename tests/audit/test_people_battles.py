"""Votes beside their conversations, as Chatbot Arena, MT-Bench and lmsys's table of 55,000 battles publish them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winsome.audit.people import read_people
from winsome.cli import main
from winsome.errors import BadInput
from winsome.ledger import formats


def talk(*turns: str, parts: bool = False) -> list[dict[str, Any]]:
    """A conversation whose turns are the user's and the assistant's in alternation."""
    return [
        {"role": ("user", "assistant")[k % 2],
         "content": [{"type": "text", "text": words, "image": None}] if parts else words}
        for k, words in enumerate(turns)
    ]  # fmt: skip


def arena(parts: bool) -> list[dict[str, Any]]:
    """Three votes on two pairs: the second vote is on the first pair turned round."""
    one = (talk("2 + 2?", "4", parts=parts), talk("2 + 2?", "five", parts=parts))
    two = (talk("Hi", "Hello", "And?", "What?", parts=parts), talk("Hi", "Hey", "And?", "Yes?", parts=parts))
    beside = {"anony": True, "language": "English", "tstamp": 1.0}
    return [
        {"question_id": "q1", "model_a": "x", "model_b": "y", "winner": "model_a", "judge": "u1", "turn": 1,
         "conversation_a": one[0], "conversation_b": one[1], **beside},
        {"question_id": "q1", "model_a": "y", "model_b": "x", "winner": "model_a", "judge": "u2", "turn": 1,
         "conversation_a": one[1], "conversation_b": one[0], **beside},
        {"question_id": "q2", "model_a": "x", "model_b": "y", "winner": "tie (bothbad)", "judge": "u1", "turn": 2,
         "conversation_a": two[0], "conversation_b": two[1], **beside},
    ]  # fmt: skip


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("parts", [False, True], ids=["text", "parts"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_conversations_of_chatbot_arena_are_pairs(tmp_path: Path, name: str, parts: bool) -> None:
    people = read_people(written(tmp_path / name, arena(parts)))
    assert people.share.tolist() == [1.0, 0.0, 0.5]
    assert people.pair.tolist() == [0, 0, 1]
    assert people.annotator == ("u1", "u2", "u1")
    first, second = people.pairs
    assert first.prompt.text == "2 + 2?"
    assert [answer.text for answer in first.answers] == ["4", "five"]
    assert [answer.contender for answer in first.answers] == ["x", "y"]
    assert [turn.text for turn in (*second.prompt.messages, *second.prompt.follow_ups)] == ["Hi", "And?"]
    assert [[turn.text for turn in a.messages] for a in second.answers] == [
        ["Hello", "What?"],
        ["Hey", "Yes?"],
    ]


def test_a_first_turn_of_mt_bench_is_judged_alone(tmp_path: Path) -> None:
    """MT-Bench's human judgments hold both turns of a conversation, and `turn` says which was judged."""
    row = arena(False)[2] | {"turn": 1, "winner": "model_b"}
    people = read_people(written(tmp_path / "m.jsonl", [row]))
    (pair,) = people.pairs
    assert pair.prompt.follow_ups == ()
    assert [[turn.text for turn in answer.messages] for answer in pair.answers] == [["Hello"], ["Hey"]]


COLUMNS = ("winner_model_a", "winner_model_b", "winner_tie")


def fifty_five(*won: int) -> dict[str, Any]:
    return {
        "id": 30192, "model_a": "gpt-4", "model_b": "koala", "prompt": '["Is it?", "Why?"]',
        "response_a": '["Yes.", "Because \\"so\\"."]', "response_b": '["No.", null]', **dict(zip(COLUMNS, won, strict=True)),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["k.csv", "k.jsonl", "k.parquet"])
def test_the_table_of_55_000_battles_is_read(tmp_path: Path, name: str) -> None:
    rows = [fifty_five(1, 0, 0), fifty_five(0, 1, 0), fifty_five(0, 0, 1)]
    path = tmp_path / name
    if name.endswith("csv"):
        pl.DataFrame(rows).write_csv(path)
    else:
        written(path, rows)
    assert formats.sniff(path) == "battles"
    frame = formats.verdicts(path)
    assert frame["share"].to_list() == [1.0, 0.0, 0.5]
    assert not set(frame.columns) & {*COLUMNS, "won_a", "won_b", "won_tie"}
    people = read_people(path)
    (pair,) = people.pairs
    assert people.share.tolist() == [1.0, 0.0, 0.5]
    assert [turn.text for turn in (*pair.prompt.messages, *pair.prompt.follow_ups)] == ["Is it?", "Why?"]
    assert [turn.text for turn in pair.answers[0].messages] == ["Yes.", 'Because "so".']
    assert [turn.text for turn in pair.answers[1].messages] == ["No.", ""]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"conversation_b": talk("3 + 3?", "five")}, 'other user turns in "conversation_b"'),
        ({"conversation_b": talk("2 + 2?")}, "1 requests, 1 answers of a and 0 of b"),
        ({"conversation_a": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]}, 'no text of user or assistant in turn 1 of "conversation_a"'),
        ({"conversation_a": []}, 'in "conversation_a"; give a list of role and content'),
    ],
)  # fmt: skip
def test_conversations_that_say_no_pair_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = written(tmp_path / "a.jsonl", [arena(False)[0], arena(False)[0] | change])
    with pytest.raises(BadInput) as error:
        read_people(path)
    assert said in str(error.value)
    assert "a.jsonl: record 2 " in str(error.value)
    assert len(str(error.value)) <= 200


@pytest.mark.parametrize("won", [(1, 1, 0), (0, 0, 0), (2, 0, 0)])
def test_votes_that_are_not_one_of_three_are_named(tmp_path: Path, won: tuple[int, ...]) -> None:
    path = written(tmp_path / "k.jsonl", [fifty_five(1, 0, 0), fifty_five(*won)])
    with pytest.raises(BadInput, match="record 2 has not one 1 and two 0 in winner_model_a"):
        formats.verdicts(path)


def test_style_is_counted_in_words_however_they_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Conversations of text, of parts, plain responses and responses as JSON have equal lengths, so equal ratings with length held equal."""
    shapes: dict[str, list[dict[str, Any]]] = {"text": [], "parts": [], "plain": [], "json": []}
    for k in range(60):
        words = ("word " * (5 + k % 7), "word " * (1 + k % 3))
        first, second = words if k % 3 else words[::-1]
        vote = {
            "question_id": f"q{k}",
            "model_a": "x",
            "model_b": "y",
            "winner": "model_b" if k % 5 else "model_a",
        }
        for name, told in (
            ("text", {"conversation_a": talk("q", first), "conversation_b": talk("q", second)}),
            (
                "parts",
                {
                    "conversation_a": talk("q", first, parts=True),
                    "conversation_b": talk("q", second, parts=True),
                },
            ),
            ("plain", {"response_a": first, "response_b": second}),
            ("json", {"response_a": json.dumps([first]), "response_b": json.dumps([second])}),
        ):
            shapes[name].append(vote | told)
    found: list[Any] = []
    for name, rows in shapes.items():
        path = written(tmp_path / f"{name}.jsonl", rows)
        assert main(["rank", str(path), "--method", "bt", "--control", "length", "--json", "--quiet"]) == 0
        found.append(json.loads(capsys.readouterr().out)["rows"])
    assert found[0] == found[1] == found[2] == found[3]


def test_the_refusal_audit_counts_battles_of_one_turn_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [arena(False)[2] | {"question_id": f"q{k}"} for k in range(3)]
    path = written(tmp_path / "m.jsonl", several)
    assert main(["audit", "refusals", str(path)]) == 2
    assert "m.jsonl: all 1 pairs have several turns" in capsys.readouterr().err
    rows = several
    for k in range(120):
        helps, declines = talk(f"How to do {k}?", f"Like this, {k}."), talk(f"How to do {k}?", "I can't help with that, because it is harmful.")  # fmt: skip
        turned = k % 2 == 0
        rows.append({"model_a": f"m{turned:d}", "model_b": f"m{not turned:d}", "winner": "model_a" if turned ^ (k % 5 == 0) else "model_b",
                     "conversation_a": helps if turned else declines, "conversation_b": declines if turned else helps})  # fmt: skip
    path = written(tmp_path / "a.jsonl", rows)
    assert main(["audit", "refusals", str(path), "--json", "--quiet"]) == 0
    tables = {one["title"]: one for one in json.loads(capsys.readouterr().out)["tables"]}
    against = tables["Win rate of the row's type against the column's, per cent"]
    assert against["notes"][0].startswith("1 pairs of several turns are left out")
    # 96 of 120 votes go to the answer that helps
    row = next(row for row in against["rows"] if row[0] == "normal")
    figure = row[against["columns"].index("ethical")]
    assert (figure["estimate"], figure["n"]) == (pytest.approx(80.0), 120)
