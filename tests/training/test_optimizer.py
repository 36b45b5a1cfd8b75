"""The optimiser against its equations in NumPy: one scaling, one clip over all tensors, decay of matrices alone, the average."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from winsome.training.optimizer import Optimizer
from winsome.training.plan import Plan

STEPS, RATE = 6, 0.05


def drawn() -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    """A matrix and a vector, and their gradients at each step."""
    rng = np.random.default_rng(0)
    shapes = {"matrix": (3, 4), "vector": (5,)}
    return (
        {name: rng.normal(size=shape) for name, shape in shapes.items()},
        [{name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(STEPS)],
    )


def made(plan: Plan) -> tuple[dict[str, torch.nn.Parameter], Optimizer]:
    named = {
        name: torch.nn.Parameter(torch.tensor(value, dtype=torch.float32))
        for name, value in drawn()[0].items()
    }
    return named, Optimizer(list(named.items()), plan)


def step(
    named: dict[str, torch.nn.Parameter], optimizer: Optimizer, gradients: dict[str, np.ndarray]
) -> float:
    for name, p in named.items():
        p.grad = torch.tensor(gradients[name], dtype=torch.float32)
    norm = optimizer.scaled(0.5)
    optimizer.step(RATE)
    optimizer.clear()
    return norm


@pytest.mark.parametrize("kind", ["adamw", "rmsprop"])
@pytest.mark.parametrize("clip", [0.0, 0.7])
def test_steps_are_those_of_the_equations(kind, clip):
    """Loshchilov and Hutter 2019, algorithm 2; RMSprop with alpha 0.99; both with epsilon 1e-8 outside the root."""
    plan = Plan(optimizer=kind, clip=clip, decay=0.0 if kind == "rmsprop" else 0.1, ema=0.8, rate=RATE)
    named, optimizer = made(plan)
    weights, gradients = drawn()
    average = {name: w.copy() for name, w in weights.items()}
    first = {name: np.zeros_like(w) for name, w in weights.items()}
    second = {name: np.zeros_like(w) for name, w in weights.items()}
    for t, held in enumerate(gradients, 1):
        norm = step(named, optimizer, held)
        halved = {name: 0.5 * g for name, g in held.items()}
        whole = np.sqrt(sum((g**2).sum() for g in halved.values()))
        assert norm == pytest.approx(whole, rel=1e-5)
        factor = min(1.0, clip / (whole + 1e-6)) if clip else 1.0
        for name, w in weights.items():
            g = factor * halved[name]
            if kind == "adamw":
                w *= 1.0 - RATE * (plan.decay if w.ndim > 1 else 0.0)
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.999 * second[name] + 0.001 * g**2
                w -= RATE * (first[name] / (1 - 0.9**t)) / (np.sqrt(second[name] / (1 - 0.999**t)) + 1e-8)
            else:
                second[name] = 0.99 * second[name] + 0.01 * g**2
                w -= RATE * g / (np.sqrt(second[name]) + 1e-8)
            average[name] = 0.8 * average[name] + 0.2 * w
    for name, w in weights.items():
        np.testing.assert_allclose(named[name].detach().numpy(), w, atol=2e-5)
        np.testing.assert_allclose(optimizer.best()[name].numpy(), average[name], atol=2e-5)


def test_without_an_average_the_weights_are_kept():
    named, optimizer = made(Plan(rate=RATE))
    step(named, optimizer, drawn()[1][0])
    assert all(torch.equal(optimizer.best()[name], p.detach()) for name, p in named.items())


@pytest.mark.parametrize("kind", ["adamw", "rmsprop"])
def test_what_is_saved_goes_on_in_the_same_bits(kind):
    plan = Plan(optimizer=kind, ema=0.9, rate=RATE)
    gradients = drawn()[1]
    named, optimizer = made(plan)
    for held in gradients[:3]:
        step(named, optimizer, held)
    weights, moments = optimizer.weights(), optimizer.moments()
    other, again = made(plan)
    again.load(weights, moments)
    for held in gradients[3:]:
        step(named, optimizer, held)
        step(other, again, held)
    assert all(torch.equal(named[name], other[name]) for name in named)
    assert all(torch.equal(value, again.best()[name]) for name, value in optimizer.best().items())
