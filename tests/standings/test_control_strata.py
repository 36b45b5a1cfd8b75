"""Strata: unbiased where an even draw is assumed in vain, intervals that cover, equal to the plain figure for one stratum."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings.control_strata import stratified
from winsome.standings.control_variates import control_variates

SHARES = (0.5, 0.3, 0.2)
LABELS = (30, 30, 90)
"""The rarest stratum is labelled most."""


def world(size: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and strata, in which the labels' mean is 0.3, 0.5 and 0.8."""
    strata = draw.choice(3, size, p=SHARES).astype(np.int32)
    quality = np.clip(np.array([0.3, 0.5, 0.8])[strata] + draw.normal(0, 0.15, size), 0, 1)
    return (
        (draw.random(size) < quality).astype(float),
        np.clip(quality + draw.normal(0, 0.1, size), 0, 1),
        strata,
    )


def chosen(strata: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return np.concatenate([draw.permutation(np.flatnonzero(strata == h))[:n] for h, n in enumerate(LABELS)])


@pytest.mark.parametrize("target", ["population", "pairs"])
def test_unbiased_and_covering_where_strata_are_labelled_unevenly(target: str) -> None:
    draw = np.random.default_rng(1)
    y, s, strata = world(600, draw)
    truth = {"pairs": y.mean(), "population": world(2_000_000, np.random.default_rng(2))[0].mean()}[target]
    runs, inside = 1_200, 0
    found, plain = np.empty(runs), np.empty(runs)
    for k in range(runs):
        if target == "population":
            y, s, strata = world(600, draw)
        place = chosen(strata, draw)
        one = stratified(y[place], s[place], s, strata[place], strata, target=target)  # type: ignore[arg-type]
        found[k], plain[k] = one.estimate, one.plain
        inside += one.low <= truth <= one.high
    assert abs(found.mean() - truth) < 3 * found.std() / np.sqrt(runs)
    assert plain.mean() - truth > 0.1
    # 95%, and three standard errors of 1,200 draws
    assert 0.931 < inside / runs < 0.974


def test_one_stratum_is_the_plain_figure() -> None:
    draw = np.random.default_rng(3)
    y, s, _ = world(400, draw)
    place, none = draw.permutation(400)[:80], np.zeros(400, np.int32)
    one, plain = stratified(y[place], s[place], s, none[place], none), control_variates(y[place], s[place], s)
    assert (one.estimate, one.human, one.weights) == (plain.estimate, plain.human.estimate, (1.0,))
    assert one.standard_error == pytest.approx(plain.standard_error)
    assert one.payload()["strata"][0]["labels"] == 80


def test_a_stratum_without_labels_is_named() -> None:
    draw = np.random.default_rng(4)
    y, s, strata = world(100, draw)
    place = np.flatnonzero(strata < 2)
    with pytest.raises(BadInput, match="stratum 2: 0 labels"):
        stratified(y[place], s[place], s, strata[place], strata)
    with pytest.raises(BadInput, match="give each row's"):
        stratified(y, s, s, strata[:5], strata)
