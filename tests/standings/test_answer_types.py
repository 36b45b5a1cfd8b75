"""Planted effects of answer types come back with intervals that cover; errors over pairs, least squares, a classifier's errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from winsome.errors import BadInput
from winsome.standings.answer_types import least_squares, logit, logit_of_said, strengths

GAMMA = np.array([-1.6, -0.7])
DELTA = 0.4


def drawn(
    seed: int, pairs: int, votes: int = 1, spread: float = 0.0, shorter: float = 0.8
) -> tuple[np.ndarray, ...]:
    """(types [rows, 2 sides], differences, share, cluster, models) of battles with planted effects; `spread` is a pair's own luck."""
    draw = np.random.default_rng(seed)
    theta = np.array([0.0, 0.3, -0.4, 0.8, -0.2])
    models = np.stack([draw.permutation(5)[:2] for _ in range(pairs)]).T.astype(np.int32)
    types = draw.choice(3, (pairs, 2), p=[0.8, 0.12, 0.08])
    length = draw.normal(size=pairs) - shorter * (types[:, 0] > 0) + shorter * (types[:, 1] > 0)
    differences = np.stack(
        [(types[:, 0] == k).astype(float) - (types[:, 1] == k) for k in (1, 2)] + [length], 1
    )
    luck = spread * draw.normal(size=pairs)
    odds = theta[models[0]] - theta[models[1]] + differences @ [*GAMMA, DELTA] + luck
    chance = 1.0 / (1.0 + np.exp(-odds))
    share = (draw.random((votes, pairs)) < chance).astype(float)
    rows = np.tile(np.arange(pairs), votes)
    return types[rows], differences[rows], share.ravel(), rows.astype(np.int32), models[:, rows]


NAMES = ("ethical", "technical", "length")


def test_planted_effects_come_back() -> None:
    _, differences, share, cluster, models = drawn(1, 50_000)
    found = logit(differences, NAMES, share, cluster, (models[0], models[1]))
    errors = np.sqrt(np.diag(found.covariance))
    assert (np.abs(found.values - [*GAMMA, DELTA]) < 2.0 * errors).all()
    assert (errors < 0.06).all()


def test_intervals_cover_with_clusters_and_not_without() -> None:
    """200 draws of 600 pairs with 6 votes each that share a pair's luck; a standard error of a share of 200 at 95% is 1.5 points."""
    truth, hits = marginal(1.5), np.zeros(2)
    for seed in range(200):
        _, differences, share, cluster, models = drawn(seed, 600, votes=6, spread=1.5)
        for k, by in enumerate((cluster, np.arange(len(share), dtype=np.int32))):
            _, low, high = logit(differences, NAMES, share, by, (models[0], models[1])).interval("ethical")
            hits[k] += low <= truth <= high
    assert 0.93 <= hits[0] / 200 <= 0.97
    assert hits[1] / 200 < 0.85


def marginal(spread: float) -> float:
    """The coefficient that a logit without the pair's luck tends to, from one draw of 600,000 (standard error 0.007)."""
    _, differences, share, cluster, models = drawn(999, 600_000, spread=spread)
    return float(logit(differences, NAMES, share, cluster, (models[0], models[1])).values[0])


def test_swapping_seats_changes_nothing() -> None:
    _, differences, share, cluster, models = drawn(2, 2000)
    draw = np.random.default_rng(0)
    swap = draw.random(len(share)) < 0.5
    turned = np.where(swap[:, None], -differences, differences)
    other = np.where(swap, models[::-1], models)
    one = logit(differences, NAMES, share, cluster, (models[0], models[1]))
    two = logit(turned, NAMES, np.where(swap, 1.0 - share, share), cluster, (other[0], other[1]))
    assert np.abs(one.values - two.values).max() < 1e-9
    assert np.abs(one.covariance - two.covariance).max() < 1e-9


def test_least_squares_is_the_textbook_fit() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=400)
    y = 0.5 + 0.2 * x + draw.normal(size=400)
    found = least_squares(np.stack([np.ones(400), x], 1), ("one", "x"), y, np.arange(400, dtype=np.int32))
    theirs = stats.linregress(x, y)
    assert found.values == pytest.approx([theirs.intercept, theirs.slope], abs=1e-12)
    # The sandwich with every row its own cluster is White's, equal to the textbook's error to first order.
    assert np.sqrt(found.covariance[1, 1]) == pytest.approx(theirs.stderr, rel=0.1)


def test_least_squares_with_clusters_is_statsmodels() -> None:
    import statsmodels.api as sm

    draw = np.random.default_rng(4)
    cluster = np.repeat(np.arange(60), 5).astype(np.int32)
    design = np.stack([np.ones(300), draw.random(300) < 0.2, draw.normal(size=300)], 1)
    y = design @ [0.4, -0.25, 0.1] + np.repeat(draw.normal(size=60), 5) + draw.normal(size=300)
    found = least_squares(design, ("one", "ethical", "length"), y, cluster)
    theirs = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    assert found.values == pytest.approx(theirs.params, abs=1e-12)
    # Theirs has the factor (n - 1) / (n - k) besides G / (G - 1).
    assert found.covariance == pytest.approx(theirs.cov_params() * (300 - 3) / (300 - 1), rel=1e-9)


def said_of(types: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a classifier of recall 0.85 and precision 0.9 says of types, and its [said, true] shares: it errs towards normal and from it."""
    draw = np.random.default_rng(seed)
    said = np.where((types > 0) & (draw.random(types.shape) > 0.85), 0, types)
    for kind in (1, 2):
        wrong = (types == kind).sum() * 0.85 * (1.0 / 0.9 - 1.0) / (types == 0).sum()
        said = np.where((types == 0) & (said == 0) & (draw.random(types.shape) < wrong), kind, said)
    counts = np.zeros((3, 3))
    np.add.at(counts, (said.ravel(), types.ravel()), 1.0)
    return said.astype(np.int32), counts / counts.sum(1, keepdims=True)


def test_a_classifiers_errors_shrink_effects_and_are_taken_off() -> None:
    """8 draws of 20,000 pairs; intervals of 95% cover 6 times or more with a chance of 99%."""
    shrunk, hits = 0, np.zeros(2)
    for seed in range(8):
        types, differences, share, cluster, models = drawn(seed, 20_000, shorter=0.0)
        said, true = said_of(types, seed)
        guessed = np.stack(
            [(said[:, 0] == k) * 1.0 - (said[:, 1] == k) for k in (1, 2)] + [differences[:, 2]], 1
        )
        shrunk += logit(guessed, NAMES, share, cluster, (models[0], models[1])).interval("ethical")[1] > -1.6
        found = logit_of_said(
            said, true, (1, 2), differences[:, 2:], NAMES, share, cluster, (models[0], models[1])
        )
        for k, name in enumerate(NAMES[:2]):
            _, low, high = found.interval(name)
            hits[k] += low <= GAMMA[k] <= high
    assert shrunk == 8
    assert (hits >= 6).all()


def test_a_classifier_without_errors_leaves_the_plain_logit() -> None:
    types, differences, share, cluster, models = drawn(5, 3000)
    plain = logit(differences, NAMES, share, cluster, (models[0], models[1]))
    found = logit_of_said(types.astype(np.int32), np.eye(3), (1, 2), differences[:, 2:], NAMES, share, cluster, (models[0], models[1]))  # fmt: skip
    assert found.values == pytest.approx(plain.values, abs=1e-8)
    assert found.covariance == pytest.approx(plain.covariance, rel=1e-6)


def test_a_type_that_never_wins_is_bounded_and_said_to_be() -> None:
    differences = np.array([[1.0], [-1.0]] * 40)
    share = np.array([0.0, 1.0] * 40)
    found = logit(differences, ("ethical",), share, np.arange(80, dtype=np.int32))
    assert found.penalised
    # 80 battles lost and half a one won: log(0.5 / 80.5)
    assert found.values[0] == pytest.approx(np.log(0.5 / 80.5))
    with pytest.raises(BadInput, match="technical: never differs"):
        logit(np.concatenate([differences, 0 * differences], 1), ("ethical", "technical"), share, np.arange(80, dtype=np.int32))  # fmt: skip


def test_strengths_without_a_type_come_back_and_their_change_is_paired() -> None:
    """Model 0 declines in half of its answers, the others never: what is planted is its strength when it does not decline."""
    theta, gamma, hits, rows = np.array([0.9, 0.1, -0.6, -0.4]), -1.6, np.zeros(4), 1500
    changes: list[tuple[float, float]] = []
    for seed in range(100):
        draw = np.random.default_rng(seed)
        pair = np.stack([draw.permutation(4)[:2] for _ in range(rows)]).T.astype(np.int32)
        declines = (pair == 0) & (draw.random((2, rows)) < 0.5)
        difference = (declines[0] * 1.0 - declines[1])[:, None]
        odds = theta[pair[0]] - theta[pair[1]] + gamma * difference[:, 0]
        share = (draw.random(rows) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
        found = strengths(
            difference, tuple("abcd"), share, np.arange(rows, dtype=np.int32), (pair[0], pair[1])
        )
        assert found is not None
        for k in range(4):
            _, low, high = found.of(np.eye(8)[4 + k])
            hits[k] += low <= theta[k] <= high
        change, low, high = found.of(np.eye(8)[4] - np.eye(8)[0])
        changes.append((change, (high - low) / 3.92))
    # 100 draws: a share of 95% has a standard error of 2.2 points
    assert (hits >= 88).all()
    # the error of a change is the spread that changes have over draws
    spread = np.std([change for change, _ in changes], ddof=1)
    assert np.mean([error for _, error in changes]) == pytest.approx(spread, rel=0.25)


def test_strengths_are_those_of_the_plain_fit_with_its_errors() -> None:
    import statsmodels.api as sm

    _, differences, share, cluster, models = drawn(6, 4000, votes=2)
    found = strengths(differences, tuple("abcde"), share, cluster, (models[0], models[1]))
    assert found is not None
    columns = np.zeros((len(share), 5))
    np.add.at(columns, (np.arange(len(share)), models[0]), 1.0)
    np.add.at(columns, (np.arange(len(share)), models[1]), -1.0)
    for half, design in ((0, columns[:, 1:]), (5, np.concatenate([columns[:, 1:], differences], 1))):
        theirs = sm.Logit(share, design).fit(disp=0, cov_type="cluster", cov_kwds={"groups": cluster})
        for k in range(1, 5):
            value, low, high = found.of(np.eye(10)[half + k] - np.eye(10)[half])
            assert value == pytest.approx(theirs.params[k - 1], abs=1e-6)
            error = (high - low) / 2.0 / stats.t.ppf(0.975, found.clusters - 1)
            # theirs has the factor (n - 1) / n besides G / (G - 1)
            assert error == pytest.approx(theirs.bse[k - 1], rel=1e-3)


def test_strengths_that_no_maximum_gives_are_none() -> None:
    models = (np.array([0, 0, 2, 2], np.int32), np.array([1, 1, 3, 3], np.int32))
    nothing = np.array([[1.0], [0.0], [-1.0], [0.0]])
    assert strengths(nothing, tuple("abcd"), np.array([1.0, 0.0, 1.0, 0.0]), np.arange(4, dtype=np.int32), models) is None  # fmt: skip
