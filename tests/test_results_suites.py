"""Pages of suites in worlds and on public prompts: each is written again from its JSON, and says what its system must show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import system_052, system_088

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def figures(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def test_contexts() -> None:
    """Agreement rises, the average hides two types on opposite sides, following pays, and nobody is named without cause."""
    found = figures("contexts")
    assert system_052.page(found) == (RESULTS / "contexts.md").read_text()
    world = found["world"]
    assert world["together"]["change"]["low"] > 0.0
    assert world["average"]["low"] < 50.0 < world["average"]["high"]
    assert world["types"][1]["high"] < 50.0 < world["types"][0]["low"]
    assert world["follower"]["gain"]["low"] > 0.0
    assert found["defaults"]["counts"]["A"]["type 1"] >= 90
    assert found["defaults"]["counts"]["balanced"]["none"] >= 90


def test_wildbench() -> None:
    """The length rule brings the ranking nearer to the truth, and checklists help a judge that would overlook."""
    found = figures("wildbench")
    assert system_088.page(found) == (RESULTS / "wildbench.md").read_text()
    assert found["world"]["found"]["gain"]["low"] > 0.0
    assert all(row["over own"]["low"] > 0.0 for row in found["checklist"]["found"])
