"""winsome judge and rank: the stages between answers and standings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.typed import arithmetic, typed


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_verdicts_ranked_from_a_file_are_the_standings_of_compare(ending: str, tmp_path: Path) -> None:
    arithmetic(tmp_path, a={"1"}, b={"1", "2", "3"}, c={"4", "5"})
    files = ("a.jsonl", "b.jsonl", "c.jsonl", "--suite", "sums.jsonl", "--judge", "numeric")
    compared = typed("compare", *files, "--json", cwd=tmp_path).json()["standings"]
    judged = typed("judge", *files, "--out", f"v.{ending}", "--json", cwd=tmp_path)
    assert judged.code == 0, judged.err
    assert judged.json()["asks"] == 18
    ranked = typed("rank", f"v.{ending}", "--method", "win-rate", "--json", cwd=tmp_path)
    assert ranked.code == 0, ranked.err
    assert ranked.json()["rows"] == compared["rows"]


def test_against_a_baseline_only(tmp_path: Path) -> None:
    arithmetic(tmp_path, a={"1"}, b={"2"}, c={"3"})
    files = ("a.jsonl", "b.jsonl", "c.jsonl", "--suite", "sums.jsonl", "--judge", "numeric")
    judged = typed("judge", *files, "--baseline", "a.jsonl", "--out", "v.jsonl", cwd=tmp_path)
    assert judged.code == 0, judged.err
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 12
    assert {row["model_b"] for row in rows} == {"recorded:a.jsonl"}
