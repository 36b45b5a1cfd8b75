"""The page of the best of n, its closed form over subsets, and its bound on the divergence."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.over_optimisation import ARMS, best_of, bound, mean, page

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def test_the_best_of_n_is_the_mean_over_all_subsets() -> None:
    rng = np.random.default_rng(0)
    scores, worth = rng.normal(size=9), rng.normal(size=9)
    for n in range(1, 10):
        listed = [worth[max(held, key=lambda i: scores[i])] for held in itertools.combinations(range(9), n)]
        assert best_of(scores, worth, n) == pytest.approx(float(np.mean(listed)), abs=1e-12)


def test_equal_scores_share_their_places() -> None:
    """Of (1, 1, 0) the best of two is one of the first two, whose worth is 3 on average, in every subset."""
    assert best_of([1.0, 1.0, 0.0], [2.0, 4.0, 9.0], 2) == pytest.approx(3.0)
    assert best_of([0.0] * 4, [1.0, 2.0, 3.0, 6.0], 3) == pytest.approx(3.0)


def test_independent_uniform_rewards_gain_n_over_n_plus_one() -> None:
    """E[max of n] = n / (n + 1) of uniform numbers, and log n - (n - 1) / n of the draw's own density ratio n F^(n-1)."""
    values = (np.arange(4000) + 0.5) / 4000
    for n in (1, 4, 16, 64):
        assert best_of(values, values, n) == pytest.approx(n / (n + 1), abs=1e-3)
        assert best_of(values, np.log(n) + (n - 1) * np.log(values), n) == pytest.approx(bound(n), abs=2e-2)
    assert bound(1) == 0.0
    assert bound(1024) == pytest.approx(math.log(1024) - 1023 / 1024)


def test_the_interval_is_student_s() -> None:
    """1, 2, 3: mean 2, standard error 1 / sqrt 3, t(2) = 4.3027."""
    found = mean([1.0, 2.0, 3.0])
    assert found == pytest.approx(
        [2.0, 2.0 - 4.30265 / math.sqrt(3), 2.0 + 4.30265 / math.sqrt(3), 3], abs=1e-4
    )


@pytest.mark.skipif(not (RESULTS / "over-optimisation.json").is_file(), reason="it has not been measured yet")
def test_the_page_is_written_from_its_figures() -> None:
    rows = json.loads((RESULTS / "over-optimisation.json").read_text("utf-8"))
    assert (RESULTS / "over-optimisation.md").read_text("utf-8") == page(rows)
    assert {(row["labels"], row["pairs"]) for row in rows} <= set(ARMS)
