from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings import battles, confidence_sequence, control_variates, e_values, sequential_win_rate
from winsome.standings.columns import Floats
from winsome.standings.sequential import mixture_factor


def miscovered(rng: np.random.Generator, p: float, n: int, runs: int, graded: bool) -> float:
    """How often the truth leaves the sequence at any time."""
    missed = 0
    for _ in range(runs):
        share: Floats = rng.beta(4 * p, 4 * (1 - p), n) if graded else (rng.random(n) < p).astype(float)
        low, high = confidence_sequence(share)
        missed += bool(((low > p) | (high < p)).any())
    return missed / runs


@pytest.mark.parametrize("p", [0.5, 0.8])
@pytest.mark.parametrize("graded", [False, True])
def test_it_covers_under_continuous_peeking(p: float, graded: bool) -> None:
    assert miscovered(np.random.default_rng(0), p, 200, 100, graded) <= 0.05 + 0.04


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.7])
def test_it_covers_under_continuous_peeking_in_full(p: float) -> None:
    assert miscovered(np.random.default_rng(1), p, 500, 400, False) <= 0.05 + 0.011


def test_a_plain_interval_would_not_cover() -> None:
    rng, missed = np.random.default_rng(2), 0
    for _ in range(200):
        share = (rng.random(500) < 0.5).astype(float)
        n = np.arange(1, 501)
        mean = np.cumsum(share) / n
        half = 1.96 * np.sqrt(np.maximum(mean * (1 - mean), 0.01) / n)
        missed += bool((np.abs(mean - 0.5) > half)[10:].any())
    assert missed / 200 > 0.2


def test_e_values_keep_their_bound_under_the_null_and_grow_under_the_alternative() -> None:
    rng = np.random.default_rng(3)
    peaks = [e_values((rng.random(300) < 0.5).astype(float)).max() for _ in range(400)]
    assert np.mean(np.array(peaks) >= 20) <= 0.05 + 0.03
    final = [e_values((rng.random(300) < 0.65).astype(float))[-1] for _ in range(100)]
    assert np.median(final) > 20


def test_limits_only_tighten_and_mirror() -> None:
    share = np.random.default_rng(4).random(150)
    low, high = confidence_sequence(share)
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()
    mirrored_low, mirrored_high = confidence_sequence(1 - share)
    np.testing.assert_allclose(mirrored_low, 1 - high, atol=1e-9)
    np.testing.assert_allclose(mirrored_high, 1 - low, atol=1e-9)


def test_the_running_win_rate_is_by_prompt_in_schedule_order() -> None:
    found = battles(
        ["x", "x", "y", "x"], ["y", "y", "x", "y"], [1.0, 0.0, 0.5, 1.0], prompt=["q", "p", "q", "p"]
    )
    running = sequential_win_rate(found, "x", "y")
    assert running.estimate.tolist() == pytest.approx([75.0, 62.5])
    assert running.decided_at is None


def test_a_clear_winner_is_decided_early_and_a_copy_never() -> None:
    rng = np.random.default_rng(5)
    clear = battles(["x"] * 300, ["y"] * 300, (rng.random(300) < 0.9).astype(float))
    decided = sequential_win_rate(clear, "x", "y").decided_at
    assert decided is not None
    assert decided < 60
    assert sequential_win_rate(battles(["x"] * 300, ["y"] * 300, [0.5] * 300), "x", "y").decided_at is None
    with pytest.raises(BadInput, match="x never met z"):
        sequential_win_rate(battles(["x", "y"], ["y", "z"], [1.0, 1.0]), "x", "z")


# Estimates with a standard error


def test_the_mixture_factor_is_the_theorem_s_and_least_near_where_it_is_tuned() -> None:
    """a = 0.05, n = best_at = 100: r^2 n = 5.9915 + log 6.9915 = 7.9363; sqrt(2 * 8.9363 / 7.9363 * log(sqrt(8.9363) / 0.05))."""
    assert mixture_factor(100, 100) == pytest.approx(
        np.sqrt(2 * 8.9363 / 7.9363 * np.log(np.sqrt(8.9363) / 0.05)), rel=1e-4
    )
    width = [mixture_factor(n, 100) / np.sqrt(n) for n in (10, 30, 100, 300, 1000)]
    tuned = [mixture_factor(n, n) / np.sqrt(n) for n in (10, 30, 100, 300, 1000)]
    assert all(a >= b - 1e-12 for a, b in zip(width, tuned, strict=True))
    assert 2.7 < mixture_factor(100, 100) < 3.1
    with pytest.raises(BadInput, match="above 0"):
        mixture_factor(0, 100)


def test_labels_that_end_once_decided_err_in_one_of_twenty() -> None:
    """2,000 crowds without a preference, a look after each of 30 to 400 labels; plain intervals at every look err far more often."""
    draw = np.random.default_rng(0)
    y = draw.choice([0.0, 0.5, 1.0], p=[0.4, 0.2, 0.4], size=(2000, 400))
    n = np.arange(1, 401)
    mean = y.cumsum(1) / n
    error = np.sqrt(np.maximum((y**2).cumsum(1) / n - mean**2, 1e-12) / np.maximum(n - 1, 1))
    factor = np.array([mixture_factor(k, 200.0) for k in n])
    late = n >= 30
    wrong = ((np.abs(mean - 0.5) > factor * error)[:, late]).any(1).mean()
    plain = ((np.abs(mean - 0.5) > 1.96 * error)[:, late]).any(1).mean()
    assert wrong <= 0.05
    assert plain > 0.2


def test_control_variates_that_end_once_decided_err_in_one_of_twenty() -> None:
    """100 crowds without a preference beside a biased judge whose scores go with the labels, a look every 30 labels."""
    draw = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        s = draw.normal(0.3, 1.0, 600)
        y = (0.7 * (s - s.mean()) + draw.normal(size=600) > 0).astype(float)
        for n in range(30, 301, 30):
            found = control_variates(y[:n], s[:n], s)
            if abs(found.estimate - 0.5) > mixture_factor(n, 150.0) * found.standard_error:
                wrong += 1
                break
    assert wrong / 100 <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
