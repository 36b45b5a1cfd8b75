"""Ranking accuracy: the flip threshold, the optimum in a tabular world, monotony in beta."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.standings.ranking_accuracy import (
    difficulty,
    dpo_loss,
    four_groups,
    idealised,
    posterior_log_odds,
    ranked_right,
)

logprob = st.floats(-60.0, 0.0, allow_nan=False)


@settings(max_examples=10_000, deadline=None)
@given(logprob, logprob, logprob, logprob, st.floats(0.01, 5.0))
def test_a_pair_is_right_exactly_where_its_loss_is_at_most_its_difficulty(
    w: float, lose: float, ref_w: float, ref_l: float, beta: float
) -> None:
    gap, reference = w - lose, ref_w - ref_l
    if gap != 0 and abs(beta * gap) <= 1e-9 * (1 + beta * abs(reference)):
        return  # the difference of the two margins is below rounding
    loss, bound = dpo_loss(np.array([gap]), np.array([reference]), beta)[0], difficulty(np.array([reference]), beta)[0]  # fmt: skip
    assert (gap >= 0) == (loss <= bound * (1 + 1e-13))


@pytest.mark.parametrize("product", [-700.0, 700.0])
def test_difficulty_neither_overflows_nor_vanishes(product: float) -> None:
    """-log sigmoid(x) is log(1 + e^-x): 700 + e^-700 at -700, and e^-700 at 700."""
    expected = 700.0 if product < 0 else math.exp(-700.0)
    assert difficulty(np.array([-product]), 1.0)[0] == pytest.approx(expected, rel=1e-9)
    assert math.isfinite(dpo_loss(np.array([-product]), np.array([0.0]), 1.0)[0])


@pytest.mark.parametrize("beta", [0.01, 0.1, 0.5, 1.0, 5.0])
def test_idealised_is_the_accuracy_of_the_closed_form_optimum(beta: float) -> None:
    """pi* proportional to pi_ref exp(reward / beta) over a table of answers, alpha by Bradley-Terry in the reward."""
    draw = np.random.default_rng(7)
    reference = draw.dirichlet(np.ones(30))
    reward = draw.normal(size=30)
    logits = np.log(reference) + reward / beta
    optimum = logits - logits.max()
    pairs = np.array([(i, j) for i in range(30) for j in range(30) if i != j])
    w, lost = pairs.T
    observed = ranked_right(optimum[w], optimum[lost])
    stated = idealised(np.log(reference[w] / reference[lost]), reward[w] - reward[lost], beta)
    assert (observed == stated).all()


def test_idealised_rises_with_1_over_beta_and_ends_at_the_reference() -> None:
    draw = np.random.default_rng(1)
    gap, odds = draw.normal(0, 20, 500), np.abs(draw.normal(0, 1, 500))
    rates = [idealised(gap, odds, beta).mean() for beta in (1e9, 10, 1, 0.1, 0.01)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(ranked_right(gap, np.zeros(500)).mean(), abs=1 / 500)
    assert idealised(gap, np.full(500, np.inf), 1.0).mean() == 1.0


def test_pairs_flip_in_the_order_of_their_difficulty_and_end_at_the_optimum() -> None:
    """Gradient descent on tabular DPO with labels of one alpha, one logit a pair: Spearman above 0.95, and the optimum at the end."""
    from scipy.stats import spearmanr

    draw = np.random.default_rng(2)
    beta, alpha = 0.1, 0.9
    reference = -np.abs(draw.normal(0, 8, 60))
    gap = reference.copy()
    flipped = np.full(60, np.inf)
    for step in range(60_000):
        z = beta * (gap - reference)
        chance = 1 / (1 + np.exp(-z))
        gap += 1.0 * beta * (alpha - chance)
        flipped[(gap > 0) & np.isinf(flipped)] = step
    target = reference + math.log(alpha / (1 - alpha)) / beta
    assert np.abs(1 / (1 + np.exp(-gap)) - 1 / (1 + np.exp(-target))).max() < 1e-3
    assert (ranked_right(gap, np.zeros(60)) == idealised(reference, np.full(60, math.log(9)), beta)).all()
    done = np.isfinite(flipped)
    assert spearmanr(flipped[done], -difficulty(reference[done], beta)).statistic > 0.95


def test_few_votes_do_not_make_the_optimum_certain() -> None:
    """Of pairs that are coin flips, 4 votes of one kind leave alpha below a half with the chance that Beta(4.5, 0.5) gives."""
    from scipy.stats import beta

    odds = posterior_log_odds(np.full(2000, 4.0), np.full(2000, 4.0), seed=3)
    assert (odds < 0).mean() == pytest.approx(beta.cdf(0.5, 4.5, 0.5), abs=2e-3)


def test_four_groups_add_up() -> None:
    groups = four_groups(np.array([1, 0, 1, 0.5]), np.array([1, 1, 0, 0]))
    assert list(groups.values()) == [1, 1, 1, 1]
