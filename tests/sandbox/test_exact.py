"""Closed forms of the exact world against sums written out and against everything enumerated."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.sandbox import exact, preferences
from winsome.sandbox.exact import ExactWorld, best_of_n, exact_world

worlds = st.builds(
    exact_world,
    st.integers(1, 4),
    st.integers(2, 5),
    seed=st.integers(0, 10_000),
    flip=st.sampled_from((0.0, 0.2)),
    length_bias=st.sampled_from((0.0, 0.3)),
)


def other_policy(world: ExactWorld, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(world.reward.shape[1]), len(world.reward))


@given(worlds, st.floats(0.05, 20))
@settings(deadline=None)
def test_optimum_is_the_sum_written_out_and_nothing_beats_it(world, beta):
    best = exact.optimum(world, beta)
    for x in range(len(world.reward)):
        mass = [p * math.exp(r / beta) for p, r in zip(world.reference[x], world.reward[x], strict=True)]
        np.testing.assert_allclose(best[x], [m / math.fsum(mass) for m in mass], atol=1e-10)
    free_energy = sum(
        w * beta * math.log(sum(p * math.exp(r / beta) for p, r in zip(ps, rs, strict=True)))
        for w, ps, rs in zip(world.weights, world.reference, world.reward, strict=True)
    )
    assert exact.objective(world, best, beta) == pytest.approx(free_energy, abs=1e-10)
    for seed in range(20):
        other = other_policy(world, seed)
        loss = exact.objective(world, best, beta) - exact.objective(world, other, beta)
        # What another policy lacks is exactly beta times its KL from the optimum.
        assert loss == pytest.approx(beta * exact.kl(world, other, best), abs=1e-9)


@given(worlds, st.integers(0, 100))
@settings(deadline=None)
def test_win_rate_value_and_kl_equal_enumeration(world, seed):
    a, b = other_policy(world, seed), other_policy(world, seed + 1)
    prompts, responses = world.reward.shape
    wins = math.fsum(
        world.weights[x] * a[x, i] * b[x, j] * world.preference[x, i, j]
        for x in range(prompts)
        for i in range(responses)
        for j in range(responses)
    )
    assert exact.win_rate(world, a, b) == pytest.approx(wins, abs=1e-10)
    assert exact.win_rate(world, a, b) + exact.win_rate(world, b, a) == pytest.approx(1.0, abs=1e-10)
    assert exact.win_rate(world, a, a) == pytest.approx(0.5, abs=1e-10)
    spent = math.fsum(
        world.weights[x] * a[x, i] * math.log(a[x, i] / b[x, i])
        for x in range(prompts)
        for i in range(responses)
    )
    assert exact.kl(world, a, b) == pytest.approx(spent, abs=1e-10)
    earned = math.fsum(
        world.weights[x] * a[x, i] * world.reward[x, i] for x in range(prompts) for i in range(responses)
    )
    assert exact.value(world, a) == pytest.approx(earned, abs=1e-10)


def test_a_policy_outside_the_references_support_has_infinite_kl():
    assert exact.divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == math.inf
    assert exact.divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(math.log(2))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("tied", [False, True])
def test_best_of_n_equals_enumeration_of_all_draws(n, tied):
    rng = np.random.default_rng(n)
    reference = rng.dirichlet(np.ones(4), 2)
    score = rng.integers(0, 2, (2, 4)).astype(float) if tied else rng.normal(size=(2, 4))
    found = np.zeros_like(reference)
    for x in range(2):
        for draws in itertools.product(range(4), repeat=n):
            best = max(range(n), key=lambda place: (score[x, draws[place]], -place))
            found[x, draws[best]] += math.prod(reference[x, draw] for draw in draws)
    np.testing.assert_allclose(best_of_n(reference, score, n), found, atol=1e-10)


def test_best_of_n_agrees_with_simulation():
    world = exact_world(1, 6, seed=3)
    rng = np.random.default_rng(0)
    draws = rng.choice(6, (200_000, 8), p=world.reference[0])
    best = draws[np.arange(len(draws)), world.reward[0][draws].argmax(1)]
    counts = np.bincount(best, minlength=6)
    expected = best_of_n(world.reference, world.reward, 8)[0]
    error = np.sqrt(expected * (1 - expected) * len(draws))
    assert (np.abs(counts - expected * len(draws)) <= 4 * error + 1e-9).all()


def test_many_distinct_responses_approach_the_published_law():
    """Continuous rewards: win rate n / (n + 1) and KL log n - (n - 1) / n (BoNBoN, section 3)."""
    size = 4000
    world = ExactWorld(
        np.arange(size, dtype=float)[None],
        np.full((1, size), 1 / size),
        np.ones(1),
        np.ones((1, size)),
        np.where(np.eye(size) > 0, 0.5, (np.arange(size)[:, None] > np.arange(size)[None]) * 1.0)[None],
    )
    for n in (2, 4, 8):
        policy = best_of_n(world.reference, world.reward, n)
        assert exact.win_rate(world, policy, world.reference) == pytest.approx(n / (n + 1), abs=1e-3)
        assert exact.kl(world, policy) == pytest.approx(math.log(n) - (n - 1) / n, abs=1e-3)


def test_pairs_follow_behaviour_and_preference():
    world = exact_world(2, 3, seed=5, flip=0.1)
    n = 200_000
    prompts, chosen, rejected = exact.pairs(world, world.reference, n, seed=1)
    assert (chosen != rejected).all()
    for x, i, j in itertools.product(range(2), range(3), range(3)):
        if i < j:
            met = (prompts == x) & ((chosen == i) & (rejected == j) | (chosen == j) & (rejected == i))
            won = (met & (chosen == i)).sum()
            p = world.preference[x, i, j]
            assert abs(won / met.sum() - p) <= 4 * math.sqrt(p * (1 - p) / met.sum())


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(-1, 1))
@settings(deadline=None)
def test_noise_and_bias_are_what_they_say(seed, flip, bias):
    rng = np.random.default_rng(seed)
    reward, lengths = rng.normal(size=5), rng.integers(1, 9, 5).astype(float)
    plain = preferences.bradley_terry(reward)
    preferences.check(plain)
    noisy = preferences.with_flips(plain, flip)
    preferences.check(noisy)
    biased = preferences.with_length_bias(plain, lengths, bias)
    preferences.check(biased)
    for i, j in itertools.product(range(5), range(5)):
        assert plain[i, j] == pytest.approx(1 / (1 + math.exp(reward[j] - reward[i])), abs=1e-10)
        assert noisy[i, j] == pytest.approx((1 - flip) * plain[i, j] + flip * plain[j, i], abs=1e-10)
        logit = reward[i] - reward[j] + bias * (lengths[i] - lengths[j])
        assert biased[i, j] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-10)


def test_a_crowd_of_transitive_groups_may_be_cyclic():
    orders = [(2, 1, 0), (1, 0, 2), (0, 2, 1)]
    groups = [preferences.bradley_terry(20.0 * np.array(order, float)) for order in orders]
    crowd = preferences.mixture(groups, [1 / 3] * 3)
    preferences.check(crowd)
    assert all(preferences.cyclic_triples(group) == 0.0 for group in groups)
    assert preferences.cyclic_triples(crowd) == 1.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: exact_world(0, 3), "at least 1 and 2"),
        (lambda: exact.optimum(exact_world(), 0.0), "beta=0.0"),
        (lambda: best_of_n(np.ones((1, 1)), np.ones((1, 1)), 0), "n=0"),
        (lambda: preferences.check(np.array([[0.5, 0.7], [0.4, 0.5]])), "average both orders"),
        (lambda: preferences.check(np.array([[0.5, 1.7], [-0.7, 0.5]])), "outside"),
        (lambda: preferences.check(np.ones((2, 3))), "square"),
        (lambda: preferences.cycle(4), "odd"),
        (lambda: preferences.mixture([np.full((2, 2), 0.5)], [0.5]), "sum to 1"),
        (lambda: preferences.with_flips(np.full((2, 2), 0.5), 1.5), "flip"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make, says):
    with pytest.raises(BadInput, match=says) as raised:
        make()
    assert len(str(raised.value)) <= 200
