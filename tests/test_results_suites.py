"""Pages of suites in worlds and on public prompts: each is written again from its JSON, and says what its system must show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import system_048, system_052, system_073, system_088

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


def test_fine_tuning_saves_human_labels() -> None:
    """The paired gain over pairs of policies and over policies, and the shifted error, its price paid, within the band at every size."""
    found = figures("control-variates-world")
    assert system_073.page(found) == (RESULTS / "control-variates-world.md").read_text()
    assert found["gain"]["low"] > 0.0
    assert found["gain_by_policy"]["low"] > 0.0
    assert all(one["low"] <= system_073.priced(one) <= one["high"] for one in found["curves"])


def test_virtual_tools() -> None:
    """Tools that are off cost next to nothing under the virtual server and much without, and the agents meet as their chances say."""
    found = figures("virtual-tools")
    assert system_048.page(found) == (RESULTS / "virtual-tools.md").read_text()
    agents = found["agents"]
    held = {(row["virtual"], row["off"], row["success"]): row["change"] for row in agents["rows"]}
    for (virtual, off, success), change in held.items():
        if virtual and off:
            # a simulator that is wrong in 2% of its replies is seen once half of the tools are off
            assert off == 0.5 or change["low"] <= 0.0 <= change["high"]
            assert held[False, off, success]["high"] < min(0.0, change["estimate"])
    assert agents["wins"]["low"] > 0.5
    assert abs(agents["wins"]["errors"]) < 3.0
    assert agents["again"]["equal"]
    assert agents["again"]["counts"]["simulated"] == 0
