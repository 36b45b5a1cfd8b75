"""The worst window of an answer, by hand and by a second reading of the model."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.audit.perplexity import worst, worst_windows


def test_the_worst_window_is_the_largest_running_mean() -> None:
    surprise = np.random.default_rng(3).exponential(size=40)
    by_hand = max(float(np.mean(surprise[k : k + 10])) for k in range(31))
    assert worst(-surprise) == pytest.approx(by_hand)
    assert worst([-1.0, -3.0]) == 2.0
    assert worst([]) == 0.0


@pytest.mark.slow
def test_noise_is_worse_than_prose() -> None:
    prose = "The cat sat on the mat and looked out of the window at the rain."
    noise = "} zq Ÿ 8x }{ lorem;; mat 77 the # } } of"
    low, high, nothing = worst_windows([prose, noise, ""])
    assert nothing == 0.0
    assert low < high
