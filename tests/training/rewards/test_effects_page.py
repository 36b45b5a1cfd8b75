"""The page of reward models says what its figures say."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.reward_effects import page

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"


def test_the_page_is_written_from_its_figures() -> None:
    rows = json.loads((RESULTS / "reward-models.json").read_text("utf-8"))
    assert (RESULTS / "reward-models.md").read_text("utf-8") == page(rows)
    assert all(one["low"] <= one["share"] <= one["high"] for row in rows for one in row["gold"].values())
