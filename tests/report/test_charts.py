"""Axes hold what they show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.report.charts import forest, scale, shares

PER_CENT = st.floats(0, 100)


@given(st.lists(st.tuples(PER_CENT, PER_CENT, PER_CENT).map(sorted), max_size=8))
def test_an_axis_covers_every_interval_and_the_middle(values: list[list[float]]) -> None:
    axis = scale([{"low": low, "estimate": middle, "high": high} for low, middle, high in values])
    shown = [50.0, *(value for each in values for value in each)]
    assert axis.low <= min(shown)
    assert max(shown) <= axis.high
    assert 0 <= axis.low < axis.high <= 100
    assert axis.low < 50 < axis.high
    assert axis.ticks[0] == pytest.approx(axis.low)
    assert axis.ticks[-1] == pytest.approx(axis.high)
    assert 2 <= len(axis.ticks) <= 9


def test_a_figure_without_an_interval_draws_only_the_axis() -> None:
    axis = scale([])
    drawn = forest({"low": None, "estimate": None, "high": None}, axis)
    assert 'class="middle"' in drawn
    assert "circle" not in drawn
    assert axis.at(50) == "50.00%"
    assert axis.at(1e9) == "100.00%"


def test_a_bar_is_cut_in_proportion() -> None:
    drawn = shares([("win", 3), ("not asked", 1), ("tie", 0)], 4)
    assert 'x="0.000%" width="75.000%"' in drawn
    assert 'x="75.000%" width="25.000%"' in drawn
    assert 'class="part not-asked"' in drawn
    assert drawn.count("<rect") == 2
