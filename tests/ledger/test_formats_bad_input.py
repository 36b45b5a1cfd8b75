"""One table of what can be wrong with a file: each is one line that names file, record or line, field, and the way out."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from winsome.errors import BadInput
from winsome.ledger import formats

WAYS = re.compile(
    r"\b(add|check|choose|close|correct|drop|double|end|fill in|fill it|give|leave|name|quote|remove|rename|save|use|write)\b"
)


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


PAIR = {
    "question_id": 81,
    "model_1": "a",
    "model_2": "b",
    "g1_winner": "model_1",
    "g2_winner": "tie",
    "judge": ["j", "p"],
}
GAMES = {"uid": "u", "model": "m", "category": "hard_prompt", "games": [{"score": "A>B"}, {"score": "B>A"}]}
NOTE = {
    "instruction": "Say hi",
    "output_1": "x",
    "output_2": "y",
    "generator_1": "a",
    "generator_2": "b",
    "preference": 1.5,
}
READ: dict[str, Callable[..., Any]] = {
    "prompts": formats.prompts,
    "answers": formats.answers,
    "verdicts": formats.verdicts,
    "grades": formats.grades,
}

CASES: list[tuple[str, str, str, bytes | None, tuple[str, ...]]] = [
    ("missing file", "prompts", "none.json", None, ("does not exist", "check the path")),
    ("empty file", "prompts", "a.json", b"", ("is empty", "at least one record")),
    ("blank file", "answers", "a.jsonl", b"\xef\xbb\xbf \n\n", ("is empty",)),
    ("empty list", "answers", "a.json", b"[]", ("empty list",)),
    ("comments alone", "prompts", "a.jsonl", b"# hello\n# there\n", ("comments", "add at least one")),
    ("header alone", "verdicts", "a.csv", b"model_a,model_b,winner\n", ("no records", "model_a, model_b, winner")),
    ("binary", "prompts", "a.jsonl", b"\x7fELF\0\0\0\0" * 9, ("is binary", "give JSON")),
    ("zip named csv", "verdicts", "a.csv", b"PK\x03\x04\0\0\0\0", ("is packed with zip", "gzip")),
    ("zstd", "answers", "a.json.zst", b"\x28\xb5\x2f\xfd\x04\x58{}", ("is packed with zstd", "gzip")),
    ("bzip2", "prompts", "a.jsonl.bz2", b"BZh91AY&SY\x0b", ("is packed with bzip2",)),
    ("not parquet", "verdicts", "a.parquet", b"hello there, no parquet", ("is not Parquet", "correct the name")),
    ("damaged parquet", "verdicts", "a.parquet", parquet(pl.DataFrame({"a": [1]}))[:-9], ("Parquet", "write the file again")),
    ("parquet without rows", "verdicts", "a.parquet", parquet(pl.DataFrame({"a": []})), ("holds no records",)),
    ("cut gzip", "answers", "a.json.gz", gzip.compress(lines({"prompt": "p" * 99, "output": "o"}))[:-12], ("gzip", "again")),
    ("utf-16", "prompts", "a.json", '[{"prompt": "hé"}]'.encode("utf-16"), ("UTF-16", "save it as UTF-8")),
    ("latin-1", "prompts", "a.jsonl", lines({"prompt": "x"}) + b'{"prompt": "caf\xe9"}', ("line 2, byte 16", "0xe9", "UTF-8")),
    ("latin-1 csv", "verdicts", "a.csv", b"a,b,winner\nx,y,a\ncaf\xe9,y,a\n", ("line 3, byte 4", "0xe9")),
    ("cut json", "answers", "a.json", b'[{"prompt": "p", "output": "o"}, {"prompt": "q", "outp', ("line 1, column 5", "cut off")),
    ("cut json line", "answers", "a.jsonl", lines({"prompt": "p", "output": "o"}) + b'{"prompt": "q"', ("line 2, column 1", "cut off")),
    ("broken json", "answers", "a.json", b'[\n{"prompt": "p",\n "output" "o"}]', ("line 3, column 11", "correct the JSON")),
    ("two objects a line", "prompts", "a.jsonl", b'{"prompt": "a"}{"prompt": "b"}\n', ("line 1, column 16",)),
    ("half a surrogate", "prompts", "a.jsonl", b'{"prompt": "\\ud800"}\n', ("line 1", "surrogate")),
    ("half a surrogate in a list", "answers", "a.json", b'[{"id": "1", "output": "x"}, {"id": "2", "output": "\\udfff"}]', ("record 2", "surrogate", "write")),
    ("half a surrogate in a name", "prompts", "a.jsonl", b'{"prompt": "x"}\n{"prompt": "y", "\\ud83d": 1}\n', ("line 2", "surrogate", "write")),
    ("deep nesting", "prompts", "a.json", b"[" * 5000 + b"]" * 5000, ("line 1",)),
    ("list of numbers", "prompts", "a.json", b"[1, 2]", ("record 1", "give an object")),
    ("text among objects", "prompts", "a.jsonl", lines({"prompt": "a"}, "b"), ("record 2", "give an object")),
    ("short csv row", "answers", "a.csv", b"prompt,output\np,o\nq\n", ("record 2 (line 3)", "1 fields, the header 2", "quote")),
    ("long csv row", "answers", "a.csv", b"prompt,output\np,o,x\n", ("record 1 (line 2)", "3 fields")),
    ("open quote", "answers", "a.csv", b'prompt,output\np,"o\nq,r\n', ("record 1 (line 2)", "quote is not closed")),
    ("column twice", "answers", "a.csv", b"prompt,output,output\np,o,o\n", ('"output" stands twice', "rename one")),
    ("unknown columns", "prompts", "a.csv", b"text,label\nx,y\n", ("not recognised", "text, label", "name them prompt")),
    ("no output", "answers", "a.jsonl", lines({"prompt": "p", "output": "o"}, {"prompt": "q", "reply": "r"}), ("record 2", '"output"', "prompt, reply", "rename")),
    ("output of the wrong kind", "answers", "a.jsonl", lines({"prompt": "p", "output": 7}), ("record 1", '"7"', '"output"', "give text")),
    ("prompt of the wrong kind", "prompts", "a.jsonl", lines({"prompt": ["p"]}), ("record 1", '"prompt"', "give text")),
    ("empty prompt", "prompts", "a.csv", b"id,prompt\n1,hi\n2,\n", ("record 2", '"prompt"', "write the prompt")),
    ("null prompt", "prompts", "a.jsonl", lines({"prompt": None, "id": "x"}), ("record 1", '"prompt"', "fill it in")),
    ("chat without a user", "prompts", "a.jsonl", lines({"messages": [{"role": "system", "content": "s"}]}), ("record 1", '"messages"')),
    ("chat with a strange role", "prompts", "a.jsonl", lines({"messages": [{"role": "bot", "content": "s"}]}), ("record 1", '"bot"', "use system")),
    ("chat without content", "answers", "a.jsonl", lines({"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}), ("record 1", '"content" of message 1')),
    ("questions as answers", "answers", "a.jsonl", lines({"question_id": 1, "category": "c", "turns": ["t"]}), ("MT-Bench questions", "?field=")),
    ("answers as verdicts", "verdicts", "a.jsonl", lines({"prompt": "p", "output": "o"}), ("table of answers", "give a file with a winner")),
    ("answers without questions", "prompts", "a.jsonl", lines({"question_id": 1, "model_id": "m", "choices": [{"turns": ["t"]}]}), ("MT-Bench answers", "give the file of questions")),
    ("choice without turns", "answers", "a.jsonl", lines({"question_id": 1, "model_id": "m", "choices": [{"turns": []}]}), ("record 1", '"turns"')),
    ("mixture", "verdicts", "a.jsonl", lines(PAIR, GAMES), ("record 2 is Arena-Hard judgments", "record 1 MT-Bench")),
    ("mixture of judgments", "grades", "a.jsonl", lines({"question_id": 1, "model": "m", "score": 7}, PAIR), ("record 2 is MT-Bench pairwise",)),
    ("preference out of range", "verdicts", "a.json", json.dumps([NOTE, NOTE | {"preference": 2.5}]).encode(), ("record 2", '"2.5"', '"preference"')),
    ("the baseline's own annotations", "verdicts", "a.json", json.dumps([NOTE | {"generator_2": "a"}]).encode(), ("record 1", '"a" against itself', "leave")),
    ("preference as a word", "verdicts", "a.json", json.dumps([NOTE | {"preference": "b"}]).encode(), ("record 1", '"b"', "give a number")),
    ("annotation without a side", "verdicts", "a.json", json.dumps([NOTE | {"generator_2": None}]).encode(), ("record 1", '"generator_2"')),
    ("unknown label", "verdicts", "a.jsonl", lines(GAMES, GAMES | {"games": [{"score": "A>B"}, {"score": "A"}]}), ("record 2", "game 2", "A>>B")),
    ("game without score", "verdicts", "a.jsonl", lines(GAMES | {"games": [{"judgment": "x"}]}), ("record 1", "game 1", "score")),
    ("three games", "verdicts", "a.jsonl", lines(GAMES | {"games": [None] * 3}), ("record 1", "3", '"games"')),
    ("no known baseline", "verdicts", "a.jsonl", lines(GAMES | {"category": "mine"}), ("record 1", '"baseline"', '"mine"')),
    ("unknown winner in a pair", "verdicts", "a.jsonl", lines(PAIR | {"g2_winner": "A"}), ("record 1", '"A"', '"g2_winner"', "model_1")),
    ("score out of range", "grades", "a.jsonl", lines({"question_id": 1, "model": "m", "score": 70}), ("record 1", '"70"', '"score"')),
    ("unknown winner", "verdicts", "a.csv", b"model_a,model_b,winner\nx,y,model_a\nx,y,maybe\n", ("record 2", '"maybe"', '"winner"', "use model_a")),
    ("unknown winner in lines", "verdicts", "a.jsonl", lines({"model_a": "x", "model_b": "y", "winner": "z"}), ("record 1", '"z"', '"winner"')),
    ("no winner column", "verdicts", "a.csv", b"model_a,model_b,verdict\nx,y,model_a\n", ("model_a, model_b, verdict",)),
    ("nameless side", "verdicts", "a.csv", b"model_a,model_b,winner\nx,y,model_a\n,y,model_b\n", ("record 2", '"model_a"', "give a name")),
    ("null side", "verdicts", "a.jsonl", lines({"model_a": "x", "model_b": "y", "winner": "tie"}, {"model_a": None, "model_b": "y", "winner": "tie"}), ("record 2", '"model_a"', "fill it in")),
    ("list as a side", "verdicts", "a.jsonl", lines({"model_a": ["x"], "model_b": "y", "winner": "tie"}), ("record 1", '"model_a"', "give a name")),
    ("weight as a word", "verdicts", "a.csv", b"model_a,model_b,winner,weight\nx,y,tie,1\nx,y,tie,much\n", ("record 2", '"much"', '"weight"')),
    ("sheet with a strange winner", "verdicts", "a.csv", b"prompt,answer_a,answer_b,winner\np,x,y,a\np,x,y,left one\n", ("record 2", '"left one"', '"winner"')),
    ("side and name at odds", "verdicts", "a.csv", b"a,b,winner\nx,y,a\nb,a,a\n", ("record 2", '"winner"', "rename")),
    ("reward without counts", "verdicts", "a.json", json.dumps({"-1": {"m": {"win_much": 1}}}).encode(), ('"win"', "give a count")),
    ("winner who did not play", "verdicts", "a.json", json.dumps([{"session_id": "s", "model_A": "x", "model_B": "y", "winner": "z"}]).encode(), ("record 1", '"z"', '"winner"')),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "name", "content", "parts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, reader: str, name: str, content: bytes | None, parts: tuple[str, ...]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        READ[reader](path)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) <= 200
    assert name in line
    assert WAYS.search(line), line
    for part in parts:
        assert part in line, line


def test_a_folder_and_a_near_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text("[]")
    with pytest.raises(BadInput, match="is a folder"):
        formats.sniff(tmp_path)
    with pytest.raises(BadInput, match=r'did you mean "outputs.json"'):
        formats.sniff(tmp_path / "output.json")


def test_a_long_path_is_cut_and_the_problem_is_not(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 180 + ".jsonl")
    path.write_bytes(lines({"prompt": "a"}, {"prompt": 3}))
    with pytest.raises(BadInput) as caught:
        formats.prompts(path)
    assert len(str(caught.value)) <= 200
    assert str(caught.value).endswith('record 2 has "3" in "prompt"; give text in quotes')


def test_control_characters_in_a_file_stay_out_of_the_message(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines({"model_a": "x", "model_b": "y", "winner": "\x1b[2J\u202egone"}))
    with pytest.raises(BadInput) as caught:
        formats.verdicts(path)
    assert str(caught.value).isprintable()


def test_files_of_two_formats_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(PAIR))
    (tmp_path / "b.jsonl").write_bytes(lines(GAMES))
    with pytest.raises(
        BadInput, match=r"b\.jsonl: is Arena-Hard judgments, a\.jsonl MT-Bench pairwise judgments; give"
    ):
        formats.verdicts(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
