from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.standings.alpaca_eval import BASELINE, published
from winsome.errors import BadInput
from winsome.standings import battles, paired_difference, win_rate


def test_it_is_the_difference_of_win_rates_with_the_textbook_error(shared_data: Path) -> None:
    found, _ = published(shared_data)
    one, two = "FuseChat-Llama-3.1-8B-Instruct", "FuseChat-Qwen-2.5-7B-Instruct"
    result = paired_difference(found, one, two, baseline=BASELINE)
    frame = (
        found.to_frame().pivot(on="model_a", index="prompt_id", values="share").select(one, two).drop_nulls()
    )
    gap = (frame[one] - frame[two]).to_numpy()
    assert result.n == len(gap)
    assert result.difference == pytest.approx(100 * gap.mean())
    assert result.standard_error == pytest.approx(100 * gap.std(ddof=1) / math.sqrt(len(gap)))
    assert result.low < result.difference < result.high
    assert (result.p_value < 0.05) == (result.low > 0 or result.high < 0)


def test_only_common_prompts_count_and_swapping_mirrors() -> None:
    found = battles(
        ["x", "x", "x", "y", "y"], ["base"] * 5, [1.0, 0.5, 0.0, 0.5, 0.5], prompt=["p", "q", "r", "p", "q"]
    )
    result = paired_difference(found, "x", "y", baseline="base")
    assert (result.n, result.difference) == (2, pytest.approx(25.0))
    mirror = paired_difference(found, "y", "x", baseline="base")
    assert (mirror.difference, mirror.low, mirror.high) == pytest.approx((-25.0, -result.high, -result.low))


def test_against_the_baseline_itself_it_is_twice_the_distance_from_fifty() -> None:
    shares = np.random.default_rng(0).random(50)
    found = battles(["x"] * 50, ["base"] * 50, shares)
    row = win_rate(found, baseline="base").row("x")
    result = paired_difference(found, "x", "base", baseline="base")
    assert result.difference == pytest.approx(2 * (100 * shares.mean() - 50))
    assert row.low is not None
    assert result.low == pytest.approx(2 * (row.low - 50))


def test_equal_contenders_have_no_difference_but_width() -> None:
    shares = np.random.default_rng(0).random(30)
    prompts = [str(i) for i in range(30)]
    found = battles(["x"] * 30 + ["y"] * 30, ["b"] * 60, np.tile(shares, 2), prompt=prompts * 2)
    result = paired_difference(found, "x", "y")
    assert result.difference == 0.0
    assert result.p_value == 1.0
    assert result.low < 0 < result.high


def test_it_covers_at_the_edges() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(1000):
        base = rng.random(40)
        first, second = (rng.random(40) < base).astype(float), (rng.random(40) < 0.9 * base).astype(float)
        prompts = [str(i) for i in range(40)]
        found = battles(
            ["x"] * 40 + ["y"] * 40, ["b"] * 80, np.concatenate([first, second]), prompt=prompts * 2
        )
        result = paired_difference(found, "x", "y")
        covered += result.low <= 5.0 <= result.high
    assert 0.93 <= covered / 1000 <= 0.975


def test_nothing_in_common_is_refused() -> None:
    found = battles(["x", "y"], ["base", "base"], [1.0, 0.0], prompt=["p", "q"])
    with pytest.raises(BadInput, match="no prompt in common against base"):
        paired_difference(found, "x", "y", baseline="base")
    with pytest.raises(BadInput, match="neither met nor share"):
        paired_difference(found, "x", "y")
    with pytest.raises(BadInput, match="with itself"):
        paired_difference(found, "x", "x")
