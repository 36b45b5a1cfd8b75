"""The win rate at equal length that ends a run: the standings' own figure, and none where length explains all or never differs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from winsome.standings.battles import Battles
from winsome.standings.length_control import length_controlled
from winsome.training.outcome import Outcome, at_equal_length


def battles(share: np.ndarray, own: np.ndarray, other: np.ndarray) -> Battles:
    n = len(share)
    return Battles.from_frame(
        pl.DataFrame(
            {"model_a": ["new"] * n, "model_b": ["old"] * n, "share": share, "prompt": [str(i) for i in range(n)], "length_a": own, "length_b": other}
        )
    )  # fmt: skip


def test_answers_that_win_by_length_alone_win_half_at_equal_length():
    """Wins drawn with log-odds of 2 tanh of the standardised difference and nothing else; the trained one is longer in the mean."""
    rng = np.random.default_rng(0)
    own, other = rng.normal(130, 40, 4000), rng.normal(100, 40, 4000)
    gap = own - other
    chance = 1 / (1 + np.exp(-2 * np.tanh(gap / gap.std())))
    share = (rng.random(4000) < chance).astype(float)
    held = battles(share, own, other)
    found = at_equal_length(held, "new", "old")
    assert found is not None
    estimate, (low, high) = found
    assert share.mean() > 0.6
    assert low < 50.0 < high
    assert abs(estimate - 50.0) < 3.0
    assert estimate == length_controlled(held, baseline="old").row("new").estimate


def test_there_is_none_where_no_length_differs():
    share = np.array([1.0, 0.0] * 20)
    same = np.full(40, 5.0)
    assert at_equal_length(battles(share, same, same), "new", "old") is None


def test_the_line_has_n_and_interval():
    made = Outcome(40, 1.0, 0.1, 5.0, 4.0, 1.0, 1.0, 10, 1.0, 1.0, 51.23, (48.0, 54.5))
    assert made.lines()[0] == "win rate at equal length 51.2% (48.0 to 54.5, n = 40)"
    assert not any(
        "equal length" in line for line in Outcome(40, 1.0, 0.1, 5.0, 4.0, 1.0, 1.0, 10, 1.0, 1.0).lines()
    )
    assert pytest.approx(1.0) == made.kl
