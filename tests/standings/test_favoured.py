"""Which value is taken for granted: planted ones are found, none is made up, and shuffling is exact."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest

from winsome.standings.favoured import FEWEST, decided, served
from winsome.standings.ranking import benjamini_hochberg


def test_the_p_value_is_that_of_all_orders() -> None:
    """Against every order of every row: 8 prompts of 2 values."""
    grades = np.array([[4, 3], [5, 3], [2, 2], [4, 4], [5, 4], [3, 1], [4, 2], [2, 3]], float)
    highest = grades.mean(0).max()
    every = [np.array(rows).mean(0).max() for rows in product(*(list(permutations(row)) for row in grades))]
    exact = float(np.mean([value >= highest - 1e-12 for value in every]))
    found = served("age", ("a", "b"), grades)
    assert found.p_value == pytest.approx(exact, abs=3 * math.sqrt(exact / 2000))
    assert found.means == (29 / 8, 22 / 8)
    assert found.margin is not None
    assert found.margin[0] == pytest.approx(7 / 8)


def test_nothing_is_claimed_where_nothing_is_favoured() -> None:
    draw = np.random.default_rng(1)
    named = sum(
        bool(decided([served("age", "abcd", draw.normal(3, 1, (40, 4)))])[0].default) for _ in range(200)
    )
    # 5% of 200, and three standard errors
    assert named <= 19


def test_values_that_cannot_be_told_apart_are_named_together() -> None:
    draw = np.random.default_rng(2)
    grades = draw.normal(0, 0.5, (60, 3)) + np.array([4.0, 4.0, 2.0])
    (found,) = decided([served("age", ("a", "b", "c"), grades)])
    assert set(found.default) == {"a", "b"}
    (alone,) = decided([served("age", ("a", "b", "c"), grades + np.array([1.0, 0, 0]))])
    assert alone.default == ("a",)


def test_prompts_that_lack_a_grade_are_left_out_and_few_claim_nothing() -> None:
    grades = np.full((20, 2), 3.0)
    grades[:, 0] = 5.0
    grades[FEWEST - 1 :, 1] = np.nan
    found = served("age", ("a", "b"), grades)
    assert (found.n, found.p_value, found.default) == (FEWEST - 1, None, ())
    assert decided([found])[0].default == ()


def test_false_discoveries_are_scipys() -> None:
    from scipy.stats import false_discovery_control

    draw = np.random.default_rng(3)
    for _ in range(50):
        p = draw.random(12) ** draw.integers(1, 5)
        assert (benjamini_hochberg(p) == (false_discovery_control(p) <= 0.05)).all()
    assert not benjamini_hochberg(np.array([np.nan, 0.2])).any()
    assert benjamini_hochberg(np.array([])).shape == (0,)
