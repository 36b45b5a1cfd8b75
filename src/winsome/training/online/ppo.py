"""Proximal policy optimisation with a critic of its own and a penalty a token."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from winsome.training.batch import Batch, Losses
from winsome.training.objective import taken
from winsome.training.online.advantages import generalised, token_rewards, whitened
from winsome.training.online.method import Method, Table, penalty, policy_gradient
from winsome.training.online.rollouts import Rollouts
from winsome.training.online.surrogate import clipped, critic_error


def ppo(
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
    whiten: bool = True,
    whiten_rewards: bool = False,
    value_coef: float = 0.1,
    value_clip: float = 0.2,
    kl: Literal["reward", "loss", "none"] = "reward",
    kl_coef: float = 0.05,
    estimator: Literal["k1", "k2", "k3", "clamped"] = "k1",
    clip_low: float = 0.2,
    clip_high: float | None = None,
    ratio: Literal["token", "mean", "sum"] = "token",
    mean: Literal["token", "answer", "constant"] = "token",
    divisor: float = 256.0,
    dead_groups: Literal["keep", "drop", "resample"] = "keep",
) -> Method:
    """PPO: mean over tokens of -min(rho A, clip(rho) A) + value_coef * 0.5 max((V - R)^2, (clip(V) - R)^2).

    A by GAE (gamma, lam) over the rewards of tokens: minus kl_coef * KL estimate each, the answer's reward at the last. V is a network
    of the start's shape with its own weights, R = A + V before whitening. whiten: A over all tokens of the phase; whiten_rewards:
    token rewards over their deviation, the mean kept. value_clip 0 clips no value. Under Adam value_coef matters through the common
    limit of the gradient's norm only, since no weight is shared.
    AlpacaFarm's: lam=1&kl_coef=0.0067&estimator=clamped&whiten_rewards=true, two passes.
    @start: value_coef * 0.5 mean R^2, the rest 0 in the mean, whitened.
    Source: Schulman et al. 2017, eq. 7 and 9; Stiennon et al. 2020; AlpacaFarm's settings: Dubois et al. 2023, appendix A.
    """
    settings = dict(locals())
    terms = taken(clipped, settings)

    def credit(rollouts: Rollouts) -> Table:
        import numpy as np

        starts, values = rollouts.sequences.answer_starts, rollouts.values.astype(np.float64)
        taken = penalty(rollouts, kl_coef if kl == "reward" else 0.0, estimator)
        rewards = token_rewards(rollouts.reward, taken, starts)
        if whiten_rewards:
            rewards = whitened(rewards, shift=False)
        advantage, returns = generalised(rewards, values, starts, gamma, lam)
        return {"advantage": whitened(advantage) if whiten else advantage, "return": returns, "value": values}

    def losses(batch: Batch) -> Losses:
        error = critic_error(batch, value_clip)
        told = {"value_error": (error.detach().sum(), error.new_tensor(float(len(error))))}
        found = clipped(batch, more=value_coef * error, **terms)
        return replace(found, metrics={**found.metrics, **told})

    return policy_gradient(
        "ppo", settings, credit, losses, draws=1, least=1, dead_groups=dead_groups, critic=True
    )
