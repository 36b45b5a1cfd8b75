"""winsome report: the newest run, a named one, another place."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.cli.typed import arithmetic, typed

WORDS = ("compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", "numeric", "--json")


def test_the_newest_run_or_a_named_one(tmp_path: Path) -> None:
    arithmetic(tmp_path, a={"1"}, b={"2"})
    first = typed(*WORDS, cwd=tmp_path).json()["folder"]
    time.sleep(0.05)
    second = typed(*WORDS, "--limit", "3", cwd=tmp_path).json()["folder"]
    assert typed("report", cwd=tmp_path).out.strip() == f"{second}/report.html"
    assert typed("report", Path(first).name, cwd=tmp_path).out.strip() == f"{first}/report.html"
    placed = typed("report", first, "--out", "here.html", "--json", cwd=tmp_path)
    assert placed.json()["report"] == "here.html"
    assert placed.json()["document"] == json.loads((tmp_path / "here.json").read_text("utf-8"))
    assert "What is 17 + 26?" not in placed.out, "words stay in the page"
    wrong = typed("report", Path(first).name[:-1] + "g", cwd=tmp_path)
    assert wrong.code == 2
    assert "no finished run (did you mean" in wrong.err


def test_the_ledger_of_the_run_is_found_again(tmp_path: Path) -> None:
    arithmetic(tmp_path, a={"1"}, b={"2"})
    typed(*WORDS, "--ledger", "mine.sqlite", cwd=tmp_path)
    page = tmp_path / typed("report", cwd=tmp_path).out.strip()
    assert not (tmp_path / ".winsome" / "ledger.sqlite").exists()
    os.rename(tmp_path / "mine.sqlite", tmp_path / "moved.sqlite")
    size = page.stat().st_size
    typed("report", "--ledger", "moved.sqlite", cwd=tmp_path)
    assert abs(page.stat().st_size - size) < 200, "the same words come from the ledger that is named"


def test_without_a_run_it_says_what_to_do(tmp_path: Path) -> None:
    done = typed("report", cwd=tmp_path)
    assert done.code == 2
    assert "run winsome compare first" in done.err
