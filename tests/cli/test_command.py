"""The command itself: help, speed, one-line mistakes, exit codes, streams."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.typed import COMMAND, arithmetic, lines, typed
from tests.servers.behaviour import Behaviour
from winsome.cli import VERBS
from winsome.cli.command import parser_of

HEAVY = (
    "numpy",
    "polars",
    "sqlalchemy",
    "alembic",
    "torch",
    "scipy",
    "aiohttp",
    "rich",
    "transformers",
    "ray",
)


def cpu_seconds(*command: str) -> float:
    """CPU of one process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def imported(*command: str) -> set[str]:
    """Top-level modules that a process imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}


def test_help_names_every_verb_in_a_quarter_of_a_second(tmp_path: Path) -> None:
    shown = typed("--help", cwd=tmp_path)
    assert shown.code == 0
    assert shown.err == ""
    assert all(f"  {verb}" in shown.out and summary in shown.out for verb, (_, summary) in VERBS.items())
    assert min(cpu_seconds(str(COMMAND), "--help") for _ in range(3)) < 0.25
    assert not imported("-m", "winsome", "--help") & set(HEAVY)


def test_importing_winsome_takes_a_tenth_of_a_second_and_nothing_heavy() -> None:
    bare = min(cpu_seconds(sys.executable, "-c", "pass") for _ in range(3))
    assert min(cpu_seconds(sys.executable, "-c", "import winsome") for _ in range(3)) - bare < 0.1
    assert not imported("-c", "import winsome") & set(HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_of_every_verb_is_explained(verb: str, tmp_path: Path) -> None:
    assert typed(verb, "--help", cwd=tmp_path).code == 0
    parser = parser_of(verb)
    parsers = [parser]
    for action in parser._actions:
        if isinstance(action.choices, dict):
            parsers += action.choices.values()
    for one in parsers:
        flags = {flag for action in one._actions for flag in action.option_strings}
        assert all(action.help for action in one._actions if action.dest not in ("action",))
        if len(parsers) == 1 or one is not parser:
            assert {"--json", "--seed", "--ledger", "--quiet"} <= flags


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_does_not_load_models(verb: str) -> None:
    assert not imported("-m", "winsome", verb, "--help") & {"torch", "transformers", "ray", "alembic"}


def test_version_and_bare_command(tmp_path: Path) -> None:
    from winsome import __version__

    assert typed("--version", cwd=tmp_path).out == f"winsome {__version__}\n"
    assert typed(cwd=tmp_path).out == typed("--help", cwd=tmp_path).out == typed("help", cwd=tmp_path).out
    assert typed("help", "rank", cwd=tmp_path).out == typed("rank", "--help", cwd=tmp_path).out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("comapre", "a", "b"), 'no command "comapre"; did you mean "compare"?'),
        (("compare", "a.json", "b.json", "--jugde", "x"), 'no flag "--jugde"; did you mean "--judge"?'),
        (("compare", "a.json", "b.json", "--jud", "x"), 'no flag "--jud"; did you mean "--judge"?'),
        (("train", "dpo", "--model", "x", "--data", "y", "--lr", "3"), 'no flag "--lr"; here it is "--rate"; winsome train dpo --help'),
        (("train", "dpo", "--model", "x", "--data", "y", "--num_train_epochs=3"), 'no flag "--num_train_epochs"; here it is "--epochs"'),
        (("train", "dpo", "--model", "x", "--data", "y", "--betta", "3"), 'no flag "--betta"; did you mean "--beta"?'),
        (("rank", "x.json", "--lr", "3"), 'no flag "--lr"; did you mean "--ledger"?; winsome rank'),
        (("ledger", "vacum"), 'did you mean "vacuum"?'),
        (("compare", "a", "b", "--schedule", "swis"), 'did you mean "swiss"?'),
        (("compare", "a", "b", "--limit", "-3"), '"-3" is no whole number from 1 up'),
        (("compare", "a", "b", "--top-p", "2"), '"2" is not above 0 and at most 1'),
        (("report", "one", "two"), '"two" is one argument too many'),
        (("ledger",), "missing: ACTION"),
        (("judge", "a.json", "b.json"), "missing: --judge"),
    ],
)  # fmt: skip
def test_a_mistyped_command_is_one_line_and_exit_code_2(
    words: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    done = typed(*words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("winsome: ")
    assert expected in done.err
    assert done.err.count("\n") == 1
    assert len(done.err) <= 201


def test_output_is_utf8_under_the_c_locale(tmp_path: Path) -> None:
    lines(
        tmp_path / "frühling.jsonl", [{"id": "1", "prompt": "Überraschung – 你好?", "reference_answer": "é"}]
    )
    shown = typed(
        "suites", "show", "frühling.jsonl", cwd=tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0"
    )
    assert shown.code == 0, shown.err
    assert "Überraschung – 你好?" in shown.out
    wrong = typed(
        "compare",
        "nïcht.json",
        "b.json",
        "--judge",
        "exact",
        cwd=tmp_path,
        LC_ALL="C",
        PYTHONCOERCECLOCALE="0",
    )
    assert wrong.code == 2
    assert "nïcht.json" in wrong.err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    lines(tmp_path / "long.jsonl", [{"id": str(i), "prompt": "word " * 200} for i in range(2000)])
    process = subprocess.Popen(
        [str(COMMAND), "suites", "show", "long.jsonl", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, b"")


def test_ctrl_c_keeps_what_was_bought_and_the_same_command_goes_on(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(latency=0.3))
    arithmetic(tmp_path)
    words = [
        f"http://127.0.0.1:{server.port}/v1#test-model",
        "--suite",
        "sums.jsonl",
        "--concurrency",
        "1",
        "--out",
        "a.jsonl",
    ]
    process = subprocess.Popen(
        [str(COMMAND), "generate", *words], cwd=tmp_path, stderr=subprocess.PIPE, env=_own_ledger()
    )
    deadline = time.monotonic() + 60
    while server.stats.answered < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"interrupted" in errors
    assert b"Traceback" not in errors
    again = typed("generate", *words, "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert len(again.json()["answers"]) == 6
    # each process probes the server; besides those questions none was asked twice
    probes = len(server.stats.replies) - 6
    assert sum(count > 1 for count in server.stats.replies.values()) <= probes


def _own_ledger() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WINSOME_LEDGER")}


def test_a_bug_ends_with_1_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from winsome.cli import command, doctor

    def broken(args: object) -> int:
        raise RuntimeError("inner")

    monkeypatch.setattr(doctor, "run", broken)
    assert command.main(["doctor"]) == 1
    told = capsys.readouterr().err
    assert "RuntimeError: inner" in told
    assert told.splitlines()[-1].startswith("winsome: this is a bug")
