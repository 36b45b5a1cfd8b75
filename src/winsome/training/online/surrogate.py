"""The terms that policy-gradient losses are made of: the clipped surrogate, the divergence in the loss, the critic's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses
from winsome.training.online.advantages import Estimator
from winsome.training.terms import token_mean

if TYPE_CHECKING:
    from torch import Tensor

Ratio = Literal["token", "mean", "sum"]
"""Importance ratio of a token: its own (PPO, GRPO), exp of the answer's mean log-ratio (GSPO), or of its sum (RLOO)."""
Mean = Literal["token", "answer", "constant"]
"""Over what a loss is a mean: all tokens of the update (DAPO, REINFORCE++), tokens within an answer and then answers (GRPO), or
answers whose sums are divided by one constant (Dr. GRPO)."""


def surrogate(
    batch: Batch, *, clip_low: float, clip_high: float | None, ratio: Ratio
) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
    """-min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A) at each answer token, [t], and its metrics.

    A is the batch's token figure `advantage`, rho the ratio of the policy to the weights that drew. clip_high None is clip_low; both 0 clip nothing.
    Sources: Schulman et al. 2017, eq. 7; clip_high: Yu et al. 2025 (DAPO); ratio mean: Zheng et al. 2025, eq. 5 (GSPO).
    """
    import torch

    log_ratio = _tokens(batch) - _known(batch, "behaviour")
    if ratio != "token":
        log_ratio = _broadcast(batch, log_ratio, mean=ratio == "mean")
    rho, advantage = log_ratio.exp(), batch.tokens["advantage"].to(log_ratio.dtype)
    above = clip_low if clip_high is None else clip_high
    if clip_low < 0.0 or above < 0.0 or clip_low >= 1.0:
        raise BadInput(f"clip_low={clip_low} must lie in [0, 1) and clip_high={above} be at least 0")
    kept = rho * advantage
    bounded = rho.clamp(1.0 - clip_low, 1.0 + above) * advantage if clip_low or above else kept
    with torch.no_grad():
        n = rho.new_tensor(float(len(rho)))
        found = {
            "clipped": ((bounded < kept).sum().to(rho.dtype), n),
            "importance": (rho.sum(), n),
            "logprob": token_mean(batch, "response"),
            "kl": ((_tokens(batch) - _known(batch, "reference")).sum(), rho.new_tensor(float(len(batch.policy.counts)))),
        }  # fmt: skip
    return -torch.minimum(kept, bounded), found


def clipped(
    batch: Batch,
    *,
    kl: Literal["reward", "loss", "none"],
    kl_coef: float,
    estimator: Estimator,
    clip_low: float,
    clip_high: float | None,
    ratio: Ratio,
    mean: Mean,
    divisor: float,
    more: Tensor | None = None,
) -> Losses:
    """The surrogate, with `kl` loss plus kl_coef times the divergence, plus `more` [t]; as values and counts of units."""
    tokens, found = surrogate(batch, clip_low=clip_low, clip_high=clip_high, ratio=ratio)
    if kl == "loss":
        tokens = tokens + kl_coef * divergence(batch, estimator)
    if more is not None:
        tokens = tokens + more
    return Losses(*reduced(batch, tokens, mean, divisor), found)


def divergence(batch: Batch, estimator: Estimator) -> Tensor:
    """The estimate of KL(policy to reference) at each answer token, [t], with its own gradient.

    On fresh samples the expected gradient of k1 is 0, of k2 that of KL(policy to reference), of k3 (GRPO's) that of
    KL(reference to policy). Sources: Schulman 2020; Tang and Munos 2025.
    """
    import torch

    x = _tokens(batch) - _known(batch, "reference")
    if estimator == "k1":
        return x
    if estimator == "k2":
        return 0.5 * x**2
    return torch.expm1(-x) + x if estimator == "k3" else x.clamp(min=0.0)


def critic_error(batch: Batch, clip: float) -> Tensor:
    """0.5 max((V - R)^2, (clip(V, V_old - clip, V_old + clip) - R)^2) at each answer token, [t]; clip 0: 0.5 (V - R)^2.

    Source: Schulman et al. 2017, PPO's code (baselines, ppo2); Ziegler et al. 2019.
    """
    import torch

    assert batch.values is not None
    now, target = batch.values, batch.tokens["return"].to(batch.values.dtype)
    error = (now - target) ** 2
    if clip:
        then = batch.tokens["value"].to(now.dtype)
        error = torch.maximum(error, (now.clamp(then - clip, then + clip) - target) ** 2)
    return 0.5 * error


def reduced(batch: Batch, tokens: Tensor, mean: Mean, divisor: float) -> tuple[Tensor, Tensor]:
    """Figures of tokens [t] as (values, counts) of units [n]: their totals' quotient is the mean that is asked for."""
    import torch

    assert batch.groups is not None
    counts = batch.policy.counts.to(tokens.dtype)
    sums = torch.zeros_like(counts).index_add(0, _owners(batch), tokens)
    if mean == "token":
        values, weights = sums, counts
    else:
        values, weights = sums / (counts if mean == "answer" else divisor), torch.ones_like(counts)
    n = int(batch.groups.max()) + 1
    empty = torch.zeros(n, dtype=tokens.dtype, device=tokens.device)
    return empty.index_add(0, batch.groups, values), empty.index_add(0, batch.groups, weights)


def _tokens(batch: Batch) -> Tensor:
    assert batch.policy.tokens is not None
    return batch.policy.tokens


def _known(batch: Batch, name: str) -> Tensor:
    """Log-probabilities that do not change: of the weights that drew, or of the reference."""
    held = batch.references[name].tokens
    assert held is not None
    return held.to(_tokens(batch).dtype)


def _owners(batch: Batch) -> Tensor:
    import torch

    counts = batch.policy.counts
    return torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)


def _broadcast(batch: Batch, tokens: Tensor, *, mean: bool) -> Tensor:
    """Each answer's sum (or mean) of token figures, at all its tokens, [t]."""
    import torch

    counts = batch.policy.counts.to(tokens.dtype)
    sums = torch.zeros_like(counts).index_add(0, _owners(batch), tokens)
    return (sums / counts if mean else sums)[_owners(batch)]
