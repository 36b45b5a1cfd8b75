"""WildBench's scales by hand."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.matchmaking.wildbench_scales import reward_standings, share_of_extent
from winsome.standings.battles import battles


def test_small_and_large_wins_count_half_and_whole() -> None:
    share = np.array([1.0, 1.0, 0.0, 0.0, 0.5, np.nan])
    extent = np.array([2.0, 1.0, 1.0, 2.0, 0.0, 9.0])
    found = share_of_extent(share, extent, np.isfinite(share))
    np.testing.assert_array_equal(found, [1.0, 0.75, 0.25, 0.0, 0.5, np.nan])
    with pytest.raises(BadInput, match="outside 0 to 2"):
        share_of_extent(share, extent, np.ones(6, np.bool_))


def test_the_reward_is_over_all_planned_tasks() -> None:
    # One large win, one small win, one small loss and one task without a verdict: (1 + 1/2 - 1/2 + 0) / 4.
    played = battles(["x"] * 4, ["y"] * 4, [1.0, 0.75, 0.25, None], prompt=[f"task{i}" for i in range(4)])
    row = reward_standings(played, "y").row("x")
    assert row.estimate == pytest.approx(0.25, abs=1e-12)
    assert row.n == 3
