from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from winsome.errors import BadInput
from winsome.standings import Battles, bradley_terry, style_controlled
from winsome.standings.ratings import ARENA
from winsome.standings.style_control import style_features


def arena(seed: int, rows: int = 800) -> Battles:
    rng = np.random.default_rng(seed)
    strength = np.linspace(-0.6, 0.6, 5)
    a = rng.integers(0, 5, rows)
    b = (a + rng.integers(1, 5, rows)) % 5
    style = rng.gamma(3.0, 100.0, (rows, 2)) * np.stack([1 + a / 4, 1 + b / 4], axis=1)
    headers = rng.integers(0, 4, (rows, 2)).astype(float)
    gap = (style[:, 0] - style[:, 1]) / style.sum(1)
    share = (rng.random(rows) < expit(strength[a] - strength[b] + 1.5 * gap)).astype(float)
    return Battles.from_frame(
        pl.DataFrame(
            {
                "model_a": [f"m{i}" for i in a], "model_b": [f"m{j}" for j in b], "share": share,
                "prompt_id": [str(r // 2) for r in range(rows)],
                "length_a": style[:, 0], "length_b": style[:, 1], "headers_a": headers[:, 0], "headers_b": headers[:, 1],
            }
        )
    )  # fmt: skip


def test_it_equals_a_logistic_regression_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    found = arena(0)
    assert found.cluster is not None
    design = np.zeros((len(found), 5))
    design[np.arange(len(found)), found.a] += 1
    design[np.arange(len(found)), found.b] -= 1
    features = style_features(found, ["length", "headers"])
    result = api.GLM(
        found.share, np.concatenate([design[:, 1:], features], axis=1), family=api.families.Binomial()
    ).fit(tol=1e-14, cov_type="cluster", cov_kwds={"groups": found.cluster.values, "use_correction": False})
    strength = np.append(0.0, result.params[:4])
    shift = np.eye(5) - 1 / 5
    covariance = np.zeros((5, 5))
    covariance[1:, 1:] = result.cov_params()[:4, :4]
    standings = style_controlled(found, covariates=["length", "headers"])
    errors = ARENA * np.sqrt(np.diag(shift @ covariance @ shift.T))
    for code, name in enumerate(found.names):
        row = standings.row(name)
        assert row.estimate == pytest.approx(1000 + ARENA * (shift @ strength)[code], abs=1e-6)
        assert row.standard_error == pytest.approx(errors[code], rel=1e-6)
        assert row.extra["length_coefficient"] == pytest.approx(result.params[4], abs=1e-6)
        assert row.extra["headers_coefficient_error"] == pytest.approx(result.bse[5], rel=1e-6)


def test_control_takes_back_what_length_gave() -> None:
    found = arena(1, 6000)
    plain, controlled = bradley_terry(found), style_controlled(found)
    truth = 1000 + ARENA * np.linspace(-0.6, 0.6, 5)
    for code, name in enumerate(found.names):
        row = controlled.row(name)
        assert row.estimate is not None
        assert row.standard_error is not None
        assert abs(row.estimate - truth[code]) < 4 * row.standard_error
    assert (plain.row("m4").estimate or 0) > (controlled.row("m4").estimate or 0) + 20


def test_mistakes_are_told_in_one_line() -> None:
    found = arena(2, 100)
    with pytest.raises(BadInput, match="covariate 'emoji' is not in the battles"):
        style_controlled(found, covariates=["emoji"])
    frame = found.to_frame()
    with pytest.raises(BadInput, match="row 1, covariate length: missing or negative"):
        style_controlled(Battles.from_frame(frame.with_columns(length_a=pl.lit(-1.0))))


def verdicts(a: list[str], b: list[str], share: list[float], length: list[tuple[float, float]]) -> Battles:
    columns = {"length_a": [x for x, _ in length], "length_b": [y for _, y in length]}
    return Battles.from_frame(pl.DataFrame({"model_a": a, "model_b": b, "share": share, **columns}))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (verdicts(["x"], ["y"], [1.0], [(9, 3)]), "never lost"),
        (verdicts(["x"], ["y"], [0.5], [(9, 3)]), "separation"),
        (verdicts(["x"] * 30, ["y"] * 30, [1.0] * 30, [(9, 3), (2, 4)] * 15), "never lost"),
        (verdicts(["x"] * 30, ["y"] * 30, [1.0, 0.0] * 15, [(9, 3), (2, 4)] * 15), "separation"),
        (verdicts(["x", "u"] * 9, ["y", "v"] * 9, [1.0, 0.0, 0.0, 1.0] * 4 + [1.0, 0.0], [(9, 3)] * 18), "never met"),
        (verdicts(["x"] * 30, ["y"] * 30, [0.5] * 30, [(9, 3), (2, 4)] * 15), "no spread"),
        (verdicts(["x"] * 30, ["y"] * 30, [1.0, 0.0] * 15, [(4, 4)] * 30), "never differs"),
    ],
)  # fmt: skip
def test_where_no_finite_fit_exists_there_is_a_wide_figure_and_a_named_warning(
    found: Battles, reason: str
) -> None:
    standings = style_controlled(found)
    assert any(reason in warning for warning in standings.warnings), standings.warnings
    for row in standings.rows:
        assert row.low is not None
        assert row.high is not None
        assert row.low < (row.estimate or 0.0) < row.high
        assert 80 < row.high - row.low < 4000


def test_a_covariate_that_never_differs_leaves_the_ratings_of_bradley_terry() -> None:
    frame = arena(3, 300).to_frame().with_columns(length_a=pl.lit(7.0), length_b=pl.lit(7.0))
    found = Battles.from_frame(frame)
    plain, controlled = bradley_terry(found), style_controlled(found)
    for row in plain.rows:
        assert controlled.row(row.contender).estimate == pytest.approx(row.estimate, abs=1e-6)
        assert controlled.row(row.contender).standard_error == pytest.approx(row.standard_error, rel=1e-6)
        assert controlled.row(row.contender).extra["length_coefficient"] is None
