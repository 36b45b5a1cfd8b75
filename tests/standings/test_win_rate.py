from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standings.alpaca_eval import BASELINE, published
from winsome.errors import BadInput
from winsome.standings import Battles, battles, pairwise, win_rate


def test_published_alpaca_eval_figures_to_every_digit(shared_data: Path) -> None:
    found, leaderboard = published(shared_data)
    standings = win_rate(found, baseline=BASELINE)
    assert len(standings.rows) == 25
    for model, row in leaderboard.items():
        ours = standings.row(model)
        assert ours.estimate == pytest.approx(row["win_rate"], abs=1e-10)
        assert ours.standard_error == pytest.approx(row["standard_error"], abs=1e-10)
        assert ours.extra["discrete_win_rate"] == pytest.approx(row["discrete_win_rate"], abs=1e-10)
        assert (ours.n, ours.counts["win"], ours.counts["loss"], ours.counts["tie"]) == (
            row["n_total"],
            row["n_wins"],
            row["n_wins_base"],
            row["n_draws"],
        )


def test_the_baseline_is_a_row_of_fifty() -> None:
    found = battles(["x", "x", "x"], ["y", "y", "y"], [1.0, 1.0, 0.5], prompt=["p", "q", "r"])
    base = win_rate(found, baseline="y").row("y")
    assert (base.estimate, base.standard_error, base.low, base.high, base.n) == (50.0, 0.0, 50.0, 50.0, 3)
    assert base.counts["loss"] == 2
    assert [row.contender for row in win_rate(found, baseline="y", baseline_row=False).rows] == ["x"]


def test_without_a_baseline_each_opponent_counts_once() -> None:
    found = battles(["x"] * 4 + ["x", "y"], ["y"] * 4 + ["z", "z"], [1, 1, 1, 0, 0, 1])
    standings = win_rate(found)
    assert standings.row("x").estimate == pytest.approx(100 * (0.75 + 0.0) / 2)
    assert standings.row("y").estimate == pytest.approx(100 * (0.25 + 1.0) / 2)
    assert standings.row("z").estimate == pytest.approx(100 * (1.0 + 0.0) / 2)


def test_pairs_that_never_met_are_named_and_have_no_estimate() -> None:
    standings = win_rate(battles(["x", "y"], ["y", "z"], [1, 1]))
    assert standings.row("x").estimate is None
    assert standings.row("y").estimate is not None
    assert any("x and z" in warning and "--method bt" in warning for warning in standings.warnings)
    against = win_rate(battles(["x", "y"], ["y", "z"], [1, 1]), baseline="z")
    assert against.row("x").estimate is None
    assert any(warning.startswith("x: never met the baseline z") for warning in against.warnings)


def test_a_copy_of_a_contender_has_identical_figures() -> None:
    rng = np.random.default_rng(3)
    shares, prompts = rng.random(60), [str(i) for i in range(60)]
    found = battles(
        ["x"] * 60 + ["copy"] * 60, ["base"] * 120, np.concatenate([shares, shares]), prompt=prompts + prompts
    )
    for interval in ("sandwich", "wald", "bayes", "bootstrap"):
        one, two = (win_rate(found, baseline="base", interval=interval).row(name) for name in ("x", "copy"))
        assert (one.estimate, one.low, one.high, one.ranks) == (two.estimate, two.low, two.high, two.ranks)


def test_one_verdict_gives_a_figure_with_a_warning() -> None:
    standings = win_rate(battles(["x"], ["y"], [1.0]), baseline="y")
    row = standings.row("x")
    assert (row.estimate, row.low, row.high, row.ranks) == (100.0, 0.0, 100.0, (1, 2))
    assert row.payload()["standard_error"] is None
    assert any("few effective clusters" in warning for warning in standings.warnings)


def test_orders_of_a_prompt_are_one_cluster() -> None:
    prompts = [str(i // 2) for i in range(40)]
    shares = np.repeat(np.random.default_rng(0).random(20), 2)
    found = battles(["x"] * 40, ["y"] * 40, shares, prompt=prompts)
    row, apart = win_rate(found).row("x"), win_rate(found, cluster="none").row("x")
    assert (row.n, row.battles, apart.n) == (20, 40, 40)
    assert row.standard_error == pytest.approx(100 * shares[::2].std(ddof=1) / np.sqrt(20))
    assert apart.standard_error is not None
    assert row.standard_error > apart.standard_error


def test_bootstrap_repeats_by_seed_and_agrees_with_the_score_interval() -> None:
    shares = np.random.default_rng(5).random(400)
    found = battles(["x"] * 400, ["y"] * 400, shares)
    once, again, other = (
        win_rate(found, interval="bootstrap", replicates=2000, seed=seed).row("x") for seed in (1, 1, 2)
    )
    exact = win_rate(found).row("x")
    assert (once.low, once.high) == (again.low, again.high)
    assert (once.low, once.high) != (other.low, other.high)
    assert once.low == pytest.approx(exact.low, abs=0.4)
    assert once.high == pytest.approx(exact.high, abs=0.4)


def test_categories_stand_beside_the_whole() -> None:
    frame = pl.DataFrame(
        {
            "model_a": ["x"] * 4,
            "model_b": ["y"] * 4,
            "share": [1.0, 1.0, 0.0, 0.5],
            "category": ["maths", "maths", "prose", None],
        }
    )
    standings = win_rate(Battles.from_frame(frame), baseline="y", by="category")
    assert standings.row("x").estimate == pytest.approx(62.5)
    assert {g: [r.estimate for r in rows if r.contender == "x"] for g, rows in standings.groups.items()} == {
        "maths": [100.0],
        "prose": [0.0],
    }
    assert standings.payload()["groups"]["maths"][0]["group"] == "maths"
    with pytest.raises(BadInput, match="no category"):
        win_rate(battles(["x"], ["y"], [1.0]), by="category")


def test_mistakes_are_told_in_one_line() -> None:
    found = battles(["x"], ["y"], [1.0])
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"baseline": "w"}, "baseline 'w'"),
        ({"cluster": "annotator"}, "no annotator"),
        ({"cluster": "weekday"}, "use prompt, annotator or none"),
        ({"interval": "exact"}, "use sandwich"),
        ({"level": 95}, "between 0 and 1"),
    ]
    for settings_, words in mistakes:
        with pytest.raises(BadInput, match=words):
            win_rate(found, **settings_)
    with pytest.raises(BadInput, match="no scored verdict among 1 rows"):
        win_rate(battles(["x"], ["y"], [None]))
    two = Battles.from_frame(
        pl.DataFrame(
            {"model_a": ["x", "x"], "model_b": ["y", "y"], "share": [1, 0], "aspect": ["help", "harm"]}
        )
    )
    with pytest.raises(BadInput, match=r"2 aspects are mixed \(harm, help\)"):
        win_rate(two)


def test_the_pairwise_matrix_mirrors_and_agrees_with_win_rate() -> None:
    rng = np.random.default_rng(8)
    names = rng.permuted(np.tile(["x", "y", "z"], (90, 1)), axis=1)
    found = battles(names[:, 0].tolist(), names[:, 1].tolist(), rng.random(90))
    matrix = pairwise(found)
    i, j = matrix.names.index("x"), matrix.names.index("y")
    part = found.take((found.a != matrix.names.index("z")) & (found.b != matrix.names.index("z")))
    row = win_rate(part).row("x")
    assert matrix.rate[i, j] == pytest.approx(row.estimate)
    assert (matrix.low[i, j], matrix.high[i, j]) == pytest.approx((row.low, row.high))
    np.testing.assert_allclose(matrix.rate + matrix.rate.T, np.where(np.eye(3) == 1, np.nan, 100))
    np.testing.assert_allclose(matrix.low + matrix.high.T, np.where(np.eye(3) == 1, np.nan, 100))
    assert matrix.battles.sum() == 2 * 90


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["xy", "yx", "xz", "zx", "yz", "zy"]),
        st.sampled_from([0.0, 0.5, 1.0, 0.3]),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=40,
)


def figures(rows: list[tuple[str, float, int]], **rename: str) -> dict[str, tuple[float | None, ...]]:
    new = {"x": "x", "y": "y", "z": "z"} | rename
    found = battles(
        [new[p[0]] for p, _, _ in rows], [new[p[1]] for p, _, _ in rows], [s for _, s, _ in rows],
        prompt=[str(c) for _, _, c in rows],
    )  # fmt: skip
    back = {value: key for key, value in new.items()}
    return {
        back[row.contender]: (row.estimate, row.standard_error, row.low, row.high, row.n, *row.ranks)
        for row in win_rate(found).rows
    }


def same(one: dict[str, tuple[float | None, ...]], two: dict[str, tuple[float | None, ...]]) -> None:
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert [v is None for v in values] == [v is None for v in two[name]]
        known = [(v, w) for v, w in zip(values, two[name], strict=True) if v is not None]
        assert [v for v, _ in known] == pytest.approx([w for _, w in known], abs=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms())
def test_sides_names_and_row_order_never_matter(rows: list[tuple[str, float, int]], random: Any) -> None:
    same(figures(rows), figures([(pair[::-1], 1 - share, prompt) for pair, share, prompt in rows]))
    same(figures(rows), figures(rows, x="zulu", y="alpha", z="mike"))
    same(figures(rows), figures(random.sample(rows, len(rows))))


@settings(deadline=None)
@given(ROWS)
def test_ties_split_evenly_move_nothing(rows: list[tuple[str, float, int]]) -> None:
    split = [
        (pair, share, prompt, weight)
        for pair, share_, prompt in rows
        for share, weight in (((0.0, 0.5), (1.0, 0.5)) if share_ == 0.5 else ((share_, 1.0),))
    ]
    whole = figures(rows)
    parts = battles(
        [p[0] for p, *_ in split], [p[1] for p, *_ in split], [s for _, s, *_ in split],
        prompt=[str(c) for *_, c, _ in split], weight=[w for *_, w in split],
    )  # fmt: skip
    for row in win_rate(parts).rows:
        estimate, error = whole[row.contender][:2]
        assert (row.estimate is None) == (estimate is None)
        if row.estimate is not None:
            assert row.estimate == pytest.approx(estimate)
            assert row.standard_error == pytest.approx(error, nan_ok=True, abs=1e-9)
