"""The fit equals scikit-learn's, does not care which answer stands first, and recovers the weights that made the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from winsome.scorers.preference_fit import (
    calibration_slope,
    cross_entropy,
    fit_preferences,
    held_out_margins,
    sigmoid,
)


def drawn(seed: int, n: int = 300, d: int = 6, strength: float = 1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    truth = strength * rng.normal(size=d)
    return x, (rng.random(n) < sigmoid(x @ truth)).astype(float), truth


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
def test_the_fit_is_that_of_a_penalised_logistic_regression(penalty):
    x, y, _ = drawn(0)
    w = np.random.default_rng(1).uniform(0.2, 2.0, len(y))
    peer = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y, w)
    np.testing.assert_allclose(fit_preferences(x, y, w, np.full(6, penalty)), peer.coef_[0], atol=1e-5)


def test_a_soft_share_is_a_pair_counted_both_ways():
    x, _, _ = drawn(2)
    share = np.random.default_rng(3).random(len(x))
    soft = fit_preferences(x, share, np.ones(len(x)), np.ones(6))
    both = fit_preferences(
        np.vstack([x, x]), np.repeat([1.0, 0.0], len(x)), np.concatenate([share, 1 - share]), np.ones(6)
    )
    np.testing.assert_allclose(soft, both, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.booleans(), min_size=60, max_size=60))
def test_swapping_the_answers_of_any_pairs_changes_nothing(seed, swapped):
    x, y, _ = drawn(seed, n=60, d=4)
    flip = np.where(swapped, -1.0, 1.0)
    mirrored = np.where(swapped, 1 - y, y)
    one = fit_preferences(x, y, np.ones(60), np.ones(4))
    two = fit_preferences(x * flip[:, None], mirrored, np.ones(60), np.ones(4))
    np.testing.assert_allclose(one, two, atol=1e-7)


def test_weights_that_made_the_data_are_found():
    x, y, truth = drawn(5, n=40_000)
    np.testing.assert_allclose(fit_preferences(x, y, np.ones(len(y)), np.full(6, 1e-6)), truth, atol=0.06)


def test_no_row_is_predicted_by_a_fit_that_saw_its_cluster():
    # Labels are a coin a cluster: whoever sees the cluster knows them, whoever does not can only guess.
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(200), 3)
    x = np.eye(200)[clusters]
    y = rng.integers(0, 2, 200)[clusters].astype(float)
    margins = held_out_margins(x, y, np.ones(600), np.full(200, 0.01), clusters.tolist())
    np.testing.assert_array_equal(margins, 0.0)


def test_the_slope_mends_overconfidence():
    x, y, truth = drawn(9, n=20_000)
    assert calibration_slope(4 * x @ truth, y, np.ones(len(y))) == pytest.approx(0.25, abs=0.02)


def test_cross_entropy_of_sure_and_unsure_margins():
    np.testing.assert_allclose(
        cross_entropy(np.array([0.0, 800.0, -800.0]), np.array([1.0, 1.0, 1.0])), [np.log(2), 0, 800]
    )
