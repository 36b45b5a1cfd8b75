"""winsome generate: answers of one contender, printed or kept in a file that can be compared."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.typed import arithmetic, typed
from tests.servers.behaviour import Behaviour


def test_answers_go_to_a_file_that_compare_reads(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour())
    arithmetic(tmp_path, a=set())
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    done = typed(
        "generate",
        address,
        "--suite",
        "sums.jsonl",
        "--samples",
        "2",
        "--out",
        "answers.jsonl",
        "--json",
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [(row["id"], row["sample"]) for row in rows] == [(str(i), s) for i in range(1, 7) for s in (0, 1)]
    assert all(row["output"] for row in rows)
    assert [answer["output"] for answer in done.json()["answers"]] == [row["output"] for row in rows]
    compared = typed(
        "compare",
        "answers.jsonl",
        "a.jsonl",
        "--suite",
        "sums.jsonl",
        "--judge",
        "numeric",
        "--json",
        cwd=tmp_path,
    )
    assert compared.code == 0, compared.err
    assert compared.json()["contests"] == 6


def test_alpaca_eval_files_hold_its_fields(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour())
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    words = ("--prompt", "One?", "--prompt", "-", "--format", "alpaca_eval", "--out", "out.json")
    done = typed("generate", address, *words, cwd=tmp_path, stdin="Zwei – 二?")
    assert done.code == 0, done.err
    rows = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [row["instruction"] for row in rows] == ["One?", "Zwei – 二?"]
    assert {row["generator"] for row in rows} == {address}


def test_a_prompt_alone_is_answered_on_standard_output(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=lambda body: f"You said: {body['messages'][-1]['content']}"))
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    done = typed("generate", address, "--prompt", "hello", cwd=tmp_path)
    assert (done.code, done.out) == (0, "You said: hello\n")
    again = typed("generate", address, "--prompt", "hello", "--quiet", cwd=tmp_path)
    assert (again.out, again.err) == (done.out, "")
    assert (
        typed("generate", address, "--prompt", "hello", cwd=tmp_path).err
        == "1 of 1 answers, 1 of them kept from before\n"
    )


def test_failed_answers_are_holes(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(context=20))
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    done = typed("generate", address, "--prompt", "word " * 400, "--prompt", "hi", "--json", cwd=tmp_path)
    assert done.code == 3, done.err
    failed = [answer for answer in done.json()["answers"] if answer["finish"] == "failed"]
    assert len(failed) == 1
    assert failed[0]["output"] is None
    assert failed[0]["error"]


def test_prompts_are_needed_and_only_once(tmp_path: Path) -> None:
    arithmetic(tmp_path)
    for words in ((), ("--prompt", "x", "--suite", "sums.jsonl"), ("--prompt", " ")):
        done = typed("generate", "embedded:smollm2-135m", *words, cwd=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert "--prompt" in done.err
