from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from winsome.errors import BadInput
from winsome.standings import Battles, battles, bradley_terry, bradley_terry_ties
from winsome.standings.ratings import ARENA
from winsome.standings.ties import TieModel, derivatives, fit_ties

MODELS: list[TieModel] = ["davidson", "rao-kupper"]


def chances(d: float, eta: float, model: TieModel) -> tuple[float, float, float]:
    """The three probabilities as the papers write them."""
    pi, pj = np.exp(d / 2), np.exp(-d / 2)
    if model == "davidson":
        nu = np.exp(eta)
        total = pi + pj + nu * np.sqrt(pi * pj)
        return pi / total, pj / total, nu * np.sqrt(pi * pj) / total
    theta = np.exp(eta)
    win, loss = pi / (pi + theta * pj), pj / (pj + theta * pi)
    return win, loss, 1 - win - loss


def simulated(seed: int, model: TieModel, rows: int = 900) -> Battles:
    rng = np.random.default_rng(seed)
    strength = np.array([0.8, 0.2, -0.3, -0.7])
    a = rng.integers(0, 4, rows)
    b = (a + rng.integers(1, 4, rows)) % 4
    share = [
        rng.choice([1.0, 0.0, 0.5], p=chances(strength[i] - strength[j], 0.5, model))
        for i, j in zip(a, b, strict=True)
    ]
    return battles(
        [f"m{i}" for i in a], [f"m{j}" for j in b], share, prompt=[str(r // 2) for r in range(rows)]
    )


@pytest.mark.parametrize("model", MODELS)
def test_probabilities_and_derivatives(model: TieModel) -> None:
    for d, eta in ((0.3, 0.4), (-2.0, 0.9), (0.0, 0.2)):
        at = derivatives(np.array([d]), eta, model)
        assert np.exp(at.value[:, 0]) == pytest.approx(chances(d, eta, model), rel=1e-9)
        for k in range(3):
            point = np.array([d, eta])

            def value(x: np.ndarray, k: int = k) -> float:
                return float(derivatives(np.array([x[0]]), float(x[1]), model).value[k, 0])

            def slope(x: np.ndarray, k: int = k, which: str = "by_d") -> float:
                return float(getattr(derivatives(np.array([x[0]]), float(x[1]), model), which)[k, 0])

            assert approx_fprime(point, value) == pytest.approx([at.by_d[k, 0], at.by_eta[k, 0]], abs=1e-5)
            assert approx_fprime(point, slope) == pytest.approx([at.by_dd[k, 0], at.by_de[k, 0]], abs=1e-5)
            bend = approx_fprime(point, lambda x, k=k: slope(x, k, "by_eta"))
            assert bend == pytest.approx([at.by_de[k, 0], at.by_ee[k, 0]], abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_the_fit_is_the_maximum_that_a_general_optimiser_finds(model: TieModel) -> None:
    found = simulated(0, model)
    place = {1.0: 0, 0.0: 1, 0.5: 2}

    def loss(x: np.ndarray) -> float:
        s = np.append(x[:3], 0.0)
        return -sum(
            np.log(chances(s[i] - s[j], float(np.exp(x[3])), model)[place[share]])
            for i, j, share in zip(found.a, found.b, found.share, strict=True)
        )

    best = minimize(loss, np.array([0.1, 0.0, 0.0, -0.5]), method="BFGS", options={"gtol": 1e-6}).x
    strength = np.append(best[:3], 0.0)
    standings = bradley_terry_ties(found, model=model)
    for code, name in enumerate(found.names):
        expected = 1000 + ARENA * (strength[code] - strength.mean())
        assert standings.row(name).estimate == pytest.approx(expected, abs=0.01)
    assert standings.rows[0].extra["tie_parameter"] == pytest.approx(np.exp(best[3]), abs=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_is_inside_and_the_sides_do_not_matter(model: TieModel) -> None:
    found = simulated(1, model, 4000)
    standings = bradley_terry_ties(found, model=model)
    for name, truth in zip(found.names, 1000 + ARENA * np.array([0.8, 0.2, -0.3, -0.7]), strict=True):
        row = standings.row(name)
        assert row.estimate is not None
        assert row.standard_error is not None
        assert abs(row.estimate - truth) < 3.5 * row.standard_error
    frame = found.to_frame()
    swapped = Battles.from_frame(
        frame.rename({"model_a": "model_b", "model_b": "model_a"})
        .with_columns(share=1 - frame["share"])
        .drop("outcome")
    )
    for row in bradley_terry_ties(swapped, model=model).rows:
        assert row.estimate == pytest.approx(standings.row(row.contender).estimate, abs=1e-6)
        assert row.standard_error == pytest.approx(standings.row(row.contender).standard_error, rel=1e-6)


def test_two_contenders_in_closed_form() -> None:
    counts = np.zeros((3, 2, 2))
    counts[:, 0, 1] = 50, 20, 30
    fitted = fit_ties(counts, "davidson")
    assert fitted is not None
    strength, eta = fitted.strength, fitted.eta
    assert strength[0] - strength[1] == pytest.approx(np.log(50 / 20))
    assert eta == pytest.approx(np.log(30 / np.sqrt(50 * 20)))


def test_a_graded_share_is_refused() -> None:
    with pytest.raises(BadInput, match="is graded"):
        bradley_terry_ties(battles(["x", "y"], ["y", "x"], [0.7, 0.5]))


@pytest.mark.parametrize("model", MODELS)
def test_without_ties_the_ratings_are_those_of_bradley_terry(model: TieModel) -> None:
    """The tie parameter goes to its end as ties become rare, and the ratings to Bradley-Terry's."""
    decisive = battles(["x"] * 9 + ["y"] * 5, ["y"] * 9 + ["x"] * 5, [1.0] * 14)
    found = bradley_terry_ties(decisive, model=model)
    assert any("no verdict is a tie" in warning for warning in found.warnings)
    assert found.row("x").extra["tie_parameter"] is None
    assert found.row("x").estimate == bradley_terry(decisive).row("x").estimate
    counts = np.zeros((3, 2, 2))
    counts[:, 0, 1] = 9, 5, 1e-9
    rare = fit_ties(counts, model)
    assert rare is not None
    assert ARENA * rare.strength[0] + 1000 == pytest.approx(found.row("x").estimate, abs=1e-3)


ONE_SIDED = {
    "one win": (["x"], ["y"], [1.0]),
    "one tie": (["x"], ["y"], [0.5]),
    "all ties": (["x"] * 40, ["y"] * 40, [0.5] * 40),
    "all wins": (["x"] * 40, ["y"] * 40, [1.0] * 40),
    "wins and ties": (["x"] * 40, ["y"] * 40, [1.0] * 30 + [0.5] * 10),
    "a chain of wins, and ties": (["x", "y", "x"] * 9, ["y", "z", "z"] * 9, [1.0, 0.5, 1.0] * 9),
    "two groups": (["x", "y", "u", "v"] * 9, ["y", "x", "v", "u"] * 9, [1.0, 1.0, 0.5, 0.5] * 9),
    "never won": (["x", "y", "x"] * 9, ["y", "x", "z"] * 9, [1.0, 0.5, 1.0] * 9),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", ONE_SIDED)
def test_where_no_finite_fit_exists_there_is_a_wide_figure_and_a_named_warning(
    case: str, model: TieModel
) -> None:
    a, b, share = ONE_SIDED[case]
    found = bradley_terry_ties(battles(a, b, share), model=model)
    assert any("finite fit" in warning for warning in found.warnings)
    for row in found.rows:
        assert row.low is not None
        assert row.high is not None
        assert row.low < (row.estimate or 0.0) < row.high
        assert 100 < row.high - row.low < 3000
    # The sides' names and places say nothing: the mirrored verdicts have the mirrored figures.
    mirrored = bradley_terry_ties(battles(b, a, [1 - s for s in share]), model=model)
    for row in found.rows:
        assert mirrored.row(row.contender).estimate == pytest.approx(row.estimate)
        assert mirrored.row(row.contender).high == pytest.approx(row.high)


@pytest.mark.parametrize("model", MODELS)
def test_a_finite_fit_gets_no_prior(model: TieModel) -> None:
    """Ties link contenders, once some pair knows how readily they come."""
    a, b = ["x", "y", "x"] * 9, ["y", "x", "z"] * 9
    found = bradley_terry_ties(battles(a, b, [1.0, 1.0, 0.5] * 9), model=model)
    assert not any("finite fit" in warning for warning in found.warnings)
    assert found.row("x").estimate == pytest.approx(1000)
