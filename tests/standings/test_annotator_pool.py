"""Agreement, bias and variance of a pool, against a table worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings.annotator_pool import UNREAD, pool_statistics


def test_four_pairs_of_three_labels_by_hand() -> None:
    """Three labels of the pool and of people on four pairs.

    pair  pool   people | majority of pool, people | agreement  one person with the others
    1     1 1 0  1 1 1  | 1, 1                     | 2/3        1
    2     0 0 1  1 1 0  | 0, 1                     | 1/3        the two ones face a tie (1/2 each), the zero two ones: 1/3
    3     1 1 1  0 0 1  | 1, 0                     | 0          likewise 1/3
    4     0 0 0  0 0 0  | 0, 0                     | 1          1
    """
    pool = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    people = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0]])
    found = pool_statistics(pool, people)
    assert found.n == 4
    assert found.agreement == pytest.approx((2 / 3 + 1 / 3 + 0 + 1) / 4)
    assert found.among_people == pytest.approx((1 + 1 / 3 + 1 / 3 + 1) / 4)
    assert found.bias == pytest.approx(2 / 4)
    assert found.variance == pytest.approx((1 / 3 + 1 / 3) / 4)


def test_labels_that_are_missing_count_nowhere() -> None:
    pool = np.array([[1, UNREAD, 0], [UNREAD, UNREAD, UNREAD], [1, 1, 1]])
    people = np.array([[1, 1, UNREAD], [1, 1, 1], [0, UNREAD, UNREAD]])
    found = pool_statistics(pool, people)
    # only the first pair has labels of both: the pool's majority is a tie, which is met half by everything
    assert (found.n, found.agreement, found.among_people, found.bias, found.variance) == (
        1,
        0.5,
        1.0,
        0.5,
        0.5,
    )
    with pytest.raises(BadInput, match="no pair has a label of the pool and two of people"):
        pool_statistics(pool[1:2], people[1:2])
    with pytest.raises(BadInput, match="one row for each pair"):
        pool_statistics(pool, people[:2])


def test_a_pool_of_known_accuracy_has_the_figures_of_its_law() -> None:
    """People always right; members right in a of all cases, of whom f are flipped: they agree a (1 - f) + (1 - a) f of the time."""
    rng, n, accuracy, flip = np.random.default_rng(0), 100_000, 0.8, 0.25
    truth = rng.integers(0, 2, n)
    said = np.where(rng.random((n, 1)) < accuracy, truth[:, None], 1 - truth[:, None])
    said = np.where(rng.random((n, 1)) < flip, 1 - said, said)
    expected = accuracy * (1 - flip) + (1 - accuracy) * flip
    found = pool_statistics(said, np.repeat(truth[:, None], 3, axis=1))
    assert abs(found.agreement - expected) < 3 * np.sqrt(expected * (1 - expected) / n)
    assert found.among_people == 1.0
    assert found.bias == pytest.approx(1 - found.agreement)
    assert found.variance == 0.0
