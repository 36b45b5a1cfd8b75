"""Group-relative policy optimisation, and the variants that its settings make of it."""

from __future__ import annotations

from functools import partial
from typing import Literal

from winsome.training.objective import taken
from winsome.training.online.advantages import group_normalised
from winsome.training.online.method import Method, Table, penalty, policy_gradient
from winsome.training.online.rollouts import Rollouts
from winsome.training.online.surrogate import clipped


def grpo(
    *,
    scale: Literal["group", "batch", "none"] = "group",
    kl: Literal["reward", "loss", "none"] = "loss",
    kl_coef: float = 0.04,
    estimator: Literal["k1", "k2", "k3", "clamped"] = "k3",
    clip_low: float = 0.2,
    clip_high: float | None = None,
    ratio: Literal["token", "mean", "sum"] = "token",
    mean: Literal["token", "answer", "constant"] = "answer",
    divisor: float = 256.0,
    dead_groups: Literal["keep", "drop", "resample"] = "keep",
) -> Method:
    """GRPO: mean over answers of mean over tokens of -min(rho A, clip(rho) A) + kl_coef k3, A = (R - mean) / std of its group.

    Dr. GRPO is scale=none&mean=constant&kl=none with divisor the most tokens an answer may have; DAPO
    clip_high=0.28&mean=token&dead_groups=resample&kl=none; GSPO ratio=mean. With kl reward, R = reward - kl_coef * the estimate's sum.
    @start: 0 in the mean where every group is whole and answers count alike.
    Source: Shao et al. 2024, eq. 3 and 4; Liu et al. 2025; Yu et al. 2025; Zheng et al. 2025.
    """
    settings = dict(locals())

    def credit(rollouts: Rollouts) -> Table:
        reward = rollouts.reward
        if kl == "reward":
            reward = reward - rollouts.sums(penalty(rollouts, kl_coef, estimator))
        return {"advantage": group_normalised(reward, rollouts.groups, scale)[rollouts.owners]}

    losses = partial(clipped, **taken(clipped, settings))
    return policy_gradient("grpo", settings, credit, losses, draws=8, least=2, dead_groups=dead_groups)
