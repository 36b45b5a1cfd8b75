"""What must hold for every figure: sides mirror, names and the order of rows mean nothing, copies add no knowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.standings import (
    Battles,
    Codes,
    Standings,
    bradley_terry,
    bradley_terry_ties,
    elo,
    glicko2,
    judge_noise,
    length_controlled,
    pairwise,
    sequential_win_rate,
    style_controlled,
    win_rate,
)
from winsome.standings.battles import mirrored_outcome, outcome_of

NAMES = ("v", "x", "y", "z")
FIGURES: dict[str, Callable[[Battles], Standings]] = {
    "win rate": lambda b: win_rate(b, baseline="z"),
    "mean over opponents": win_rate,
    "lc": lambda b: length_controlled(b, baseline="z"),
    "lc, l1": lambda b: length_controlled(b, baseline="z", penalty="l1"),
    "bt": bradley_terry,
    "bt, rows": lambda b: bradley_terry(b, cluster="none"),
    "bt-davidson": lambda b: bradley_terry_ties(b, model="davidson"),
    "bt-rao-kupper": lambda b: bradley_terry_ties(b, model="rao-kupper"),
    "bt-style": lambda b: style_controlled(b, covariates=("length",)),
    "elo": lambda b: elo(b, replicates=5),
    "glicko2": lambda b: glicko2(b, period=7),
}
IN_ORDER = ("elo", "glicko2")


@st.composite
def tables(draw: st.DrawFn) -> Battles:
    """Battles of four contenders, every pair at least once each way, with ties, grades, prompts and lengths."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    met = np.array([(a, b) for a in range(4) for b in range(4) if a != b] * draw(st.integers(1, 3)))
    rng.shuffle(met)
    rows = len(met)
    kind = draw(st.sampled_from(("wins", "ties", "grades")))
    levels = {"wins": [0.0, 1.0], "ties": [0.0, 0.5, 1.0], "grades": [0.0, 0.125, 0.25, 0.5, 0.75, 1.0]}[kind]
    share = rng.choice(levels, rows)
    prompts = draw(st.integers(2, 12))
    return Battles(
        names=NAMES,
        a=met[:, 0].astype(np.int32),
        b=met[:, 1].astype(np.int32),
        share=share,
        outcome=outcome_of(share),
        weight=np.ones(rows),
        cluster=Codes(rng.integers(0, prompts, rows).astype(np.int32), [f"p{k}" for k in range(prompts)]),
        covariates={"length": rng.integers(1, 500, (rows, 2)).astype(np.float64)},
    )


def swapped(found: Battles) -> Battles:
    return replace(
        found,
        a=found.b,
        b=found.a,
        share=1.0 - found.share,
        outcome=mirrored_outcome(found.outcome),
        covariates={name: values[:, ::-1] for name, values in found.covariates.items()},
    )


def copies(found: Battles, k: int, *, new_prompts: bool) -> Battles:
    assert found.cluster is not None
    many = found.take(np.tile(np.arange(len(found)), k))
    if not new_prompts:
        return many
    size = len(found.cluster.labels)
    codes = np.concatenate([found.cluster.values + copy * size for copy in range(k)]).astype(np.int32)
    return replace(
        many, cluster=Codes(codes, [f"{label}-{copy}" for copy in range(k) for label in found.cluster.labels])
    )


def same(one: Standings, two: Standings, rename: dict[str, str] | None = None) -> None:
    """The same figures, intervals, counts and ranks, to rounding."""
    for row in one.rows:
        other = two.row((rename or {}).get(row.contender, row.contender))
        for name in ("estimate", "standard_error", "low", "high"):
            assert getattr(other, name) == near(getattr(row, name), rel=1e-5, abs=1e-5), name
        assert (other.n, other.battles, other.counts, other.few_clusters) == (
            row.n, row.battles, row.counts, row.few_clusters,
        )  # fmt: skip
    assert len(one.warnings) == len(two.warnings)


def ranked(figure: str, found: Battles) -> Standings:
    """The figure; battles for which these methods say that no finite fit exists are left out."""
    try:
        return FIGURES[figure](found)
    except BadInput as mistake:
        assume(not any(words in str(mistake) for words in ("no finite", "no verdict is a tie", "graded")))
        raise


def near(value: float | None, **tolerance: float) -> object:
    return None if value is None else pytest.approx(value, nan_ok=True, **tolerance)


quickly = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.mark.parametrize("figure", FIGURES)
@quickly
@given(found=tables())
def test_swapping_the_sides_of_rows_changes_no_figure(figure: str, found: Battles) -> None:
    same(ranked(figure, found), ranked(figure, swapped(found)))


@pytest.mark.parametrize("figure", [f for f in FIGURES if not f.startswith(("lc", "win rate"))])
@quickly
@given(found=tables())
def test_turning_every_verdict_mirrors_every_figure(figure: str, found: Battles) -> None:
    turned = replace(found, share=1.0 - found.share, outcome=mirrored_outcome(found.outcome))
    centre = 50.0 if figure == "mean over opponents" else 1000.0
    one, two = ranked(figure, found), ranked(figure, turned)
    for row in one.rows:
        if row.estimate is not None:
            assert two.row(row.contender).estimate == pytest.approx(
                2 * centre - row.estimate, rel=1e-5, abs=1e-4
            )


@pytest.mark.parametrize("figure", FIGURES)
@quickly
@given(found=tables())
def test_names_never_matter(figure: str, found: Battles) -> None:
    # The new names sort the other way round, so that codes change as well; the baseline keeps its name.
    rename = {"v": "y", "x": "x", "y": "v", "z": "z"}
    place = np.array([2, 1, 0, 3], np.int32)
    renamed = replace(found, a=place[found.a], b=place[found.b])
    same(ranked(figure, found), ranked(figure, renamed), rename)


@pytest.mark.parametrize("figure", [f for f in FIGURES if f not in IN_ORDER])
@quickly
@given(found=tables(), seed=st.integers(0, 1000))
def test_the_order_of_rows_never_matters(figure: str, found: Battles, seed: int) -> None:
    same(
        ranked(figure, found),
        ranked(figure, found.take(np.random.default_rng(seed).permutation(len(found)))),
    )


@pytest.mark.parametrize("figure", IN_ORDER)
def test_methods_of_the_row_order_say_so(figure: str) -> None:
    share = np.ones(1)
    found = Battles(NAMES[:2], np.zeros(1, np.int32), np.ones(1, np.int32), share, outcome_of(share), share)
    assert "file order used" in ranked(figure, found).warnings


@quickly
@given(found=tables(), k=st.integers(2, 5))
def test_copies_under_new_prompts_divide_the_variance_by_k(found: Battles, k: int) -> None:
    many = copies(found, k, new_prompts=True)
    for figure in ("bt", "bt, rows"):
        one, two = ranked(figure, found), ranked(figure, many)
        if any("tied battle" in warning or "no spread" in warning for warning in one.warnings):
            return
        for row in one.rows:
            other = two.row(row.contender)
            assert other.estimate == pytest.approx(row.estimate, rel=1e-9)
            assert (other.standard_error or 0) ** 2 * k == pytest.approx(
                (row.standard_error or 0) ** 2, rel=1e-7, abs=1e-9
            )


@pytest.mark.parametrize("figure", ["win rate", "mean over opponents", "lc", "bt", "bt-style"])
@quickly
@given(found=tables(), k=st.integers(2, 4))
def test_copies_under_the_same_prompts_change_nothing(figure: str, found: Battles, k: int) -> None:
    one, two = ranked(figure, found), ranked(figure, copies(found, k, new_prompts=False))
    if any("tied battle" in warning for warning in one.warnings):
        return
    for row in one.rows:
        other = two.row(row.contender)
        assert other.estimate == near(row.estimate, rel=1e-6)
        assert other.standard_error == near(row.standard_error, rel=1e-6, abs=1e-6)


@quickly
@given(found=tables())
def test_matrix_running_rate_and_judge_noise_mirror(found: Battles) -> None:
    turned = swapped(found)
    one, two = pairwise(found), pairwise(turned)
    np.testing.assert_allclose(one.rate, two.rate)
    np.testing.assert_allclose(one.rate + one.rate.T, np.where(np.isnan(one.rate), np.nan, 100.0))
    first, second = (sequential_win_rate(part, "x", "z") for part in (found, turned))
    np.testing.assert_allclose(first.low, second.low)
    other = sequential_win_rate(found, "z", "x")
    np.testing.assert_allclose(first.low, 100.0 - other.high, atol=1e-9)
    if len(np.unique(found.clusters()[0][(found.a == 1) | (found.b == 1)])) > 1:
        assert judge_noise(found, "x").standard_error == pytest.approx(
            judge_noise(turned, "x").standard_error, rel=1e-6
        )
