"""What the methods add beside a figure, from recorded verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import winsome
from winsome.errors import BadInput


def repeated(rng: np.random.Generator, prompts: int = 80, repeats: int = 3) -> pl.DataFrame:
    """Asks of x against y in both orders, each asked several times; the judge decides half of them by a coin."""
    rows = []
    for prompt in range(prompts):
        chance = 0.25 + 0.5 * (rng.random() < 0.6)
        for order in (0, 1):
            for repeat in range(repeats):
                won = rng.random() < chance
                sides = ("x", "y") if order == 0 else ("y", "x")
                winner = "model_a" if won == (order == 0) else "model_b"
                rows.append((*sides, winner, f"p{prompt}", order, repeat))
    return pl.DataFrame(rows, ["model_a", "model_b", "winner", "prompt_id", "order", "repeat"], orient="row")


def test_repeats_tell_the_judges_noise_in_every_row() -> None:
    standings = winsome.rank(repeated(np.random.default_rng(0)), method="win-rate", baseline="y")
    row = standings.row("x").payload()
    # The chance is 1/4 or 3/4: a repeat's variance is 3/16, of six repeats of 80 prompts.
    assert row["repeat_error"] == pytest.approx(100 * np.sqrt(3 / 16 / (6 * 80)), rel=0.1)
    parts = (row["prompt_error"], row["order_error"], row["repeat_error"])
    assert np.sqrt(np.square(parts).sum()) == pytest.approx(row["standard_error"], rel=0.1)
    assert "repeat_error" not in standings.row("y").extra
    once = repeated(np.random.default_rng(0), repeats=1)
    both_orders = winsome.rank(once, method="win-rate", baseline="y").row("x").payload()
    # Asked once an order, the judge's noise is part of what orders add: 3/16 of each of two asks of 80 prompts.
    assert both_orders["repeat_error"] is None
    assert both_orders["order_error"] == pytest.approx(100 * np.sqrt(3 / 16 / (2 * 80)), rel=0.15)


def test_glicko2_goes_by_the_time_column_and_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = repeated(rng).drop("order", "repeat").with_columns(prompt_id=pl.int_range(480).cast(pl.String))
    frame = frame.with_columns(time=pl.int_range(480).cast(pl.Float64))
    there = winsome.rank(frame, method="glicko2")
    back = winsome.rank(frame.reverse(), method="glicko2")
    assert there.rows == back.rows
    assert "order of the column time used" in there.warnings
    assert "file order used" in winsome.rank(frame.drop("time"), method="glicko2").warnings
    assert "volatility" in there.row("x").payload()


def test_glicko2_takes_no_cluster() -> None:
    with pytest.raises(BadInput, match="glicko2 takes no --cluster"):
        winsome.rank(repeated(np.random.default_rng(2)), method="glicko2", cluster="none")


AWKWARD = {
    "one win": [1.0],
    "one tie": [0.5],
    "one loss": [0.0],
    "all wins": [1.0] * 30,
    "all ties": [0.5] * 30,
    "one prompt": [1.0, 0.0] * 10,
}
INTERVALS: dict[str, tuple[str | None, ...]] = {
    "win-rate": ("sandwich", "bootstrap", "bayes", "wald"),
    "bt": ("sandwich", "bootstrap", "bayes"),
    "bt-davidson": (None,),
    "bt-rao-kupper": (None,),
    "glicko2": (None,),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize(("method", "interval"), [(m, i) for m, kinds in INTERVALS.items() for i in kinds])
def test_no_interval_has_zero_width_and_a_warning_says_why(case: str, method: Any, interval: Any) -> None:
    share = AWKWARD[case]
    prompts = ["p"] * len(share) if case == "one prompt" else [f"p{n}" for n in range(len(share))]
    frame = pl.DataFrame({"model_a": "x", "model_b": "y", "share": share, "prompt_id": prompts})
    found = winsome.rank(frame, method=method, interval=interval)
    for row in found.rows:
        assert row.estimate is not None
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.high
        assert row.low - 1e-9 <= row.estimate <= row.high + 1e-9
    beyond_keys = [warning for warning in found.warnings if "no order or repeat" not in warning]
    assert beyond_keys


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", AWKWARD)
def test_length_control_of_awkward_verdicts_gives_a_figure_or_the_reason(case: str) -> None:
    share = AWKWARD[case]
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "model_a": "x", "model_b": "y", "share": share,
            "prompt_id": ["p"] * len(share) if case == "one prompt" else [f"p{n}" for n in range(len(share))],
            "length_a": rng.uniform(50, 150, len(share)), "length_b": rng.uniform(50, 150, len(share)),
        }
    )  # fmt: skip
    found = winsome.rank(frame, method="lc", baseline="y")
    row = found.row("x")
    if row.estimate is None:
        assert any("x: not identified" in warning for warning in found.warnings)
    else:
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.estimate < row.high


@pytest.mark.parametrize("method", ["bt-davidson", "bt-rao-kupper"])
def test_tie_models_take_a_win_in_one_order_and_a_tie_in_the_other(method: Any) -> None:
    """Two orders enter as two rows of half the weight, which is the fit of these rows as contests of their own."""
    rng = np.random.default_rng(3)
    rows = [
        (
            *((a, b) if order == 0 else (b, a)),
            rng.choice(["model_a", "model_b", "tie"], p=[0.5, 0.3, 0.2]),
            f"p{n}",
            order,
        )
        for n in range(60)
        for a, b in (("x", "y"), ("y", "z"))
        for order in (0, 1)
    ]
    both = pl.DataFrame(rows, ["model_a", "model_b", "winner", "prompt_id", "order"], orient="row")
    found = winsome.rank(both, method=method)
    assert any("one by one" in warning for warning in found.warnings)
    alone = winsome.rank(both.drop("order"), method=method)
    for row in found.rows:
        assert row.estimate == pytest.approx(alone.row(row.contender).estimate, abs=1e-6)
        assert row.standard_error == pytest.approx(alone.row(row.contender).standard_error, rel=1e-6)
