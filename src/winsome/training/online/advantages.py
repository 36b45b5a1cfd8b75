"""How much better than expected each answer, or each of its tokens, was: pure functions of rewards, in NumPy.

`groups` [m]: the number of each answer's prompt. Sequences of tokens are flat [t] with `starts` [m + 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Array = NDArray[float64]

Estimator = Literal["k1", "k2", "k3", "clamped"]
"""Of the KL divergence from the reference at a token drawn by the policy, x = log pi - log pi_ref: k1 = x (unbiased), k2 = x^2 / 2,
k3 = exp(-x) - 1 + x (unbiased, never negative), clamped = max(x, 0) (biased upwards). Sources: Schulman 2020, Approximating KL
Divergence; clamped: AlpacaFarm's code."""
EPSILON = 1e-4
"""Added to a standard deviation before it divides, as in TRL."""


def divergence(log_ratio: Array, estimator: Estimator) -> Array:
    """The estimate at each token, nats, from log pi - log pi_ref."""
    import numpy as np

    if estimator == "k1":
        return log_ratio
    if estimator == "k2":
        return 0.5 * log_ratio**2
    if estimator == "k3":
        return np.expm1(-log_ratio) + log_ratio
    return np.maximum(log_ratio, 0.0)


def leave_one_out(reward: Array, groups: NDArray[int64]) -> Array:
    """R_i less the mean of the other answers' rewards to its prompt, [m]; 0 for an answer that is alone.

    Source: Ahmadian et al. 2024, section 3.2 (RLOO); Kool et al. 2019.
    """
    import numpy as np

    sums, counts = _per_group(reward, groups)
    others = np.maximum(counts[groups] - 1.0, 1.0)
    return np.where(counts[groups] > 1.0, reward - (sums[groups] - reward) / others, 0.0)


def group_normalised(
    reward: Array, groups: NDArray[int64], scale: Literal["group", "batch", "none"] = "group"
) -> Array:
    """(R_i - mean of its group) / (standard deviation + 1e-4), [m]; the deviation with n - 1, of the group or of all rewards.

    An answer that is alone has 0. Sources: group: Shao et al. 2024, section 4.1.2 (GRPO); none: Liu et al. 2025 (Dr. GRPO);
    batch: Liu, J. et al. 2025 (Lite PPO). The divisor n - 1 and the 1e-4 are TRL's.
    """
    import numpy as np

    sums, counts = _per_group(reward, groups)
    centred = reward - (sums / np.maximum(counts, 1.0))[groups]
    if scale == "none":
        return centred
    if scale == "batch":
        spread = reward.std(ddof=1) if len(reward) > 1 else 0.0
        return centred / (spread + EPSILON)
    squares = np.bincount(groups, centred**2, len(counts)) / np.maximum(counts - 1.0, 1.0)
    return centred / (np.sqrt(squares)[groups] + EPSILON)


def whitened(values: Array, *, shift: bool = True) -> Array:
    """Values over their standard deviation (with n - 1), their mean taken off first, or kept where `shift` is False."""
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    mean = values.mean() if len(values) else 0.0
    return (values - mean) / (spread + EPSILON) + (0.0 if shift else mean)


def token_rewards(reward: Array, penalty: Array, starts: NDArray[int64]) -> Array:
    """What each token earns, [t]: minus its own penalty, and at an answer's last token the answer's reward.

    Source: Ouyang et al. 2022, eq. 2, a token at a time as in Stiennon et al. 2020.
    """
    found = -penalty
    found[starts[1:] - 1] += reward
    return found


def returns_to_go(rewards: Array, starts: NDArray[int64], gamma: float = 1.0) -> Array:
    """sum over later tokens k of gamma^(k - t) r_k within an answer, this token included, [t]."""
    found, _ = generalised(rewards, rewards * 0.0, starts, gamma, 1.0)
    return found


def generalised(
    rewards: Array, values: Array, starts: NDArray[int64], gamma: float, lam: float
) -> tuple[Array, Array]:
    """GAE: (advantages, returns = advantages + values), [t] each; an answer's value after its last token is 0.

    A_t = delta_t + gamma lambda A_(t+1), delta_t = r_t + gamma V_(t+1) - V_t. Source: Schulman et al. 2016, eq. 16.
    """
    import numpy as np

    if not (0.0 <= gamma <= 1.0 and 0.0 <= lam <= 1.0):
        raise BadInput(f"gamma={gamma} and lambda={lam} must lie in [0, 1]")
    lengths = np.diff(starts)
    longest = int(lengths.max()) if len(lengths) else 0
    advantages = np.zeros_like(rewards)
    ahead, later = np.zeros(len(lengths)), np.zeros(len(lengths))
    # All answers step back from their ends together.
    for back in range(1, longest + 1):
        live = lengths >= back
        at = starts[1:][live] - back
        delta = rewards[at] + gamma * later[live] - values[at]
        ahead[live] = delta + gamma * lam * ahead[live]
        later[live] = values[at]
        advantages[at] = ahead[live]
    return advantages, advantages + values


def dead(reward: Array, groups: NDArray[int64]) -> NDArray[int64]:
    """The numbers of groups whose rewards are all equal: nothing can be learnt from what differs in them."""
    import numpy as np

    order = np.argsort(groups, kind="stable")
    held, firsts = np.unique(groups[order], return_index=True)
    low, high = np.minimum.reduceat(reward[order], firsts), np.maximum.reduceat(reward[order], firsts)
    return held[low == high]


def _per_group(reward: Array, groups: NDArray[int64]) -> tuple[Array, Array]:
    """Sum and number of rewards by group number."""
    import numpy as np

    size = int(groups.max()) + 1 if len(groups) else 0
    sums = np.bincount(groups, reward, size).astype(np.float64)
    return sums, np.bincount(groups, minlength=size).astype(np.float64)
