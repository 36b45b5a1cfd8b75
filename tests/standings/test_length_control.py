from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from tests.standings.alpaca_eval import BASELINE, calibration, published
from winsome.errors import BadInput
from winsome.standings import Battles, length_controlled, win_rate
from winsome.standings.columns import Floats
from winsome.standings.length_diagnostics import extrapolation
from winsome.standings.logistic import Likelihood, choose_penalty, fit_l1, fit_newton


def test_published_figures_without_the_penalty(shared_data: Path) -> None:
    found, leaderboard = published(shared_data)
    standings = length_controlled(found, baseline=BASELINE, calibration=calibration(shared_data))
    distance = {
        model: abs((standings.row(model).estimate or 0) - row["length_controlled_winrate"])
        for model, row in leaderboard.items()
    }
    assert sorted(model for model, d in distance.items() if d > 0.11) == [
        "alpaca-7b_verbose",
        "text_davinci_001",
    ]
    for model, row in leaderboard.items():
        if row["lc_standard_error"] is not None:
            assert standings.row(model).extra["lc_standard_error"] == pytest.approx(
                row["lc_standard_error"], rel=0.01
            )
        assert (standings.row(model).standard_error or 0) > 1.3 * float(
            standings.row(model).extra["lc_standard_error"] or 0
        )  # type: ignore[arg-type]


def test_published_figures_behind_gaps_have_shifted_difficulties(shared_data: Path) -> None:
    """alpaca_eval looks difficulties up by row number; given them so, the two figures that are far off are met."""
    found, leaderboard = published(shared_data)
    table = calibration(shared_data)
    hard = list(table.difficulty.values())
    assert list(table.difficulty) == [str(n) for n in range(805)]
    for model, missing in (("text_davinci_001", 2), ("alpaca-7b_verbose", 3)):
        alone = found.take(found.a == found.code_of(model))
        assert alone.cluster is not None
        prompts = sorted((alone.cluster.labels[code] for code in alone.cluster.values), key=int)
        assert len(prompts) == 805 - missing
        by_row = replace(table, difficulty=dict(zip(prompts, hard, strict=False)))
        figures = [
            length_controlled(alone, baseline=BASELINE, calibration=by_row, penalty="l1", c=c)
            .row(model)
            .estimate
            or 0
            for c in (2.7826, 21.544)
        ]
        wanted = leaderboard[model]["length_controlled_winrate"]
        assert min(abs(figure - wanted) for figure in figures) <= 0.02


def test_published_figures_with_the_penalty(shared_data: Path) -> None:
    found, leaderboard = published(shared_data)
    table = calibration(shared_data)
    fits = [
        length_controlled(found, baseline=BASELINE, calibration=table, penalty="l1", c=c)
        for c in (2.7826, 21.544)
    ]
    near = {
        model: min(abs((fit.row(model).estimate or 0) - row["length_controlled_winrate"]) for fit in fits)
        for model, row in leaderboard.items()
    }
    assert sum(d <= 0.015 for d in near.values()) >= 21, near


def simulated(rng: np.random.Generator, n: int, effect: float, truth: Floats) -> Battles:
    """Battles of one contender whose chance to win is sigmoid(truth + effect x tanh z), z its extra length."""
    length = rng.normal(300, 100, (n, 2))
    gap = length[:, 0] - length[:, 1]
    chance = expit(truth + effect * np.tanh(gap / gap.std(ddof=1)))
    frame = pl.DataFrame(
        {
            "model_a": ["x"] * n,
            "model_b": ["base"] * n,
            "share": (rng.random(n) < chance).astype(float),
            "prompt_id": [str(i) for i in range(n)],
            "length_a": length[:, 0],
            "length_b": length[:, 1],
        }
    )
    return Battles.from_frame(frame)


def test_coefficients_and_errors_equal_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    found = simulated(np.random.default_rng(0), 300, 1.0, np.full(300, 0.3))
    gap = -found.difference("length") * np.where(found.a == found.code_of("x"), 1, -1)
    design = np.stack([np.tanh(gap / gap.std(ddof=1)), np.ones(300)], axis=1)
    share = np.where(found.a == found.code_of("x"), found.share, 1 - found.share)
    result = api.GLM(share, design, family=api.families.Binomial()).fit(tol=1e-13, cov_type="HC0")
    row = length_controlled(found, baseline="base").row("x")
    assert row.extra["length_coefficient"] == pytest.approx(result.params[0], abs=1e-6)
    assert row.extra["length_coefficient_error"] == pytest.approx(
        result.bse[0] * np.sqrt(299 / 298), rel=1e-6
    )
    assert row.estimate == pytest.approx(100 * expit(result.params[1]), abs=1e-5)
    slope = expit(result.params[1]) * (1 - expit(result.params[1]))
    assert row.standard_error == pytest.approx(
        100 * slope * result.bse[1] * np.sqrt(299 / 298) * np.sqrt(300 / 299), rel=1e-6
    )


def test_the_interval_covers_the_rate_at_equal_length() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(600):
        row = length_controlled(simulated(rng, 150, 0.8, np.full(150, -0.4)), baseline="base").row("x")
        assert row.low is not None
        assert row.high is not None
        covered += row.low <= 100 * expit(-0.4) <= row.high
    assert 0.925 <= covered / 600 <= 0.975


def test_a_contender_that_wins_by_length_falls_to_half() -> None:
    row = length_controlled(
        simulated(np.random.default_rng(2), 4000, 2.0, np.zeros(4000)), baseline="base"
    ).row("x")
    assert row.low is not None
    assert row.high is not None
    assert row.low < 50 < row.high
    coefficient = row.extra["length_coefficient"]
    assert isinstance(coefficient, float)
    assert coefficient == pytest.approx(-2.0, abs=0.2)


def change(found: Battles, **columns: Any) -> Battles:
    return Battles.from_frame(found.to_frame().with_columns(**columns))


def test_a_fit_that_is_not_identified_has_no_figure_and_says_why() -> None:
    found = simulated(np.random.default_rng(3), 40, 1.0, np.zeros(40))
    as_a = "length_a" if found.names[found.a[0]] == "x" else "length_b"
    longer = change(found, **{as_a: pl.lit(1000.0) + pl.int_range(40)})
    won = change(found, share=pl.lit(1.0), outcome=pl.lit("win"))
    for case, words in (
        (longer, "one side of the baseline's length"),
        (won, "separation"),
    ):
        standings = length_controlled(case, baseline="base")
        assert standings.row("x").estimate is None
        assert any(re.search(f"not identified.*({words})", warning) for warning in standings.warnings)


def test_equal_lengths_leave_the_win_rate_and_no_coefficient() -> None:
    found = change(
        simulated(np.random.default_rng(3), 40, 1.0, np.zeros(40)), length_a=pl.lit(9.0), length_b=pl.lit(9.0)
    )
    standings = length_controlled(found, baseline="base")
    row, plain = standings.row("x"), win_rate(found, baseline="base").row("x")
    assert (row.estimate, row.standard_error) == pytest.approx((plain.estimate, plain.standard_error))
    assert row.extra["length_coefficient"] is None
    assert any("length never differs" in warning for warning in standings.warnings)
    marks = change(found, bold_a=pl.lit(1.0), bold_b=pl.lit(1.0), length_a=pl.int_range(40) * 1.0)
    both = length_controlled(marks, baseline="base", covariates=["length", "bold"]).row("x")
    assert both.estimate == pytest.approx(length_controlled(marks, baseline="base").row("x").estimate)


def test_as_many_coefficients_as_prompts_have_a_figure_that_knows_what_one_prompt_knows() -> None:
    found = Battles.from_frame(
        pl.DataFrame(
            {
                "model_a": ["x", "x"], "model_b": ["base"] * 2, "share": [0.7, 0.4], "prompt_id": ["p", "q"],
                "length_a": [10.0, 30.0], "length_b": [20.0, 15.0],
            }
        )
    )  # fmt: skip
    standings = length_controlled(found, baseline="base")
    row = standings.row("x")
    assert row.estimate is not None
    assert 40 < row.estimate < 70
    assert row.few_clusters
    assert (row.high or 0) - (row.low or 0) > 95
    assert any("few effective clusters" in warning for warning in standings.warnings)


def test_one_verdict_with_the_calibration_of_its_suite_has_a_figure(shared_data: Path) -> None:
    found, leaderboard = published(shared_data)
    model = min(leaderboard)
    first = found.take(
        np.flatnonzero((found.a == found.code_of(model)) | (found.b == found.code_of(model)))[:1]
    )
    row = length_controlled(first, baseline=BASELINE, calibration=calibration(shared_data), penalty="l1").row(
        model
    )
    assert row.estimate is not None
    assert (row.low, row.high, row.few_clusters) == (0.0, 100.0, True)


@pytest.mark.parametrize("penalty", ["none", "l1"])
def test_influence_is_the_largest_change_that_refits_find(shared_data: Path, penalty: Any) -> None:
    found, leaderboard = published(shared_data)
    model = sorted(leaderboard)[3]
    part = found.take((found.a == found.code_of(model)) | (found.b == found.code_of(model)))
    part = part.take(np.arange(0, len(part), 8))

    def figure(rows: Battles) -> float:
        row = length_controlled(
            rows, baseline=BASELINE, calibration=calibration(shared_data), penalty=penalty
        ).row(model)
        return row.estimate or 0.0

    whole = figure(part)
    changes = np.array([figure(part.take(np.arange(len(part)) != k)) - whole for k in range(len(part))])
    row = length_controlled(
        part, baseline=BASELINE, calibration=calibration(shared_data), penalty=penalty
    ).row(model)
    most = int(np.argmax(np.abs(changes)))
    assert part.cluster is not None
    assert row.extra["influential_prompt"] == part.cluster.labels[part.cluster.values[most]]
    # The step leaves out that the lengths' standard deviation changes too.
    assert row.extra["influence"] == pytest.approx(changes[most], rel=0.08)


def test_one_odd_prompt_is_named_where_it_moves_the_figure_by_more_than_its_error() -> None:
    found = simulated(np.random.default_rng(8), 12, 0.0, np.full(12, 0.0))
    weight = np.where(np.arange(12) == 5, 60.0, 1.0)
    standings = length_controlled(change(found, weight=pl.Series(weight)), baseline="base")
    assert standings.row("x").extra["influential_prompt"] == "5"
    assert any("without prompt '5' the figure moves" in warning for warning in standings.warnings)


def test_the_flag_says_which_side() -> None:
    gap = np.where(np.arange(100) < 2, 5.0, -5.0)
    assert extrapolation(gap) == "98% of the answers are longer: extrapolation"
    assert extrapolation(-gap, "bold") == "98% of the answers have less bold: extrapolation"
    assert extrapolation(np.where(np.arange(100) < 10, 5.0, -5.0)) is None


def test_mostly_longer_answers_are_flagged(shared_data: Path) -> None:
    found, _ = published(shared_data)
    standings = length_controlled(found, baseline=BASELINE, calibration=calibration(shared_data))
    assert any("answers are shorter: extrapolation" in warning for warning in standings.warnings)


def test_mistakes_are_told_in_one_line(shared_data: Path) -> None:
    found = simulated(np.random.default_rng(4), 20, 1.0, np.zeros(20))
    with pytest.raises(BadInput, match="covariate 'markdown' is not in the battles"):
        length_controlled(found, baseline="base", covariates=["markdown"])
    with pytest.raises(BadInput, match="l1-cv needs the labels"):
        length_controlled(found, baseline="base", penalty="l1-cv")
    part = change(found, prompt_id=pl.lit("p") + pl.col("prompt_id"))
    with pytest.raises(BadInput, match="has no difficulty in the calibration"):
        length_controlled(part, baseline="base", calibration=calibration(shared_data))


def data(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    design = np.concatenate(
        [np.tanh(rng.normal(size=(n, 1))), rng.normal(size=(n, 1)), np.ones((n, 1))], axis=1
    )
    share = np.clip(expit(design @ np.array([-1.0, 0.7, -0.5])) + rng.normal(0, 0.2, n), 0, 1)
    return design, share, rng.choice([1.0, 0.1], n)


@pytest.mark.parametrize("c", [0.01, 0.5, 2.7826, 1000.0])
def test_the_penalised_fit_equals_scikit_learn(c: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    design, share, weight = data(np.random.default_rng(5), 400)
    ours = fit_l1(Likelihood(design, weight, design.T @ (weight * share)), c)
    theirs = linear.LogisticRegression(
        C=c, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-10, max_iter=10_000, random_state=0
    ).fit(
        np.concatenate([design, design]),
        np.repeat([1, 0], 400),
        sample_weight=np.concatenate([weight * share, weight * (1 - share)]),
    )
    np.testing.assert_allclose(ours, theirs.coef_[0], atol=2e-5)


def test_a_vanishing_penalty_is_the_plain_fit() -> None:
    design, share, weight = data(np.random.default_rng(6), 200)
    likelihood = Likelihood(design, weight, design.T @ (weight * share))
    np.testing.assert_allclose(fit_l1(likelihood, 1e9), fit_newton(likelihood), atol=1e-6)


def test_the_chosen_penalty_is_that_of_grouped_cross_validation() -> None:
    selection, linear = (
        pytest.importorskip("sklearn.model_selection"),
        pytest.importorskip("sklearn.linear_model"),
    )
    for seed in range(3):
        design, share, weight = data(np.random.default_rng(seed), 60)
        twice, labels = np.concatenate([design, design]), np.repeat([1, 0], 60)
        halves = np.concatenate([weight * share, weight * (1 - share)])
        scores = np.zeros((10, 5))
        grid = np.logspace(-4, 4, 10)
        splits = selection.GroupKFold(5).split(twice, labels, np.tile(np.arange(60), 2))
        for fold, (inside, out) in enumerate(splits):
            for place, c in enumerate(grid):
                model = linear.LogisticRegression(
                    C=c, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-8, max_iter=10_000
                ).fit(twice[inside], labels[inside], sample_weight=halves[inside])
                chance = model.predict_proba(twice[out])[:, 1]
                y, w = np.tile(share, 2)[out], np.tile(weight, 2)[out]
                scores[place, fold] = (w * (y * np.log(chance) + (1 - y) * np.log(1 - chance))).mean()
        assert choose_penalty(design, share, weight)[0] == pytest.approx(grid[scores.mean(1).argmax()])


def test_gamed_labels_stand_for_their_sums_and_allow_the_choice(shared_data: Path) -> None:
    found, leaderboard = published(shared_data)
    table = calibration(shared_data)
    rng = np.random.default_rng(7)
    shares = expit(
        -0.9 * np.tanh(table.gamed_length) + 0.3 * table.gamed_difficulty + rng.normal(0, 0.1, 1610)
    )
    labelled = replace(table, shares=shares)
    summed = replace(
        table,
        sums=(float(shares @ np.tanh(table.gamed_length)), float(shares @ table.gamed_difficulty)),
    )
    model = min(leaderboard)
    part = found.take((found.a == found.code_of(model)) | (found.b == found.code_of(model)))
    one = length_controlled(part, baseline=BASELINE, calibration=labelled).row(model)
    two = length_controlled(part, baseline=BASELINE, calibration=summed).row(model)
    assert one.estimate == pytest.approx(two.estimate)
    chosen = length_controlled(part, baseline=BASELINE, calibration=labelled, penalty="l1-cv").row(model)
    assert any(chosen.extra["c"] == pytest.approx(c) for c in np.logspace(-4, 4, 10))
