"""What labels, scores and tuned reward models cost, by hand arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from winsome.audit.label_costs import label_costs, scores_plan, tuning_cost
from winsome.errors import BadInput
from winsome.standings.label_plan import label_plan


def test_a_judge_without_a_model_charges_nothing(tmp_path: Path) -> None:
    found = scores_plan("exact", 100, tmp_path / "ledger.db")
    assert (found.contests, found.money) == (100, 0.0)


def test_three_contenders_leave_a_third_of_the_pairs_each() -> None:
    found = tuning_cost(300, 3, 1e9)
    # 100 pairs between each two; without one contender 100 remain, and 200 are its own
    assert (found.trained, found.scored) == (3 * 100, 3 * 200)


def test_labels_that_are_more_than_the_pairs_have_no_price() -> None:
    impossible = label_plan(0.25, 0.1, 50, 0.01)
    assert impossible.labels is None
    assert label_costs(impossible, usd=1.0).labels_usd is None
    assert label_costs(impossible, usd=1.0).lines() == []
    with pytest.raises(BadInput, match="3 or more"):
        tuning_cost(10, 2, 1e9)
