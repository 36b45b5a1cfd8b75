from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.standings import Battles, battles, bradley_terry
from winsome.standings.ratings import ARENA
from winsome.standings.strengths import fit


def arena(rng: np.random.Generator, rows: int = 600, size: int = 6) -> Battles:
    """Battles of a full-ranked arena with ties; strengths from -1 to 1."""
    strength = np.linspace(-1, 1, size)
    a = rng.integers(0, size, rows)
    b = (a + rng.integers(1, size, rows)) % size
    chance = 1 / (1 + np.exp(strength[b] - strength[a]))
    share = np.where(rng.random(rows) < 0.15, 0.5, (rng.random(rows) < chance).astype(float))
    return battles(
        [f"m{i}" for i in a], [f"m{i}" for i in b], share, prompt=[str(i // 3) for i in range(rows)]
    )


def wins_of(found: Battles) -> np.ndarray[Any, np.dtype[np.float64]]:
    wins = np.zeros((len(found.names),) * 2)
    np.add.at(wins, (found.a, found.b), found.share)
    np.add.at(wins, (found.b, found.a), 1 - found.share)
    return wins


def test_strengths_equal_choix_and_evalica() -> None:
    choix, evalica = pytest.importorskip("choix"), pytest.importorskip("evalica")
    found = arena(np.random.default_rng(0))
    strength, _ = fit(wins_of(found))
    theirs = choix.ilsr_pairwise_dense(wins_of(found), tol=1e-12)
    np.testing.assert_allclose(strength, theirs - theirs.mean(), atol=1e-6)
    winners = [
        evalica.Winner.X if s == 1 else evalica.Winner.Y if s == 0 else evalica.Winner.Draw
        for s in found.share
    ]
    names = [[found.names[code] for code in codes] for codes in (found.a, found.b)]
    scores = evalica.bradley_terry(*names, winners, tolerance=1e-13, limit=100_000).scores
    logs = np.log(np.array([scores[name] for name in found.names]))
    np.testing.assert_allclose(strength, logs - logs.mean(), atol=1e-6)


def test_a_start_far_off_leads_to_the_maximum_that_a_general_optimiser_finds() -> None:
    """Nearly no information is left where all chances are 0 or 1: a whole step of Newton from there leads to where it is singular."""
    from scipy.optimize import minimize

    wins = np.array([[0.0, 30.0, 4.0], [10.0, 0.0, 2.0], [0.0, 1.0, 0.0]])

    def loss(s: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        return float((wins * np.log1p(np.exp(s[None] - s[:, None]))).sum() + 0.5 * np.logaddexp([s, -s], 0).sum())  # fmt: skip

    found, _ = fit(wins, 1.0, np.array([30.0, -30.0, 0.0]))
    np.testing.assert_allclose(found, minimize(loss, np.zeros(3), tol=1e-12).x, atol=1e-5)


def test_sandwich_equals_the_row_by_row_estimator_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    found = arena(np.random.default_rng(1))
    assert found.cluster is not None
    size = len(found.names)
    design = np.zeros((len(found), size))
    design[np.arange(len(found)), found.a] += 1
    design[np.arange(len(found)), found.b] -= 1
    model = api.GLM(found.share, design[:, 1:], family=api.families.Binomial())
    shift = np.eye(size) - 1 / size
    spread = {
        "none": {"cov_type": "HC0"},
        "prompt": {
            "cov_type": "cluster",
            "cov_kwds": {"groups": found.cluster.values, "use_correction": False},
        },
    }
    for cluster, kind in spread.items():
        result = model.fit(tol=1e-13, **kind)
        strength = shift @ np.concatenate([[0.0], result.params])
        covariance = np.zeros((size, size))
        covariance[1:, 1:] = result.cov_params()
        errors = np.sqrt(np.diag(shift @ covariance @ shift.T))
        standings = bradley_terry(found, cluster=cluster)  # type: ignore[arg-type]
        for code, name in enumerate(found.names):
            row = standings.row(name)
            assert row.estimate == pytest.approx(1000 + ARENA * strength[code], abs=1e-5)
            assert row.standard_error == pytest.approx(ARENA * errors[code], rel=1e-6)


def test_an_anchor_fixes_the_scale_and_has_no_error() -> None:
    found = arena(np.random.default_rng(2))
    free, fixed = bradley_terry(found), bradley_terry(found, anchor={"m2": 1200.0})
    row = fixed.row("m2")
    assert (row.estimate, row.standard_error) == (pytest.approx(1200.0), pytest.approx(0.0, abs=1e-6))
    gaps = [free.row(n).estimate - free.row("m2").estimate for n in found.names]  # type: ignore[operator]
    assert [fixed.row(n).estimate - 1200 for n in found.names] == pytest.approx(gaps)  # type: ignore[operator]
    assert np.mean([r.estimate for r in free.rows if r.estimate]) == pytest.approx(1000.0)


def test_two_contenders_have_the_log_odds_in_closed_form() -> None:
    rows = bradley_terry(battles(["x"] * 100, ["y"] * 100, [1.0] * 75 + [0.0] * 25)).rows
    assert rows[0].estimate - rows[1].estimate == pytest.approx(400 * np.log10(3))  # type: ignore[operator]
    assert rows[0].standard_error == pytest.approx(ARENA / 2 / np.sqrt(100 * 0.75 * 0.25))


@pytest.mark.parametrize(
    ("pairs", "shares", "words"),
    [
        (["xy"] * 5, [1.0] * 5, "x never lost to the others (separation)"),
        (["xy", "yx", "yz"], [1.0, 1.0, 1.0], "z never won against the others (separation)"),
        (["xy", "yx", "zw", "wz"], [1.0, 1.0, 1.0, 1.0], "2 groups never met (w, z | x, y)"),
    ],
)
def test_fits_without_a_maximum_are_named_and_keep_their_width(
    pairs: list[str], shares: list[float], words: str
) -> None:
    found = battles([p[0] for p in pairs], [p[1] for p in pairs], shares)
    standings = bradley_terry(found)
    assert any(words in warning for warning in standings.warnings), standings.warnings
    for row in standings.rows:
        assert row.estimate is not None
        assert row.standard_error is not None
        assert np.isfinite(row.estimate)
        assert row.standard_error > 10
    with pytest.raises(BadInput, match="penalty 0: "):
        bradley_terry(found, penalty=0.0)


def test_all_ties_are_equal_with_width() -> None:
    standings = bradley_terry(battles(["x"] * 10, ["y"] * 10, [0.5] * 10))
    assert [row.estimate for row in standings.rows] == pytest.approx([1000.0, 1000.0])
    assert all(row.standard_error and row.standard_error > 0 for row in standings.rows)


def test_k_copies_divide_the_variance_or_leave_it() -> None:
    found = arena(np.random.default_rng(3), 200)
    frame = found.to_frame()
    once = {r.contender: (r.estimate, r.standard_error) for r in bradley_terry(found).rows}
    apart = pl.concat([frame.with_columns(prompt_id=pl.col("prompt_id") + f"/{copy}") for copy in range(3)])
    for row in bradley_terry(Battles.from_frame(apart)).rows:
        assert row.estimate == pytest.approx(once[row.contender][0], abs=1e-6)
        assert row.standard_error**2 * 3 == pytest.approx(once[row.contender][1] ** 2, rel=1e-9)  # type: ignore[operator]
    for row in bradley_terry(Battles.from_frame(pl.concat([frame] * 3))).rows:
        assert row.standard_error == pytest.approx(once[row.contender][1], rel=1e-9)


def test_sandwich_covers_where_the_truth_is_not_bradley_terry() -> None:
    # Cycles: x beats y, y beats z, z beats x; the target is the fit to the expected counts.
    chance = np.array([[0.5, 0.8, 0.35], [0.2, 0.5, 0.75], [0.65, 0.25, 0.5]])
    met = np.array([[0, 40, 60], [0, 0, 50], [0, 0, 0]])
    target, _ = fit(met * chance + (met * (1 - chance)).T)
    rng, covered, total = np.random.default_rng(4), 0, 0
    for _ in range(300):
        wins = rng.binomial(met, chance)
        pairs = [
            (i, j, s)
            for i in range(3)
            for j in range(3)
            for s in [1.0] * wins[i, j] + [0.0] * (met - wins)[i, j]
        ]
        found = battles([f"{i}" for i, *_ in pairs], [f"{j}" for _, j, _ in pairs], [s for *_, s in pairs])
        for code, truth in enumerate(1000 + ARENA * target):
            row = bradley_terry(found).row(str(code))
            assert row.low is not None
            assert row.high is not None
            covered += row.low <= truth <= row.high
            total += 1
    assert 0.92 <= covered / total <= 0.98


def test_mistakes_are_told_in_one_line() -> None:
    found = battles(["x", "y"], ["y", "x"], [1.0, 1.0])
    for anchor in ({"w": 1000.0}, {"x": 1.0, "y": 2.0}):
        with pytest.raises(BadInput):
            bradley_terry(found, anchor=anchor)
    with pytest.raises(BadInput, match="penalty -1"):
        bradley_terry(found, penalty=-1)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["xy", "yx", "xz", "zx", "yz", "zy"]),
        st.integers(0, 10).map(lambda tenths: tenths / 10),
        st.floats(0.1, 5),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms())
def test_sides_names_and_row_order_never_matter(rows: list[tuple[str, float, float]], random: Any) -> None:
    def figures(rows: list[tuple[str, float, float]], names: str = "xyz") -> list[float]:
        new = dict(zip("xyz", names, strict=True))
        found = battles(
            [new[p[0]] for p, *_ in rows], [new[p[1]] for p, *_ in rows], [s for _, s, _ in rows],
            weight=[w for *_, w in rows],
        )  # fmt: skip
        standings = bradley_terry(found)
        present = [new[name] for name in "xyz" if any(name in p for p, *_ in rows)]
        return [float(x) for n in present for r in [standings.row(n)] for x in (r.estimate or 0, r.low or 0)]

    expected = pytest.approx(figures(rows), abs=1e-3, rel=1e-6)
    assert figures([(p[::-1], 1 - s, w) for p, s, w in rows]) == expected
    assert figures(rows, "zax") == expected
    assert figures(random.sample(rows, len(rows))) == expected


@pytest.mark.parametrize("interval", ["bootstrap", "bayes"])
def test_redraws_agree_with_the_sandwich_and_repeat_by_seed(interval: Literal["bootstrap", "bayes"]) -> None:
    found = arena(np.random.default_rng(7), 900)
    exact, drawn = bradley_terry(found), bradley_terry(found, interval=interval, replicates=500)
    for row in drawn.rows:
        other = exact.row(row.contender)
        assert row.estimate == other.estimate
        assert row.low == pytest.approx(other.low, abs=0.4 * (other.standard_error or 0))
        assert row.high == pytest.approx(other.high, abs=0.4 * (other.standard_error or 0))
    once, again = (bradley_terry(found, interval=interval, replicates=20, seed=1) for _ in range(2))
    assert once == again


def test_bootstrap_of_independent_rows_draws_cells() -> None:
    found = arena(np.random.default_rng(8), 2000)
    exact = bradley_terry(found, cluster="none")
    drawn = bradley_terry(found, cluster="none", interval="bootstrap", replicates=400, anchor={"m0": 1000.0})
    anchored = bradley_terry(found, cluster="none", anchor={"m0": 1000.0})
    assert (drawn.row("m0").low, drawn.row("m0").high) == (1000.0, 1000.0)
    for row in drawn.rows:
        if row.contender != "m0":
            error = anchored.row(row.contender).standard_error or 0
            assert row.low == pytest.approx(anchored.row(row.contender).low, abs=0.3 * error)
    assert exact.row("m0").standard_error


@pytest.mark.slow
def test_ratings_and_sandwich_equal_arena_rank() -> None:
    pytest.importorskip("arena_rank")
    import pandas as pd
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    found = arena(np.random.default_rng(9), 5000)
    word = {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}
    frame = pd.DataFrame(
        {
            "model_a": [found.names[code] for code in found.a],
            "model_b": [found.names[code] for code in found.b],
            "winner": [word[share] for share in found.share.tolist()],
        }
    )
    pairs = PairDataset.from_pandas(frame)
    theirs = BradleyTerry(
        len(pairs.competitors), hessian_reg=1e-7, ftol=1e-15, gtol=1e-9
    ).compute_ratings_and_cis(pairs)
    standings = bradley_terry(found, cluster="none")
    for place, name in enumerate(theirs["competitors"]):
        row = standings.row(name)
        assert row.estimate == pytest.approx(float(theirs["ratings"][place]), abs=1e-3)
        assert row.low == pytest.approx(float(theirs["rating_lower"][place]), abs=1e-3)
        assert row.high == pytest.approx(float(theirs["rating_upper"][place]), abs=1e-3)
