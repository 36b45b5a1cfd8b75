"""What the farm's supervised methods end at in a world of three answers: closed forms of the sampler and of who is preferred."""

from __future__ import annotations

import numpy as np
import torch

from winsome.models.logprobs import Logprobs
from winsome.sandbox.tabular import TabularPolicy
from winsome.training.batch import Batch
from winsome.training.examples import Examples, examples_of
from winsome.training.forms import demonstrated
from winsome.training.loops.conditioning import LEVELS, conditioned
from winsome.training.objective import objective

ANSWERS = ("a", "b", "c")
SAMPLER = np.array([5, 3, 2])
"""The start's chances, in tenths."""
PREFERRED = np.array([[4, 6, 2], [2, 4, 5], [6, 3, 4]])
"""How often the answer of a row is preferred to that of a column, in eighths."""


def population() -> Examples:
    """Every pair of different answers as often as two draws and a label make it."""
    rows = [
        {"prompt": "p", "chosen": ANSWERS[y], "rejected": ANSWERS[z]}
        for y in range(3)
        for z in range(3)
        if y != z
        for _ in range(SAMPLER[y] * SAMPLER[z] * PREFERRED[y, z])
    ]
    return examples_of(rows, "x")


def chosen_law(preferred: np.ndarray) -> np.ndarray:
    """pi(y) proportional to ref(y) sum_z ref(z) P(y preferred to z), over pairs of different answers."""
    mass = SAMPLER * ((preferred - np.diag(np.diag(preferred))) @ SAMPLER)
    return mass / mass.sum()


def ended(demonstrations: Examples, levels: tuple[str | None, ...]) -> np.ndarray:
    """The policy [levels, answers] that the objective ends at from the sampler on."""
    level = torch.tensor([levels.index(row.sides[0].prompt.system) for row in demonstrations.rows])
    said = torch.tensor([ANSWERS.index(row.sides[0].text) for row in demonstrations.rows])
    policy = TabularPolicy(np.tile(SAMPLER / 10, (len(levels), 1)))
    optimiser = torch.optim.LBFGS(
        policy.parameters(), max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16
    )
    lowered, one = objective("sft"), torch.ones(len(said), dtype=torch.long)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        sums = policy.logprobs(level, said)
        held = Logprobs(sums, one, sums, torch.zeros_like(sums), one)
        losses = lowered.losses(Batch(held, {"response": torch.arange(len(said))}))
        loss = losses.values.sum() / losses.counts.sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return policy.policy()


def test_feedme_ends_at_the_law_of_preferred_answers() -> None:
    (found,) = ended(demonstrated(population()), (None,))
    np.testing.assert_allclose(found, chosen_law(PREFERRED), atol=1e-6)
    assert abs(found - SAMPLER / 10).max() > 0.02


def test_conditioning_ends_at_the_law_of_preferred_answers_behind_the_good_level_and_of_the_others_behind_the_bad() -> (
    None
):
    good, bad = ended(conditioned(population(), LEVELS), LEVELS)
    np.testing.assert_allclose(good, chosen_law(PREFERRED), atol=1e-6)
    np.testing.assert_allclose(bad, chosen_law(PREFERRED.T), atol=1e-6)


def test_a_round_of_quark_without_penalties_ends_at_the_sampler_within_each_quantile() -> None:
    """Twenty answers sorted by reward and cut in four: pi(y | quantile) is the share of y among its five answers."""
    drawn = ["a"] * 10 + ["b"] * 6 + ["c"] * 4
    rows = [{"prompt": "p", "responses": drawn, "scores": [float(n) for n in range(20)]}]
    levels = ("first", "second", "third", "fourth")
    found = ended(conditioned(examples_of(rows, "x"), levels), levels)
    best_first = np.array([[0, 1, 4], [0, 5, 0], [5, 0, 0], [5, 0, 0]]) / 5
    np.testing.assert_allclose(found, best_first, atol=1e-4)
