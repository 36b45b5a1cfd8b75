"""The tabular policy: reads as it was set, and gradients lead to the closed form."""

from __future__ import annotations

import numpy as np
import torch

from winsome.sandbox.exact import exact_world, kl, optimum
from winsome.sandbox.tabular import TabularPolicy


def test_it_starts_at_the_policy_it_is_given():
    world = exact_world(3, 5, seed=1)
    policy = TabularPolicy(world.reference)
    np.testing.assert_allclose(policy.policy(), world.reference, atol=1e-12)
    found = policy.logprobs(torch.tensor([2, 0]), torch.tensor([1, 4])).detach().numpy()
    np.testing.assert_allclose(found, np.log([world.reference[2, 1], world.reference[0, 4]]), atol=1e-12)


def test_the_population_dpo_loss_leads_to_the_tilted_reference():
    """-E[log sigmoid(beta (r_w - r_l))] over all Bradley-Terry pairs has its minimum at reference exp(reward / beta)."""
    world, beta = exact_world(2, 4, seed=2, scale=0.5), 0.5
    policy = TabularPolicy(world.reference)
    reference = torch.tensor(world.reference).log()
    wins = torch.tensor(world.preference)
    optimiser = torch.optim.LBFGS(
        policy.parameters(), max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        ratio = beta * (policy.logits.log_softmax(1) - reference)
        loss = -(wins * torch.nn.functional.logsigmoid(ratio[:, :, None] - ratio[:, None, :])).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert kl(world, optimum(world, beta), policy.policy()) < 1e-8
    assert kl(world, optimum(world, beta)) > 0.05
