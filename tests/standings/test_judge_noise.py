from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings import Battles, combine, judge_noise, win_rate
from winsome.standings.battles import outcome_of
from winsome.standings.columns import Codes

PROMPT, ORDER, REPEAT = 0.01, 0.004, 0.003


def asks(
    rng: np.random.Generator, prompts: int = 120, *, orders: int = 2, most: int = 4, seat: float = 0.06
) -> Battles:
    """Uniform effects of known variances around 0.55; 1 to `most` repeats an order."""

    def uniform(variance: float, size: int) -> np.ndarray:
        half = np.sqrt(3 * variance)
        return rng.uniform(-half, half, size)

    cells = prompts * orders
    repeats = rng.integers(1, most + 1, cells)
    cell = np.repeat(np.arange(cells), repeats)
    prompt, turned = cell // orders, cell % orders == 1
    share = 0.55 + uniform(PROMPT, prompts)[prompt] + uniform(ORDER, cells)[cell] + uniform(REPEAT, len(cell))
    share = share + np.where(turned, -seat / 2, seat / 2)
    first = np.where(turned, 1, 0).astype(np.int32)
    seen = np.where(turned, 1 - share, share)
    repeat = np.arange(len(cell)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return Battles(
        names=("x", "base"),
        a=first,
        b=(1 - first).astype(np.int32),
        share=seen,
        outcome=outcome_of(seen),
        weight=np.ones(len(cell)),
        cluster=Codes(prompt.astype(np.int32), [str(k) for k in range(prompts)]),
        order=turned.astype(np.int32),
        repeat=repeat.astype(np.int32),
    )


def test_known_components_are_found_within_three_standard_errors() -> None:
    rng = np.random.default_rng(0)
    found = [judge_noise(asks(rng), "x", baseline="base") for _ in range(150)]
    for name, truth in (("prompt", PROMPT), ("order", ORDER), ("repeat", REPEAT), ("seat_effect", 6.0)):
        values = np.array([getattr(one, name) for one in found])
        assert abs(values.mean() - truth) < 3 * values.std(ddof=1) / np.sqrt(len(values)), name


def test_the_parts_make_the_standard_error_and_it_is_the_clustered_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        found = asks(rng, 600, seat=0.0)
        noise = judge_noise(found, "x", baseline="base")
        parts = (noise.prompt_error, noise.order_error or 0, noise.repeat_error or 0)
        assert noise.standard_error == pytest.approx(np.sqrt(np.square(parts).sum()))
        clustered = win_rate(combine(found), baseline="base").row("x").standard_error
        assert noise.standard_error == pytest.approx(clustered, rel=0.03)


def test_wins_and_losses_of_a_coin_are_all_repeat() -> None:
    rng = np.random.default_rng(2)
    n, repeats = 400, 8
    share = (rng.random(n * repeats) < 0.5).astype(float)
    zeros = np.zeros(n * repeats, np.int32)
    found = Battles(
        ("x", "base"), zeros, zeros + 1, share, outcome_of(share), np.ones(n * repeats),
        cluster=Codes(np.repeat(np.arange(n, dtype=np.int32), repeats), [str(k) for k in range(n)]),
        repeat=np.tile(np.arange(repeats, dtype=np.int32), n),
    )  # fmt: skip
    noise = judge_noise(found, "x")
    assert noise.repeat == pytest.approx(0.25, abs=0.01)
    assert abs(noise.prompt) < 0.01
    assert (noise.order, noise.order_error, noise.seat_effect) == (None, None, None)


def test_what_the_design_cannot_tell_is_none() -> None:
    rng = np.random.default_rng(3)
    once = judge_noise(asks(rng, most=1), "x")
    assert once.repeat is None
    assert once.order == pytest.approx(ORDER + REPEAT, rel=0.6)
    single = judge_noise(asks(rng, orders=1, most=1), "x")
    assert (single.order, single.repeat) == (None, None)
    assert single.payload()["prompts"] == 120


def test_one_prompt_is_too_few() -> None:
    with pytest.raises(BadInput, match="needs two or more"):
        judge_noise(asks(np.random.default_rng(4), 1), "x")
