from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from winsome.errors import BadInput
from winsome.standings import Grades, grade_mean, wildbench_reward, wildbench_score


def test_published_wildbench_scores(shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "wildbench" / "wb_score_gpt4o.parquet")
    grades = Grades.of(frame["model"].to_list(), frame["score"].to_list(), frame["session_id"].to_list())
    standings = grade_mean(grades, lowest=1, highest=10)
    published = json.loads((shared_data / "wildbench" / "wb_score_published.json").read_text())
    assert len(standings.rows) == len(published) == 4
    for model, figures in published.items():
        row = standings.row(model)
        assert row.estimate == pytest.approx(figures["score"], abs=1e-9)
        assert wildbench_score(row.estimate or 0) == pytest.approx(figures["adjusted_score"], abs=1e-9)


def test_published_wildbench_rewards(shared_data: Path) -> None:
    with gzip.open(shared_data / "wildbench" / "wb_reward_gpt4t_published.json.gz") as file:
        published = json.load(file)
    checked = 0
    for models in published.values():
        for figures in models.values():
            assert wildbench_reward(figures, figures["total"]) == pytest.approx(figures["reward"], abs=1e-12)
            checked += 1
    assert checked > 100


def test_it_is_the_mean_with_the_textbook_error() -> None:
    values = np.random.default_rng(0).integers(1, 11, 60).astype(float)
    row = grade_mean(Grades.of(["x"] * 60, values.tolist()), lowest=1, highest=10).row("x")
    assert row.estimate == pytest.approx(values.mean())
    assert row.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(60))


def test_equal_grades_keep_width_and_turns_are_one_cluster() -> None:
    row = grade_mean(Grades.of(["x"] * 10, [10.0] * 10), lowest=1, highest=10).row("x")
    assert row.low is not None
    assert row.low < 9.5
    assert row.high == 10.0
    turns = Grades.of(["x"] * 4, [8.0, 8.0, 2.0, 2.0], ["p", "p", "q", "q"])
    assert grade_mean(turns, lowest=1, highest=10).row("x").n == 2


def test_what_was_not_read_is_counted_and_never_a_grade() -> None:
    standings = grade_mean(Grades.of(["x", "x", "y"], [7.0, None, None]), lowest=1, highest=10)
    assert (standings.row("x").estimate, standings.row("x").counts["unparsed"]) == (7.0, 1)
    assert standings.row("y").estimate is None
    assert standings.dropped == (("unparsed", 2),)
    with pytest.raises(BadInput, match="row 2, field grade: 11 is outside 1 to 10"):
        grade_mean(Grades.of(["x", "x"], [1.0, 11.0]), lowest=1, highest=10)
    with pytest.raises(BadInput, match="no grade among 1 rows"):
        grade_mean(Grades.of(["x"], [None]), lowest=1, highest=10)
