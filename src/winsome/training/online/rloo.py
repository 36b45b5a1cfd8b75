"""REINFORCE with the other answers' mean reward as the baseline."""

from __future__ import annotations

from functools import partial
from typing import Literal

from winsome.training.objective import taken
from winsome.training.online.advantages import leave_one_out, whitened
from winsome.training.online.method import Method, Table, penalty, policy_gradient
from winsome.training.online.rollouts import Rollouts
from winsome.training.online.surrogate import clipped


def rloo(
    *,
    kl: Literal["reward", "loss", "none"] = "reward",
    kl_coef: float = 0.05,
    estimator: Literal["k1", "k2", "k3", "clamped"] = "k1",
    whiten: bool = False,
    clip_low: float = 0.2,
    clip_high: float | None = None,
    ratio: Literal["token", "mean", "sum"] = "sum",
    mean: Literal["token", "answer", "constant"] = "answer",
    divisor: float = 256.0,
    dead_groups: Literal["keep", "drop", "resample"] = "keep",
) -> Method:
    """RLOO: -min(rho A, clip(rho) A) an answer, A_i = R_i - mean of R_j over the other answers to its prompt.

    rho = pi(y|x) / pi_drew(y|x) of the whole answer (`ratio` sum), R = reward - kl_coef * KL estimate summed over the answer's tokens
    (`kl` reward; with loss the estimate stands in the loss). whiten: A over all answers of the phase, as TRL's option.
    @start: 0 in the mean where every group is whole.
    Source: Ahmadian et al. 2024, eq. 7; clipping and the sum of log-ratios as in TRL.
    """
    settings = dict(locals())

    def credit(rollouts: Rollouts) -> Table:
        reward = rollouts.reward
        if kl == "reward":
            reward = reward - rollouts.sums(penalty(rollouts, kl_coef, estimator))
        advantage = leave_one_out(reward, rollouts.groups)
        return {"advantage": (whitened(advantage) if whiten else advantage)[rollouts.owners]}

    losses = partial(clipped, **taken(clipped, settings))
    return policy_gradient("rloo", settings, credit, losses, draws=4, least=2, dead_groups=dead_groups)
