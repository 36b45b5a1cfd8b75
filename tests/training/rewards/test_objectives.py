"""Losses of reward models: an independent NumPy form in float64, options, mirrored sides, what they need."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from winsome import specs
from winsome.errors import BadInput
from winsome.training.objective import objective
from winsome.training.rewards.batch import METRICS, RewardBatch
from winsome.training.rewards.runs import outputs_of

ROLE = "RewardObjective"
BEATS = torch.tensor([[0, 1, 2], [1, 2, 0]])
"""The winners and the losers of a circle."""


def drawn(n: int, outputs: int, seed: int = 0) -> tuple[np.ndarray, torch.Tensor]:
    held = np.random.default_rng(seed).normal(size=(2 * n, outputs))
    return held, torch.tensor(held, dtype=torch.float64, requires_grad=True)


def pairs(scores: torch.Tensor, **columns: np.ndarray) -> RewardBatch:
    n = len(scores) // 2
    rows = {"chosen": torch.arange(n), "rejected": torch.arange(n, 2 * n)}
    return RewardBatch(scores, rows, {k: torch.tensor(v, dtype=torch.float64) for k, v in columns.items()})


def log1pexp(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


def test_bradley_terry_equals_numpy_with_every_option() -> None:
    held, scores = drawn(40, 1)
    chosen, rejected = held[:40, 0], held[40:, 0]
    margin, weight = np.random.default_rng(1).uniform(0, 1, (2, 40))
    named = "bradley_terry?center=0.3&margin=2&label_smoothing=0.1&weighted=true"
    found = objective(named, ROLE).losses(pairs(scores, margin=margin, weight=weight))
    z = chosen - rejected - 2 * margin
    expected = weight * (0.9 * log1pexp(-z) + 0.1 * log1pexp(z) + 0.3 * (chosen + rejected) ** 2)
    np.testing.assert_allclose(found.values.detach().numpy(), expected, rtol=0, atol=1e-10)
    total, count = found.metrics["accuracy"]
    assert float(total / count) == np.mean(chosen > rejected)
    total, count = found.metrics["mean_score"]
    assert float(total / count) == pytest.approx(held.mean(), abs=1e-12)


def test_bradley_terry_slope_is_the_chance_of_the_wrong_answer() -> None:
    """d/ds_w of -log sigmoid(s_w - s_l) is -(1 - sigmoid(s_w - s_l))."""
    held, scores = drawn(10, 1)
    objective("bradley_terry", ROLE).losses(pairs(scores)).values.sum().backward()
    chance = 1 / (1 + np.exp(-(held[:10, 0] - held[10:, 0])))
    assert scores.grad is not None
    np.testing.assert_allclose(scores.grad[:10, 0].numpy(), chance - 1, atol=1e-12)
    np.testing.assert_allclose(scores.grad[10:, 0].numpy(), 1 - chance, atol=1e-12)


@pytest.mark.parametrize("name", ["bradley_terry", "bradley_terry?center=0.5", "general_preference?dim=2"])
def test_answers_rated_alike_lose_log_2(name: str) -> None:
    o = objective(name, ROLE)
    scores = torch.ones(8, outputs_of(o), dtype=torch.float64) * (0.0 if "center" in name else 3.0)
    if name.startswith("general"):
        scores = scores + torch.tensor([0.0, 1.0], dtype=torch.float64)
    values = o.losses(pairs(scores)).values
    torch.testing.assert_close(values, torch.full_like(values, math.log(2)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dim", [2, 4, 8])
def test_the_general_preference_form_equals_a_skew_symmetric_matrix(dim: int) -> None:
    held, scores = drawn(25, dim, seed=2)
    found = objective(f"general_preference?dim={dim}&temperature=0.2", ROLE).losses(pairs(scores))
    matrix = np.zeros((dim, dim))
    for i in range(0, dim, 2):
        matrix[i, i + 1], matrix[i + 1, i] = 1.0, -1.0
    unit = held / np.linalg.norm(held, axis=1, keepdims=True)
    form = np.einsum("ni,ij,nj->n", unit[:25], matrix, unit[25:])
    np.testing.assert_allclose(found.values.detach().numpy(), log1pexp(-form / 0.2), rtol=0, atol=1e-10)
    swapped = objective(f"general_preference?dim={dim}&temperature=0.2", ROLE).losses(
        RewardBatch(scores, {"chosen": torch.arange(25, 50), "rejected": torch.arange(25)})
    )
    chances = (-found.values).exp() + (-swapped.values).exp()
    torch.testing.assert_close(chances, torch.ones_like(chances), atol=1e-12, rtol=0)


def test_a_circle_of_preferences_can_be_held_by_vectors_and_by_no_rating() -> None:
    """a beats b, b beats c, c beats a, each with 80%: ratings end at log 2, vectors at the entropy of 80%."""
    best = {}
    for name, outputs in (("bradley_terry", 1), ("general_preference?dim=4&temperature=0.5", 4)):
        o = objective(name, ROLE)
        vectors = torch.randn(
            3, outputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64
        ).requires_grad_(True)
        optimizer = torch.optim.LBFGS([vectors], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15)

        def loss(o=o, vectors=vectors, optimizer=optimizer) -> torch.Tensor:
            optimizer.zero_grad()
            won = o.losses(RewardBatch(vectors, {"chosen": BEATS[0], "rejected": BEATS[1]})).values.mean()
            lost = o.losses(RewardBatch(vectors, {"chosen": BEATS[1], "rejected": BEATS[0]})).values.mean()
            total = 0.8 * won + 0.2 * lost
            total.backward()
            return total

        optimizer.step(loss)
        best[name.partition("?")[0]] = float(loss().detach())
    assert best["bradley_terry"] == pytest.approx(math.log(2), abs=1e-6)
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert best["general_preference"] == pytest.approx(entropy, abs=1e-4)


def test_regression_is_the_weighted_mean_squared_error_and_transformers_own() -> None:
    held, scores = drawn(15, 3, seed=3)
    targets = np.random.default_rng(4).normal(size=(30, 3))
    columns = {name: torch.tensor(targets[:, i]) for i, name in enumerate("abc")}
    batch = RewardBatch(scores, {"response": torch.arange(30)}, columns)
    weighed = objective("regression?attributes=[a,b,c]&attribute_weights=[3,1,0]", ROLE).losses(batch)
    expected = ((held - targets) ** 2) @ np.array([0.75, 0.25, 0.0])
    np.testing.assert_allclose(weighed.values.detach().numpy(), expected, rtol=0, atol=1e-10)
    plain = objective("regression?attributes=[a,b,c]", ROLE).losses(batch).values.mean().detach()
    assert float(plain) == pytest.approx(
        float(torch.nn.MSELoss()(scores, torch.tensor(targets)).detach()), abs=1e-10
    )


@pytest.mark.parametrize("name", sorted(specs.kinds(ROLE)))
def test_every_metric_is_told_what_it_means(name: str) -> None:
    o = objective(name, ROLE)
    batch = pairs(drawn(4, outputs_of(o))[1]) if "chosen" in o.needs.roles else RewardBatch(
        drawn(2, 1)[1], {"response": torch.arange(4)}, {"score": torch.zeros(4)}
    )  # fmt: skip
    assert set(o.losses(batch).metrics) <= set(METRICS)
    assert "@ref:" in (specs.factory_of(specs.Spec(name), ROLE).__doc__ or "")


@pytest.mark.parametrize(("name", "said"), [
    ("general_preference?dim=3", "dim=3 must be an even number"),
    ("general_preference?temperature=0", "temperature=0.0 must be above 0"),
    ("regression?attributes=[a,b]&attribute_weights=[1]", "1 numbers for 2 attributes"),
    ("regression?attributes=[a,a]", "name each column once"),
    ("bradley_terry?label_smoothing=0.5", "label_smoothing=0.5 must be at least 0 and below 0.5"),
])  # fmt: skip
def test_settings_of_nonsense_are_refused(name: str, said: str) -> None:
    o = objective(name, ROLE)
    scores = torch.zeros(4, outputs_of(o))
    columns = {name: torch.zeros(4) for name in ("a", "b")}
    rows = {"chosen": torch.arange(2), "rejected": torch.arange(2, 4), "response": torch.arange(4)}
    with pytest.raises(BadInput, match=said):
        o.losses(RewardBatch(scores, rows, columns))
