"""REINFORCE with token-level penalties and one normalisation over the batch."""

from __future__ import annotations

from functools import partial
from typing import Literal

from winsome.training.objective import taken
from winsome.training.online.advantages import group_normalised, returns_to_go, token_rewards, whitened
from winsome.training.online.method import Method, Table, penalty, policy_gradient
from winsome.training.online.rollouts import Rollouts
from winsome.training.online.surrogate import clipped


def reinforce_pp(
    *,
    baseline: Literal["none", "group"] = "none",
    gamma: float = 1.0,
    whiten: bool = True,
    kl: Literal["reward", "loss", "none"] = "reward",
    kl_coef: float = 0.01,
    estimator: Literal["k1", "k2", "k3", "clamped"] = "k1",
    clip_low: float = 0.2,
    clip_high: float | None = None,
    ratio: Literal["token", "mean", "sum"] = "token",
    mean: Literal["token", "answer", "constant"] = "token",
    divisor: float = 256.0,
    dead_groups: Literal["keep", "drop", "resample"] = "keep",
) -> Method:
    """REINFORCE++: mean over tokens of -min(rho A, clip(rho) A), A_t = reward - kl_coef * sum of later tokens' KL, whitened.

    A_t is the discounted sum (`gamma`) of what this token and later ones earn; whitening is over all tokens of the phase. baseline
    group takes the mean of its prompt's rewards off each reward first (REINFORCE++-baseline, the paper's eq. 8, which is meant with
    kl=loss&estimator=k2).
    @start: 0 in the mean, whitened.
    Source: Hu et al. 2025, eq. 5 to 8.
    """
    settings = dict(locals())

    def credit(rollouts: Rollouts) -> Table:
        reward = rollouts.reward
        if baseline == "group":
            reward = group_normalised(reward, rollouts.groups, "none")
        taken = penalty(rollouts, kl_coef if kl == "reward" else 0.0, estimator)
        starts = rollouts.sequences.answer_starts
        advantage = returns_to_go(token_rewards(reward, taken, starts), starts, gamma)
        return {"advantage": whitened(advantage) if whiten else advantage}

    losses = partial(clipped, **taken(clipped, settings))
    least = 2 if baseline == "group" else 1
    return policy_gradient(
        "reinforce_pp", settings, credit, losses, draws=4, least=least, dead_groups=dead_groups
    )
