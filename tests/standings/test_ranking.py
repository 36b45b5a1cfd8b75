from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from winsome.standings import battles, win_rate
from winsome.standings.columns import Floats
from winsome.standings.intervals import ClusteredMean, clustered_mean, score_interval
from winsome.standings.ranking import (
    decision,
    gram,
    holm,
    needed_n,
    possible_ranks,
    share_difference_p_values,
)


def mean_of(shares: list[float] | Floats) -> ClusteredMean:
    share = np.asarray(shares, np.float64)
    return clustered_mean(share, np.ones(len(share)), np.arange(len(share), dtype=np.int32))


def test_holm_follows_the_worked_example() -> None:
    # Holm's steps at 0.05: 0.01 <= 0.05/4, 0.02 > 0.05/3 stops all that follow.
    assert holm(np.array([0.03, 0.01, 0.02, 0.04])).tolist() == [False, True, False, False]
    assert holm(np.array([0.001, np.nan, 0.02])).tolist() == [True, False, True]


def test_holm_agrees_with_statsmodels() -> None:
    pytest.importorskip("statsmodels")
    multitest = importlib.import_module("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = rng.random(12) ** 3
        expected = multitest.multipletests(p_values, 0.05, method="holm")[0]
        assert holm(p_values).tolist() == expected.tolist()


def test_ranks_are_those_that_decisions_leave_open() -> None:
    estimates = np.array([60.0, 55.0, 40.0, np.nan])
    decided = np.zeros((4, 4), bool)
    decided[0, 2] = decided[2, 0] = True
    assert possible_ranks(estimates, decided) == [(1, 2), (1, 2, 3), (2, 3), ()]


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)))
def test_no_decision_leaves_every_rank_and_all_leave_one(estimates: Floats) -> None:
    size = len(estimates)
    assert possible_ranks(estimates, np.zeros((size, size), bool)) == [tuple(range(1, size + 1))] * size
    distinct = np.argsort(np.argsort(estimates)).astype(float)
    ranks = possible_ranks(distinct, np.ones((size, size), bool))
    assert ranks == [(size - int(place),) for place in distinct]


def test_gram_is_the_product_of_cluster_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    owner, cluster = rng.integers(0, 4, 300).astype(np.int32), rng.integers(0, 37, 300).astype(np.int32)
    values = rng.normal(size=300)
    table = np.zeros((37, 4))
    np.add.at(table, (cluster, owner), values)
    np.testing.assert_allclose(gram(owner, cluster, values, 4), table.T @ table)
    monkeypatch.setattr("winsome.standings.ranking.BLOCK_CELLS", 20)
    np.testing.assert_allclose(gram(owner, cluster, values, 4), table.T @ table)


def test_paired_contenders_are_told_apart_where_unpaired_ones_are_not() -> None:
    rng = np.random.default_rng(2)
    prompts = rng.random(200)
    better = np.clip(prompts + 0.02, 0, 1)
    one, two = mean_of(better), mean_of(prompts)
    assert share_difference_p_values([one, two])[0, 1] < 1e-6
    apart = ClusteredMean(two.mean, two.clusters + 200, two.weights, two.residuals, two.rarer)
    assert share_difference_p_values([one, apart])[0, 1] > 0.1


def test_all_wins_against_all_losses_needs_more_than_one_prompt() -> None:
    assert share_difference_p_values([mean_of([1.0]), mean_of([0.0])])[0, 1] == 1.0
    assert share_difference_p_values([mean_of([1.0] * 30), mean_of([0.0] * 30)])[0, 1] < 1e-5


def test_three_points_at_power_ninety_need_2900_prompts_of_wins_and_losses() -> None:
    shares = np.concatenate([np.ones(53), np.zeros(47)])
    found = mean_of(np.tile(shares, 100))
    assert needed_n(found, 0.53) == pytest.approx(2914, abs=3)
    graded = mean_of(0.5 + (np.tile(shares, 100) - 0.5) * 0.6)
    assert needed_n(graded, 0.53) == pytest.approx(2914 * 0.36 * 0.2491 / 0.2491, rel=0.01)


def test_the_needed_n_has_the_promised_power() -> None:
    rng = np.random.default_rng(3)
    truth = 0.58
    n = int(needed_n(mean_of(rng.binomial(1, truth, 100_000).astype(float)), truth))
    decided = 0
    for _ in range(2000):
        low, high = score_interval(mean_of(rng.binomial(1, truth, n).astype(float)))
        decided += not low <= 0.5 <= high
    assert decided / 2000 == pytest.approx(0.9, abs=0.03)


def test_the_sentence_says_what_would_decide() -> None:
    sentence = decision("x", mean_of([1.0] * 100 + [0.0] * 80))
    assert sentence is not None
    needed = ((1.959964 / 2 + 1.281552 * math.sqrt(100 * 80 / 180**2)) / (100 / 180 - 0.5)) ** 2 * 180 / 179
    assert math.ceil(needed) == 852
    assert sentence.startswith(
        "x: Not decided at n = 180; 852 would, if the true win rate is the present estimate (and "
    )
    assert decision("x", mean_of([1.0] * 130 + [0.0] * 50)) is None
    even = decision("x", mean_of([1.0, 0.0] * 20))
    assert even is not None
    assert "no n would" in even


def test_ranks_of_random_contenders_keep_the_family_error() -> None:
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(200):
        shares = rng.random((5, 40))
        found = battles(
            [f"m{i}" for i in range(5) for _ in range(40)], ["base"] * 200, shares.ravel(),
            prompt=[str(j) for _ in range(5) for j in range(40)],
        )  # fmt: skip
        rows = win_rate(found, baseline="base", baseline_row=False).rows
        wrong += any(row.ranks != (1, 2, 3, 4, 5) for row in rows)
    assert wrong / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
