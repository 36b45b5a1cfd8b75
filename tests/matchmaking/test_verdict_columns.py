"""Columns that a format leaves unsaid: AlpacaEval's order, MT-Bench's categories, WB-Reward's counts by category."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import winsome
from winsome.errors import BadInput


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_published_annotations_have_no_warning_on_keys(shared_data: Path) -> None:
    found = winsome.rank(shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz")
    assert not any("order" in warning for warning in found.warnings)


def test_an_instruction_that_occurs_twice_is_kept_and_counted(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(
        shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz", "rt", encoding="utf-8"
    ) as file:
        rows = json.load(file)[:50]
    path = tmp_path / "twice.json"
    path.write_text(json.dumps([*rows, rows[7]]), "utf-8")
    found = winsome.rank(path)
    assert found.row("alpaca-7b").battles == 51
    assert found.row("alpaca-7b").n == 50
    assert any("51 rows have no order or repeat" in warning for warning in found.warnings)


@pytest.mark.parametrize("margin", [-1, 500, 1000, 1500])
def test_published_rewards_by_category(shared_data: Path, margin: int) -> None:
    path = shared_data / "wildbench" / "wb_reward_gpt4t_published.json.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        published = json.load(file)[str(margin)]
    found = winsome.rank(path, by="category", margin=margin)
    compared = 0
    for category, rows in found.groups.items():
        for row in rows:
            if row.contender in published:
                wanted = published[row.contender]["task_categorized_rewards"][category]
                assert row.estimate == pytest.approx(wanted, abs=1e-12)
                assert row.group == category
                compared += 1
    assert compared == 5 * len(published)
    assert found.row("yi-large-preview").estimate == pytest.approx(
        published["yi-large-preview"]["reward"], abs=1e-12
    )
    coding = winsome.rank(path, category="Coding & Debugging", margin=margin)
    assert coding.row("yi-large-preview").estimate == next(
        row.estimate for row in found.groups["Coding & Debugging"] if row.contender == "yi-large-preview"
    )
    with pytest.raises(BadInput, match='no category "coding"'):
        winsome.rank(path, category="coding")


def test_single_grades_by_category(tmp_path: Path) -> None:
    scores = {"writing": (9, 7), "math": (3, 4)}
    rows = [
        {"question_id": str(n), "model": "x", "judge": "j", "score": score, "turn": 1, "category": category}
        for category, pair in scores.items()
        for n, score in enumerate(pair, 100 * len(category))
    ]
    found = winsome.rank(write(tmp_path / "single.jsonl", rows), by="category")
    assert list(found.groups) == ["math", "writing"]
    assert [rows[0].estimate for rows in found.groups.values()] == [pytest.approx(3.5), pytest.approx(8.0)]
    assert found.row("x").estimate == 5.75
    assert winsome.rank(tmp_path / "single.jsonl", category="math").row("x").estimate == 3.5


def test_mt_benchs_own_questions_have_its_categories(shared_data: Path, tmp_path: Path) -> None:
    with (shared_data / "mt_bench" / "mt_bench_question.jsonl").open(encoding="utf-8") as file:
        category = {question["question_id"]: question["category"] for question in map(json.loads, file)}
    rows = [
        {"question_id": n, "model": "x", "judge": ["gpt-4", "single-v1"], "score": 1 + n % 10, "turn": turn}
        for n in category
        for turn in (1, 2)
    ]
    found = winsome.rank(write(tmp_path / "single.jsonl", rows), by="category")
    for name in set(category.values()):
        scores = [1 + n % 10 for n, other in category.items() if other == name]
        assert found.groups[name][0].estimate == pytest.approx(sum(scores) / len(scores))
        assert found.groups[name][0].n == 10
    pairs = [
        {"question_id": n, "model_1": "x", "model_2": "y", "judge": "j", "turn": 1}
        | {"g1_winner": "model_1" if n < 91 else "model_2", "g2_winner": "model_1" if n < 91 else "model_2"}
        for n in category
    ]
    found = winsome.rank(write(tmp_path / "pair.jsonl", pairs), by="category")
    assert [row.contender for row in found.groups["writing"]] == ["x", "y"]
    assert found.groups["math"][0].contender == "y"


def test_ids_of_another_suite_get_no_categories(tmp_path: Path) -> None:
    rows = [{"question_id": n, "model": "x", "judge": "j", "score": 5, "turn": 1} for n in range(75, 130)]
    with pytest.raises(BadInput, match="by category"):
        winsome.rank(write(tmp_path / "single.jsonl", rows), by="category")


def test_wildbench_scores_by_category(tmp_path: Path) -> None:
    rows = [
        {"session_id": str(n), "model_test": "x", "score": str(1 + n % 10), "primary_tag": "ab"[n % 2]}
        for n in range(40)
    ]
    found = winsome.rank(write(tmp_path / "scores.jsonl", rows), by="category")
    assert found.row("x").estimate == pytest.approx(2 * (5.5 - 5))
    assert [found.groups[name][0].estimate for name in "ab"] == [pytest.approx(0.0), pytest.approx(2.0)]
    frame = found.to_frame()
    assert frame.filter(pl.col("group") == "a").height == 1
