"""The page of effects says what its figures say."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.preference_effects import page

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def test_the_page_is_written_from_its_figures():
    rows = json.loads((RESULTS / "preference-effects.json").read_text("utf-8"))
    assert (RESULTS / "preference-effects.md").read_text("utf-8") == page(rows)
    assert all(row["low"] <= row["win_rate"] <= row["high"] for row in rows)
