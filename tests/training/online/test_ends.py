"""Where PPO ends on a tree of all answers: at the reference tilted by exp(reward / beta)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.online.tree import (
    ANSWERS,
    PROMPTS,
    Tree,
    batch_of,
    chances,
    groups_of,
    rewards,
    rollouts_of,
)
from winsome.training.online.method import method

BETA = 0.5
REWARD, REFERENCE = rewards(1), Tree(3, 0.5)
GROUPS = groups_of(1)


def law(policy: Tree) -> np.ndarray:
    """How likely each answer is [prompts, answers]."""
    known = policy.all_tokens()
    return np.array([[math.exp(float(known[p, y].detach().sum())) for y in ANSWERS] for p in range(PROMPTS)])


def reached(name: str, phases: int, critic: bool) -> np.ndarray:
    """The law after `phases` of two passes each, from the reference on: in each, every answer counts with its chance.

    critic: it has learnt what is to come from every prefix; else it says 0.
    """
    policy = Tree(3, 0.5)
    made = method(name)
    optimiser = torch.optim.Adam([policy.logits], lr=0.2)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, phases)
    for _ in range(phases):
        drawn = chances(GROUPS, policy)
        rollouts = rollouts_of(GROUPS, REWARD, policy, REFERENCE)
        told = returns_to_come(policy) if critic else np.zeros(len(rollouts.behaviour))
        learnt = made.made(replace(rollouts, values=told))
        for _ in range(2):
            losses = made.objective.losses(batch_of(learnt, policy, values=torch.tensor(told)))
            optimiser.zero_grad()
            (drawn * losses.values / losses.counts).sum().backward()
            optimiser.step()
        falling.step()
    return law(policy)


def returns_to_come(policy: Tree) -> np.ndarray:
    """Of every answer's tokens, the expected reward less penalty from there on: what a critic at its optimum says."""
    own, other = (
        {key: t.detach().numpy() for key, t in held.all_tokens().items()} for held in (policy, REFERENCE)
    )
    told: list[float] = []
    for p, (y,) in GROUPS:
        for n in range(len(y)):
            after = [z for z in ANSWERS if z[:n] == y[:n] and len(z) > n]
            chance = np.exp([own[p, z][n:].sum() for z in after])
            penalty = [BETA * (own[p, z] - other[p, z])[n:].sum() for z in after]
            told.append(float(chance @ ([REWARD[p, z] for z in after] - np.array(penalty))))
    return np.array(told)


@pytest.mark.parametrize("critic", [True, False])
def test_ppo_ends_at_the_tilted_reference(critic: bool) -> None:
    """pi proportional to pi_ref exp(R / beta), by enumeration of all answers; total variation below one in a hundred."""
    found = reached(f"ppo?lam=1&whiten=false&kl_coef={BETA}&mean=constant&divisor=1", 60, critic)
    tilt = law(REFERENCE) * np.exp([[REWARD[p, y] / BETA for y in ANSWERS] for p in range(PROMPTS)])
    tilt /= tilt.sum(1, keepdims=True)
    assert float(0.5 * np.abs(found - tilt).sum(1).max()) < 0.01
    assert float(0.5 * np.abs(law(REFERENCE) - tilt).sum(1).min()) > 0.2
