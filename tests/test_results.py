"""Pages of results are what their figures say: each is written again from its JSON and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import audit_arenas_page, null_model_page, refusal_classifier, refusals

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def figures(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def row(record: dict[str, Any], title: str, name: str) -> list[Any]:
    table = next(one for one in record["tables"] if one["title"].startswith(title))
    return next(cells for cells in table["rows"] if cells[0] == name)


def test_the_page_on_null_contenders() -> None:
    record = figures("null-model")
    assert null_model_page.page(record) == (RESULTS / "null-model.md").read_text()


def test_the_fence_takes_the_attack_back_on_a_judge_without_seat_bias() -> None:
    world = figures("null-model")["world"]
    assert 40.0 < world["seat"]["low"] < world["seat"]["high"] < 60.0
    assert row(world, "One answer", "structured and searched")[4]["low"] > 0.0
    assert row(world, "Defences", "fence: structured and searched")[2]["high"] < 0.0
    assert row(world, "Defences", "fence: structured and searched")[1]["high"] < 10.0


def test_the_page_on_refusals() -> None:
    assert refusals.page(figures("refusals")) == (RESULTS / "refusals.md").read_text()


def test_the_page_on_leaderboard_audits() -> None:
    arenas = figures("leaderboard-audit")["arenas"]
    assert audit_arenas_page.page(arenas) == (RESULTS / "leaderboard-audit.md").read_text()
    assert {arena["votes"] for arena in arenas} == {1_500_000}
    assert sum(arena["accused"] for arena in arenas) == 0
    plants = [plant for arena in arenas for plant in arena["plants"]]
    assert all(plant["by_source"] or plant["by_burst"] for plant in plants if plant["aimed"] >= 8)
    assert max(arena.get("audit_cpu", 0.0) for arena in arenas) < 60.0


def test_the_page_on_types_of_refusals() -> None:
    record = figures("refusal-types")
    assert refusal_classifier.page(record) == (RESULTS / "refusal-types.md").read_text()
    said = row(record, "Answers to requests", "with the model")[1]
    assert said["high"] <= 1.0
    seconds = dict(next(one["rows"] for one in record["tables"] if one["title"] == "Speed"))
    assert sum(seconds.values()) < 20.0


def test_refusals_lose_with_one_instruction_and_win_with_the_other() -> None:
    record = figures("refusals")
    assert row(record["alpaca_eval_2"], "Penalties", "technical")[3]["high"] < 0.0
    assert row(record["hh_rlhf"], "Penalties", "ethical")[3]["low"] > 0.0
