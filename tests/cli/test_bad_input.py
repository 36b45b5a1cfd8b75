"""One table of mistakes. Each ends with exit code 2, nothing on standard output, and one line of at most 200 characters."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.typed import arithmetic, lines, typed
from tests.servers.behaviour import Behaviour

Prepare = Callable[[Path], Any]
COMPARE = ("compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", "numeric")


def b(folder: Path, *rows: dict[str, Any]) -> None:
    lines(folder / "b.jsonl", list(rows))


def text(name: str, content: bytes) -> Prepare:
    return lambda folder: (folder / name).write_bytes(content)


def newer_ledger(folder: Path) -> None:
    typed(*COMPARE, cwd=folder)
    with sqlite3.connect(folder / ".winsome" / "ledger.sqlite") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "alembic_version" in tables:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("UPDATE meta SET value = '9999' WHERE name LIKE '%version%'")
    database.close()


RIGHT = [{"id": str(i), "output": str(i)} for i in range(1, 7)]

CASES: dict[str, tuple[Prepare, tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (lambda folder: (folder / "b.jsonl").unlink(), COMPARE, ("b.jsonl", "does not exist", "check")),
    "answers to other prompts": (
        lambda folder: b(folder, *({"prompt": f"What is {i} + {i}?", "output": "1"} for i in range(6))),
        COMPARE,
        ("b.jsonl", "record", "nearest"),
    ),
    "an id with two prompts": (
        lambda folder: b(folder, *({"id": "1", "prompt": f"What is {i}?", "output": "1"} for i in range(2))),
        COMPARE,
        ("b.jsonl", "record 2", "id", "correct"),
    ),
    "an id with two answers": (
        lambda folder: b(folder, *RIGHT, {"id": "2", "output": "another"}),
        COMPARE,
        ("b.jsonl", "record 7", 'id "2"', "record 2", '"sample"'),
    ),
    "half a character in an answer": (
        text("b.jsonl", b'{"id": "1", "output": "1"}\n{"id": "2", "output": "half \\ud83d"}\n'),
        COMPARE,
        ("b.jsonl", "line 2", "surrogate", "write"),
    ),
    "half a character in the suite": (
        text("sums.jsonl", b'{"id": "1", "prompt": "x"}\n{"id": "2", "prompt": "\\udc00"}\n'),
        COMPARE,
        ("sums.jsonl", "line 2", "surrogate", "write"),
    ),
    "a prompt twice in the suite": (
        lambda folder: lines(folder / "sums.jsonl", [{"id": "1", "prompt": "x"}, {"id": "1", "prompt": "y"}]),
        COMPARE,
        ("sums.jsonl", "record 2", "id"),
    ),
    "a missing answer": (lambda folder: b(folder, *RIGHT[:5]), COMPARE, ("b.jsonl", "5 of 6")),
    "no output field": (
        lambda folder: b(folder, *RIGHT[:2], {"id": "3", "text": "25"}),
        COMPARE,
        ("b.jsonl", "record 3", '"output"'),
    ),
    "a number as an answer": (
        lambda folder: b(folder, {"id": "1", "output": 43}, *RIGHT[1:]),
        COMPARE,
        ("b.jsonl", "record 1", '"output"', "give text"),
    ),
    "latin-1": (text("b.jsonl", '{"id": "1", "output": "é"}\n'.encode("latin-1")), COMPARE, ("b.jsonl", "line 1", "UTF-8")),
    "utf-16": (text("b.jsonl", '{"id": "1", "output": "x"}\n'.encode("utf-16")), COMPARE, ("b.jsonl", "UTF-8")),
    "cut JSON": (text("b.jsonl", b'[{"id": "1", "output": "4'), COMPARE, ("b.jsonl", "ends too early", "again")),
    "a cut line": (text("b.jsonl", b'{"id": "1", "output": "4"}\n{"id": "2", "out'), COMPARE, ("b.jsonl", "line 2")),
    "a damaged gzip": (
        lambda folder: (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id": "1"}' * 99)[:40]),
        ("compare", "a.jsonl", "b.jsonl.gz", *COMPARE[3:]),
        ("b.jsonl.gz", "gzip"),
    ),
    "an empty file": (text("b.jsonl", b""), COMPARE, ("b.jsonl", "is empty")),
    "a binary file": (text("b.jsonl", b"\x00\x01\x02" * 99), COMPARE, ("b.jsonl", "binary")),
    "a folder": (lambda folder: (folder / "c.json").mkdir(), ("compare", "a.jsonl", "c.json", *COMPARE[3:]), ("c.json", "folder")),
    "not answers": (text("b.jsonl", b'{"colour": "green"}\n'), COMPARE, ("b.jsonl", "colour", "name")),
    "a judge that is none": (lambda _: None, (*COMPARE[:-1], "numerc"), ('did you mean "numeric"?',)),
    "a setting that is none": (lambda _: None, (*COMPARE[:-1], "numeric?tolerence=1"), ('did you mean "tolerance"?',)),
    "a value that is none": (lambda _: None, (*COMPARE[:-1], "numeric?tolerance=wide"), ("tolerance=wide", "float")),
    "an unknown embedded model": (
        lambda _: None,
        ("generate", "embedded:smollm2-135", "--prompt", "x"),
        ("smollm2-135m", "no embedded model"),
    ),
    "an unreachable server": (lambda _: None, ("generate", "http://127.0.0.1:9/v1#m", "--prompt", "x"), ("127.0.0.1:9", "start")),
    "an address without a model": (lambda _: None, ("generate", "http://127.0.0.1:9/v1", "--prompt", "x"), ("#model",)),
    "a key that is not set": (
        lambda _: None,
        ("generate", "http://127.0.0.1:9/v1#m?key=env:NO_SUCH_KEY", "--prompt", "x"),
        ("NO_SUCH_KEY", "export"),
    ),
    "a key written out": (
        lambda _: None,
        ("generate", "http://127.0.0.1:9/v1#m?key=sk-verysecret0123456789", "--prompt", "x"),
        ("key=env:NAME",),
    ),
    "a name cut by the shell": (lambda _: None, ("generate", "best_of_n?n=4", "--prompt", "x"), ("base",)),
    "brackets cut by the shell": (lambda _: None, ("compare", "best_of_n?base=(embedded:x", "a.jsonl"), ("quote the name",)),
    "a budget that is none": (lambda _: None, (*COMPARE, "--budget", "five"), ("--budget", "5usd")),
    "money without a price": (
        lambda _: None,
        ("compare", "http://127.0.0.1:9/v1#m", *COMPARE[2:], "--budget", "1usd"),
        ("price unknown", "price_in"),
    ),
    "one contender": (lambda _: None, ("compare", "a.jsonl", *COMPARE[3:]), ("two contenders",)),
    "one contender twice": (lambda _: None, ("compare", "a.jsonl", "a.jsonl", *COMPARE[3:]), ("a.jsonl", "twice")),
    "a baseline that is none": (lambda _: None, (*COMPARE, "--baseline", "c.jsonl"), ("c.jsonl", "a.jsonl")),
    "no judge": (lambda _: None, COMPARE[:5], ("--judge",)),
    "no prompts": (
        lambda _: None,
        ("compare", "http://127.0.0.1:9/v1#m", "http://127.0.0.1:9/v1#n", "--judge", "exact"),
        ("--suite",),
    ),
    "a suite that is none": (lambda _: None, (*COMPARE[:4], "basic", *COMPARE[5:]), ('did you mean "basics"?',)),
    "a reference answer without a number": (
        lambda folder: lines(folder / "sums.jsonl", [{"id": "1", "prompt": "x", "reference_answer": "none"}]),
        (*COMPARE, "--limit", "1"),
        ("reference_answer", "number"),
    ),
    "a newer ledger": (newer_ledger, COMPARE, ("ledger.sqlite", "newer")),
    "no ledger": (lambda folder: (folder / "l").write_bytes(b"words " * 500), (*COMPARE, "--ledger", "l"), ("l:",)),
    "a place that cannot be written": (
        lambda folder: (folder / "file").write_bytes(b""),
        ("suites", "new", "file/mine.jsonl"),
        ("file/mine.jsonl", "cannot be written"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line_that_names_the_place_and_the_way_out(case: str, tmp_path: Path) -> None:
    prepare, words, expected = CASES[case]
    arithmetic(tmp_path, a=set(), b={"1"})
    prepare(tmp_path)
    done = typed(*words, "--quiet", cwd=tmp_path, NO_SUCH="")
    assert (done.code, done.out) == (2, ""), done
    line = done.err.rstrip("\n")
    assert "\n" not in line, line
    assert line.startswith("winsome: ")
    assert len(line) <= 200
    assert all(part in line for part in expected), line
    assert "verysecret" not in line


def test_a_judge_that_never_parses_stops_the_run_and_shows_a_reply(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=lambda body: "I like both of them very much."))
    rows = [{"id": str(i), "prompt": f"Question {i}?", "output": f"answer {i}"} for i in range(60)]
    lines(tmp_path / "a.jsonl", rows)
    lines(tmp_path / "b.jsonl", [row | {"output": row["output"].upper()} for row in rows])
    judge = f"http://127.0.0.1:{server.port}/v1#test-model"
    done = typed("compare", "a.jsonl", "b.jsonl", "--judge", judge, "--quiet", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "of the first 20 replies cannot be read" in done.err
    assert "I like both" in done.err
    assert done.err.count("\n") == 1
    assert len(done.err) <= 201
    assert server.stats.requests < 60 * 2


def test_a_wrong_key_is_final_at_once_and_never_shown(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(keys=frozenset({"right"})))
    arithmetic(tmp_path)
    served = f"http://127.0.0.1:{server.port}/v1#test-model?key=env:MY_KEY"
    done = typed(
        "generate",
        served,
        "--suite",
        "sums.jsonl",
        "--quiet",
        cwd=tmp_path,
        MY_KEY="sk-wrong0123456789abcdef",
    )
    assert (done.code, done.out) == (2, "")
    assert "MY_KEY" in done.err or "key" in done.err
    assert "sk-wrong" not in done.err
    assert server.stats.requests <= 2


def test_an_unknown_model_name_is_answered_with_the_nearest(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(models=("test-model",)))
    done = typed(
        "generate", f"http://127.0.0.1:{server.port}/v1#test-modle", "--prompt", "x", "--quiet", cwd=tmp_path
    )
    assert done.code == 2
    assert "test-model" in done.err
    assert done.err.count("\n") == 1


def test_json_mode_leaves_standard_output_empty_on_a_mistake(tmp_path: Path) -> None:
    done = typed("compare", "no.json", "b.json", "--judge", "exact", "--json", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert json.dumps(done.err).count("\\n") == 1
