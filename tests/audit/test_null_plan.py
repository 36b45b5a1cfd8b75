"""What a null attack asks is said beforehand, the search included: at the published sizes, and as many calls as then come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from winsome.audit.null_plan import search_calls
from winsome.cli import main

JUDGE = "pairwise?model=(http://127.0.0.1:9/v1#m?price_in=2.5&price_out=10)&protocol=letter&logprobs=20"


def test_calls_of_a_search_at_the_published_size() -> None:
    """384 strings on 2, 3, .. 20 queries, 16 of each but the last, of which there are 96; two forms on 20 queries before."""
    assert search_calls(20, 384) == 16 * sum(range(2, 20)) + (384 - 18 * 16) * 20 + 2 * 20


def test_805_prompts_with_search_and_fence_are_priced_and_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"instruction": f"Question {k:>6} ".replace(" ", "."), "output": "x" * 700, "generator": "m"} for k in range(815)]  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(rows))
    given = [
        "audit",
        "judge",
        JUDGE,
        "--answers",
        str(tmp_path / "m.json"),
        "--attack",
        "search",
        "--limit",
        "805",
    ]
    given += ["--steps", "384", "--dry-run", "--ledger", str(tmp_path / "l.db")]
    assert main(given) == 0
    told = capsys.readouterr().err
    # constant, two forms and the searched one, each against 805 answers in both seats, with and without a fence
    assert f"{4 * 805:,} contests, {2 * 2 * 4 * 805:,} asks" in told
    # the search takes 8 prompts in both seats: 2 to 16 queries
    calls = 16 * sum(range(2, 16)) + (384 - 14 * 16) * 16 + 2 * 16
    (line,) = [line for line in told.splitlines() if "search on" in line]
    assert f"{calls:,} calls" in line
    assert "usd" in line
    assert len([one for one in told.splitlines() if f"{2 * 4 * 805:,} calls" in one and "usd" in one]) == 2
