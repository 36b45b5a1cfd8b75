"""winsome compare: the whole way from files to standings, and what a person is told and asked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import polars as pl
import pytest

from tests.cli.typed import COMMAND, arithmetic, typed
from tests.servers.behaviour import Behaviour, letter
from winsome.records import OUTCOMES

PLAIN = ("careful.jsonl", "hasty.jsonl", "--suite", "sums.jsonl", "--judge", "numeric")
DEAR = (
    "http://127.0.0.1:9/v1#m?price_in=1000000&price_out=1000000",
    "a.jsonl",
    "--suite",
    "sums.jsonl",
    "--judge",
    "numeric",
)


def test_files_become_standings_a_folder_and_a_report(tmp_path: Path) -> None:
    arithmetic(tmp_path, careful={"2"}, hasty={"1", "3", "4"})
    done = typed("compare", *PLAIN, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = done.json()
    rows = {row["contender"]: row for row in found["standings"]["rows"]}
    # of six sums, careful alone is right three times, hasty alone once, both are right twice: (3 + 2 / 2) / 6
    assert rows["recorded:careful.jsonl"]["estimate"] == pytest.approx(100 * 4 / 6)
    assert (rows["recorded:careful.jsonl"]["win"], rows["recorded:careful.jsonl"]["tie"]) == (3, 2)
    assert sum(found["counts"].values()) == found["contests"] == 6
    assert set(found["counts"]) == set(OUTCOMES)
    folder = tmp_path / found["folder"]
    assert {path.name for path in folder.iterdir()} >= {
        "run.json", "asks.parquet", "battles.parquet", "report.html", "report.json",
    }  # fmt: skip
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["command"] == "winsome compare " + " ".join(PLAIN) + " --json"
    assert json.loads((folder / "report.json").read_text("utf-8"))["figure"] == found["figure"]


def test_the_plan_comes_first_then_the_table_then_the_way_to_the_report(tmp_path: Path) -> None:
    arithmetic(tmp_path, careful=set(), hasty={"1"})
    done = typed("compare", *PLAIN, cwd=tmp_path)
    told = done.err.splitlines()
    assert told[0] == "judge: numeric"
    assert told[1].startswith("plan: 6 contests, 6 asks")
    assert told[-1].startswith("report: .winsome/runs/")
    assert "careful" in done.out
    assert "95% interval" in done.out
    assert typed("compare", *PLAIN, "--quiet", cwd=tmp_path).err == ""


def test_a_dry_run_shows_the_plan_and_asks_nothing(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour())
    arithmetic(tmp_path, a=set())
    served = f"http://127.0.0.1:{server.port}/v1#test-model?price_in=1&price_out=2"
    words = ("compare", served, "a.jsonl", "--suite", "sums.jsonl", "--judge", served, "--dry-run")
    shown = typed(*words, "--json", cwd=tmp_path)
    assert shown.code == 0, shown.err
    plan = shown.json()
    assert (plan["contests"], plan["asks"]) == (6, 12)
    assert [load["calls"] for load in plan["loads"]] == [6, 0, 12]
    assert plan["money"] > 0
    assert server.stats.requests == 0
    assert not list(tmp_path.glob(".winsome/runs/*"))


def test_holes_end_with_3_and_the_next_run_asks_only_what_is_missing(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=letter))
    arithmetic(tmp_path, a={"1"}, b={"2"})
    judge = f"pairwise?protocol=alpaca_eval&model=(http://127.0.0.1:{server.port}/v1#test-model)"
    words = ("compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", judge, "--repeats", "2")
    first = typed(*words, "--budget", "20calls", "--concurrency", "1", "--json", cwd=tmp_path)
    assert first.code == 3, first.err
    assert not first.json()["complete"]
    assert first.json()["counts"]["not asked"] > 0
    assert sum(first.json()["counts"].values()) == 6
    second = typed(*words, "--json", cwd=tmp_path)
    assert second.code == 0, second.err
    bought = [done.json()["usage"]["judge"]["calls"] for done in (first, second)]
    assert sum(bought) == 6 * 2 * 2
    assert min(bought) > 0


def test_flags_set_defaults_that_a_contenders_own_name_overrides(start_server, tmp_path: Path) -> None:
    server = start_server(Behaviour())
    arithmetic(tmp_path)
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    words = (
        address,
        f"{address}?system=mine",
        "--suite",
        "sums.jsonl",
        "--judge",
        "numeric",
        "--system",
        "be brief",
    )
    done = typed("compare", *words, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    names = {row["contender"] for row in done.json()["standings"]["rows"]}
    assert names == {f"{address}?system=be brief", f"{address}?system=mine"}


@pytest.mark.parametrize(("typed_answer", "code"), [(b"n\n", 2), (b"y\n", 2)])
def test_a_dear_plan_is_asked_about_at_a_terminal(typed_answer: bytes, code: int, tmp_path: Path) -> None:
    arithmetic(tmp_path, a=set())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(COMMAND), "compare", *DEAR], cwd=tmp_path, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    os.write(ours, typed_answer)
    told = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        told += piece
    os.close(ours)
    assert process.wait(60) == code
    assert b"Go on? [y/N]" in told
    # no: nothing was asked; yes: the probe found nobody at the address
    assert (b"nothing was asked" in told) == (typed_answer == b"n\n")
    assert (b"cannot be reached" in told) == (typed_answer == b"y\n")


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    arithmetic(tmp_path, a=set())
    done = typed("compare", *DEAR, cwd=tmp_path)
    assert done.code == 2
    assert "Go on?" not in done.err
    assert "cannot be reached" in done.err


def test_asks_of_the_run_are_those_that_were_planned(tmp_path: Path) -> None:
    arithmetic(tmp_path, a={"1"}, b={"2"}, c={"3"})
    words = ("a.jsonl", "b.jsonl", "c.jsonl", "--suite", "sums.jsonl", "--judge", "numeric")
    done = typed("compare", *words, "--baseline", "c.jsonl", "--limit", "4", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    asks = pl.read_parquet(tmp_path / done.json()["folder"] / "asks.parquet")
    assert asks.height == 4 * 2
    assert set(asks["b"]) == {"recorded:c.jsonl"}
    assert done.json()["standings"]["baseline"] == "recorded:c.jsonl"
