"""Advantages against recursions and formulas written anew, and TRL's for groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from winsome.errors import BadInput
from winsome.training.online.advantages import (
    dead,
    divergence,
    generalised,
    group_normalised,
    leave_one_out,
    returns_to_go,
    token_rewards,
    whitened,
)

LENGTHS = (4, 1, 6, 3)
STARTS = np.cumsum([0, *LENGTHS])
RNG = np.random.default_rng(0)
REWARDS, VALUES = RNG.normal(size=14), RNG.normal(size=14)


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 1.0), (1.0, 0.95), (0.9, 0.7), (0.9, 0.0), (0.0, 0.5)])
def test_gae_equals_its_definition(gamma, lam):
    """A_t = sum over l of (gamma lambda)^l delta_(t+l), summed forwards, answer by answer."""
    wanted = np.zeros(14)
    for first, last in itertools.pairwise(STARTS):
        r, v = REWARDS[first:last], np.append(VALUES[first:last], 0.0)
        delta = [r[t] + gamma * v[t + 1] - v[t] for t in range(len(r))]
        for t in range(len(r)):
            wanted[first + t] = sum((gamma * lam) ** l * delta[t + l] for l in range(len(r) - t))  # noqa: E741
    advantages, returns = generalised(REWARDS, VALUES, STARTS, gamma, lam)
    np.testing.assert_allclose(advantages, wanted, atol=1e-12)
    np.testing.assert_allclose(returns, wanted + VALUES, atol=1e-12)


def test_returns_to_go_are_discounted_sums_of_what_is_still_earned():
    found = returns_to_go(REWARDS, STARTS, 0.5)
    assert found[4] == pytest.approx(REWARDS[4])
    assert found[0] == pytest.approx(sum(0.5**i * REWARDS[i] for i in range(4)))
    with pytest.raises(BadInput, match="must lie in"):
        generalised(REWARDS, VALUES, STARTS, 1.1, 0.5)


def test_an_answer_s_reward_comes_with_its_last_token():
    found = token_rewards(np.array([1.0, 2.0, 3.0, 4.0]), np.full(14, 0.25), STARTS)
    assert found.sum() == pytest.approx(10.0 - 14 * 0.25)
    assert found[STARTS[1:] - 1].tolist() == [0.75, 1.75, 2.75, 3.75]


def test_group_advantages_equal_trl_s():
    """TRL: rewards.view(-1, k), torch's std, 1e-4; its RLOO baseline over the other answers of the group."""
    reward = RNG.normal(size=24)
    groups = np.repeat(np.arange(6), 4)
    table = torch.tensor(reward).view(6, 4)
    mean, spread = table.mean(1, keepdim=True), table.std(1, keepdim=True)
    np.testing.assert_allclose(
        group_normalised(reward, groups), ((table - mean) / (spread + 1e-4)).flatten().numpy(), atol=1e-12
    )
    others = (table.sum(1, keepdim=True) - table) / 3
    np.testing.assert_allclose(leave_one_out(reward, groups), (table - others).flatten().numpy(), atol=1e-12)
    batch = ((table - mean) / (table.std() + 1e-4)).flatten().numpy()
    np.testing.assert_allclose(group_normalised(reward, groups, "batch"), batch, atol=1e-12)
    np.testing.assert_allclose(group_normalised(reward, groups, "none"), (table - mean).flatten().numpy())


def test_groups_of_different_sizes_keep_to_themselves():
    """Group 2 has lost its second answer to a failed reward: what is left of it is alone, and worth nothing either way."""
    reward, groups = np.array([1.0, 3.0, 5.0, 7.0, 9.0]), np.array([0, 0, 2, 3, 3])
    assert leave_one_out(reward, groups).tolist() == [-2.0, 2.0, 0.0, -2.0, 2.0]
    assert group_normalised(reward, groups, "none").tolist() == [-1.0, 1.0, 0.0, -1.0, 1.0]
    assert dead(np.array([1.0, 1.0, 5.0, 7.0, 9.0]), groups).tolist() == [0, 2]


def test_whitening_takes_mean_and_deviation():
    found = whitened(REWARDS)
    assert found.mean() == pytest.approx(0.0, abs=1e-12)
    assert found.std(ddof=1) == pytest.approx(1.0, abs=1e-3)
    kept = whitened(REWARDS, shift=False)
    assert kept.mean() == pytest.approx(REWARDS.mean())


def test_estimators_agree_in_expectation_on_the_divergence():
    """Over a categorical policy k1 and k3 have the divergence as their mean, clamped a larger one; k2 is near for near policies."""
    policy = RNG.dirichlet(np.ones(6))
    reference = 0.9 * policy + 0.1 / 6
    x = np.log(policy / reference)
    kl = float(policy @ x)
    means = {name: float(policy @ divergence(x, name)) for name in ("k1", "k2", "k3", "clamped")}  # type: ignore[arg-type]
    assert means["k1"] == pytest.approx(kl)
    assert means["k3"] == pytest.approx(kl)
    assert means["k2"] == pytest.approx(kl, rel=0.2)
    assert means["clamped"] > kl
    np.testing.assert_array_equal(divergence(x, "clamped"), np.maximum(x, 0.0))
    assert (divergence(x, "k3") >= 0.0).all()
