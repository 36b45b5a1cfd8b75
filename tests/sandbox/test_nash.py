"""Nash policies against solved games; the regularised one against its own fixed point and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.sandbox import preferences
from winsome.sandbox.nash import (
    best_response,
    exploitability,
    nash,
    regularised_exploitability,
    regularised_nash,
)


def game(payoff: list[list[float]]) -> np.ndarray:
    """The preference whose payoff P - 1/2 is an antisymmetric matrix."""
    return 0.5 + np.array(payoff)


def random_preference(size: int, seed: int) -> np.ndarray:
    upper = np.triu(np.random.default_rng(seed).uniform(-0.5, 0.5, (size, size)), 1)
    return 0.5 + upper - upper.T


def test_rock_paper_scissors_is_even():
    np.testing.assert_allclose(nash(preferences.cycle(3)), np.full(3, 1 / 3), atol=1e-9)
    assert exploitability(np.full(3, 1 / 3), preferences.cycle(3)) == pytest.approx(0.0, abs=1e-12)
    assert exploitability(np.array([1.0, 0.0, 0.0]), preferences.cycle(3)) == pytest.approx(0.5)


@pytest.mark.parametrize(("a", "b", "c"), [(0.1, 0.2, 0.3), (0.5, 0.25, 0.05)])
def test_a_three_way_game_with_a_known_mixture(a, b, c):
    """Payoffs 1 over 2: a, 2 over 3: b, 3 over 1: c have the one equilibrium (b, c, a) / (a + b + c)."""
    preference = game([[0, a, -c], [-a, 0, b], [c, -b, 0]])
    expected = np.array([b, c, a]) / (a + b + c)
    np.testing.assert_allclose(nash(preference), expected, atol=1e-9)
    np.testing.assert_allclose(preference @ expected, 0.5, atol=1e-12)


def test_a_response_that_beats_all_is_played_alone():
    preference = preferences.bradley_terry(np.array([0.3, 2.0, -1.0, 1.9]))
    np.testing.assert_allclose(nash(preference), [0, 1, 0, 0], atol=1e-9)


@given(st.integers(2, 9), st.integers(0, 10_000))
@settings(deadline=None, max_examples=50)
def test_nobody_beats_a_nash_policy(size, seed):
    preference = random_preference(size, seed)
    assert exploitability(nash(preference), preference) <= 1e-9


@given(st.integers(2, 7), st.integers(0, 10_000), st.sampled_from((0.01, 0.05, 0.3, 2.0)))
@settings(deadline=None, max_examples=60)
def test_the_regularised_policy_is_its_own_best_response(size, seed, tau):
    preference = random_preference(size, seed)
    reference = np.random.default_rng(seed + 1).dirichlet(np.full(size, 2.0)) * 0.9 + 0.1 / size
    policy = regularised_nash(preference, reference, tau)
    np.testing.assert_allclose(policy, best_response(policy, preference, reference, tau), atol=1e-10)
    assert regularised_exploitability(policy, preference, reference, tau) == pytest.approx(0.0, abs=1e-10)
    assert regularised_exploitability(reference, preference, reference, tau) >= -1e-12


def test_regularisation_moves_from_the_reference_to_nash():
    preference = preferences.cycle(3)
    reference = np.array([0.7, 0.2, 0.1])
    np.testing.assert_allclose(regularised_nash(preference, reference, 1e4), reference, atol=1e-4)
    np.testing.assert_allclose(regularised_nash(preference, reference, 1e-3), np.full(3, 1 / 3), atol=5e-3)


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInput, match="tau"):
        regularised_nash(preferences.cycle(3), np.full(3, 1 / 3), 0.0)
    with pytest.raises(BadInput, match="reference"):
        regularised_nash(preferences.cycle(3), np.array([1.0, 0.0, 0.0]), 1.0)
