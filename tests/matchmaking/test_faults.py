"""Kills, two processes, a full disk: nothing that was committed is lost, nothing is bought twice, figures stay."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import polars as pl
import pytest

from tests import postgres
from tests.servers.openai_server import Reply, letter, sentence

PROMPTS = 100
CONCURRENCY = 16
KILLS = {"generate": 5, "judge": 6, "commit": 3, "committed": 3, "report": 5}


def answer(body: Mapping[str, Any]) -> Reply | str:
    """What the server says: contenders a sentence, the judge a letter with its probability."""
    return letter(body) if body["model"] == "judge" else sentence(body)


class Server:
    """The chat server as a process."""

    def __init__(self, *flags: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.servers.openai_server",
            "--port",
            "0",
            "--models",
            "a,b,judge",
        ]
        command += ["--answer", "tests.matchmaking.test_faults:answer", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(re.findall(r"\d+", self.process.stdout.readline())[-1])

    def stats(self) -> dict[str, Any]:
        return json.loads(urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=10).read())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server("--latency", "0.005")
    yield started
    started.stop()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(i), "prompt": f"What is {i}?"}) + "\n" for i in range(PROMPTS))
    )
    return path


def arguments(server: Server, suite: Path, ledger: Path | str) -> list[str]:
    base = f"http://127.0.0.1:{server.port}/v1"
    judge = f"pairwise?protocol=alpaca_eval&model=({base}#judge)"
    asked = [
        "compare",
        f"{base}#a",
        f"{base}#b",
        "--judge",
        judge,
        "--suite",
        str(suite),
        "--ledger",
        str(ledger),
    ]
    return [
        *asked,
        "--folder",
        str(suite.parent / "runs"),
        "--concurrency",
        str(CONCURRENCY),
        "--quiet",
        "--json",
    ]


def whole(server: Server, suite: Path, ledger: Path | str) -> dict[str, Any]:
    command = [sys.executable, "-m", "winsome", *arguments(server, suite, ledger)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figures(document: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    rows = document["standings"]["rows"] if "standings" in document else document["rows"]
    names = ("estimate", "low", "high", "n", "battles", "win", "loss", "inconsistent")
    return sorted((row["contender"].rpartition("#")[2], *(row[name] for name in names)) for row in rows)


def kept(ledger: Path) -> Counter[str]:
    """Rows of the ledger as another program sees them."""
    if not ledger.exists():
        return Counter()
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        wanted = [table for table in ("responses", "verdicts") if table in tables]
        return Counter({t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in wanted})


def test_killed_twenty_two_times_the_tables_are_those_of_the_undisturbed_run(
    server: Server, suite: Path, tmp_path: Path
) -> None:
    calm = whole(server, suite, tmp_path / "calm.sqlite")
    before = server.stats()
    ledger, draw = tmp_path / "killed.sqlite", random.Random(0)
    deaths, seen = Counter[str](), kept(ledger)
    plan = [moment for moment, times in KILLS.items() for _ in range(times) if moment != "report"]
    draw.shuffle(plan)
    plan.sort(key=lambda moment: {"generate": 0, "judge": 2}.get(moment, 1 if draw.random() < 0.5 else 3))
    for moment in [*plan, *["report"] * KILLS["report"]]:
        n = (
            deaths[moment] + 1
            if moment == "report"
            else draw.randint(1, 5 if moment.startswith("commit") else 30)
        )
        command = [
            sys.executable,
            "-m",
            "tests.matchmaking.dying",
            moment,
            str(n),
            *arguments(server, suite, ledger),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        now = kept(ledger)
        assert all(now[table] >= seen[table] for table in seen), f"{moment}: {seen} became {now}"
        seen = now
        if done.returncode == -signal.SIGKILL:
            deaths[moment] += 1
        else:
            assert done.returncode == 0, done.stderr
    assert sum(deaths.values()) >= 20, deaths
    assert all(deaths[moment] >= 3 for moment in ("generate", "judge", "report")), deaths
    assert deaths["commit"] + deaths["committed"] >= 3, deaths
    found = whole(server, suite, ledger)
    assert figures(found) == figures(calm)
    after, distinct = server.stats(), 4 * PROMPTS
    probes = 3 * (sum(deaths.values()) + 1)
    group = CONCURRENCY
    asked = after["requests"] - before["requests"]
    assert asked <= distinct + sum(deaths.values()) * (CONCURRENCY + group) + probes
    verified = subprocess.run(
        [sys.executable, "-m", "winsome", "ledger", "verify", "--ledger", str(ledger)],
        capture_output=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout


def test_killed_at_random_moments(server: Server, suite: Path, tmp_path: Path) -> None:
    calm = whole(server, suite, tmp_path / "calm.sqlite")
    ledger, draw, seen = tmp_path / "killed.sqlite", random.Random(1), Counter[str]()
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "winsome", *arguments(server, suite, ledger)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(draw.uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        now = kept(ledger)
        assert all(now[table] >= seen[table] for table in seen)
        seen = now
    assert figures(whole(server, suite, ledger)) == figures(calm)


def test_two_processes_ask_exactly_the_distinct_questions(
    server: Server, suite: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "shared.sqlite"
    command = [sys.executable, "-m", "winsome", *arguments(server, suite, ledger)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], [error for _, error in told]
    documents = [json.loads(out) for out, _ in told]
    assert figures(documents[0]) == figures(documents[1])
    stats = server.stats()
    # beside the probes (at most three a process) every question once
    assert stats["answered"] - stats["answered_questions"] <= 2 * 3 - 3
    assert stats["answered_questions"] == 4 * PROMPTS + 3
    folders = [Path(document["folder"]) for document in documents]
    assert folders[0] != folders[1]
    columns = ["contest", "order", "share"]
    frames = [pl.read_parquet(folder / "asks.parquet").select(columns) for folder in folders]
    assert frames[0].equals(frames[1])


def test_interrupt_keeps_what_was_bought(suite: Path, tmp_path: Path) -> None:
    server = Server("--latency", "0.2")
    try:
        ledger = tmp_path / "interrupted.sqlite"
        command = [sys.executable, "-m", "winsome", *arguments(server, suite, ledger)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while server.stats()["answered"] < 20:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
        assert process.returncode == 130, error
        assert "Traceback" not in error
        stats = server.stats()
        # all that the server answered is kept; probes are no answers
        assert 0 < kept(ledger)["responses"] <= stats["answered"]
        assert stats["answered"] - kept(ledger)["responses"] <= 3
    finally:
        server.stop()


def test_postgresql_restarted_in_mid_run(
    server: Server, suite: Path, tmp_path: Path, postgres_server: postgres.Server
) -> None:
    calm = whole(server, suite, tmp_path / "calm.sqlite")
    before = server.stats()["requests"]
    ledger = postgres_server.new(f"restarted{os.getpid()}")
    command = [sys.executable, "-m", "winsome", *arguments(server, suite, ledger)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for moment in (60, 250):
        while server.stats()["requests"] - before < moment:
            assert process.poll() is None
            time.sleep(0.02)
        postgres_server.restart()
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert figures(json.loads(out)) == figures(calm)
    # nothing is bought twice: answers, verdicts and one probe a server
    assert server.stats()["requests"] - before == 4 * PROMPTS + 3
