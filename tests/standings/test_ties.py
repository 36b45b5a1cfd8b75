from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from winsome.errors import BadInput
from winsome.standings import Battles, battles, bradley_terry_ties
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
    strength, eta, _ = fit_ties(counts, "davidson")
    assert strength[0] - strength[1] == pytest.approx(np.log(50 / 20))
    assert eta == pytest.approx(np.log(30 / np.sqrt(50 * 20)))


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(BadInput, match="no verdict is a tie"):
        bradley_terry_ties(battles(["x", "y"], ["y", "x"], [1.0, 1.0]))
    with pytest.raises(BadInput, match="is graded"):
        bradley_terry_ties(battles(["x", "y"], ["y", "x"], [0.7, 0.5]))
    with pytest.raises(BadInput, match="every verdict is a tie"):
        bradley_terry_ties(battles(["x"], ["y"], [0.5]))
