"""A world small enough to enumerate: finite prompts and responses, where what training ought to reach is a closed form.

Arrays over all prompts are [prompts, responses]; a policy is such an array whose rows sum to 1. Rewards are in nats once divided
by beta; every function is exact up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from winsome.errors import BadInput
from winsome.sandbox import preferences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactWorld:
    """Rewards and reference policy [p, r], how often each prompt is asked [p], lengths in tokens [p, r], and how often each
    response is preferred to each other, [p, r, r]."""

    reward: Array
    reference: Array
    weights: Array
    lengths: Array
    preference: Array

    def __post_init__(self) -> None:
        prompts, responses = self.reward.shape
        _check_policy("reference", self.reference, (prompts, responses))
        _check_policy("weights", self.weights, (prompts,))
        if self.lengths.shape != (prompts, responses) or (self.lengths < 1).any():
            raise BadInput(f"lengths: give {prompts} x {responses} numbers of tokens, each at least 1")
        if self.preference.shape != (prompts, responses, responses):
            raise BadInput(f"preference: give {prompts} matrices of {responses} x {responses}")
        for matrix in self.preference:
            preferences.check(matrix)


def exact_world(
    prompts: int = 4,
    responses: int = 6,
    *,
    seed: int = 0,
    scale: float = 1.0,
    longest: int = 12,
    preference: Array | None = None,
    flip: float = 0.0,
    length_bias: float = 0.0,
) -> ExactWorld:
    """A random world: normal rewards of standard deviation `scale`, a Dirichlet reference, lengths up to `longest`.

    `preference` [p, r, r] stands for Bradley-Terry of the rewards; label noise `flip` and `length_bias` (logits a token) act on it.
    """
    if prompts < 1 or responses < 2 or longest < 1:
        raise BadInput(
            f"an exact world of {prompts} prompts and {responses} responses: give at least 1 and 2"
        )
    rng = np.random.default_rng(seed)
    reward = rng.normal(0.0, scale, (prompts, responses))
    reference = rng.dirichlet(np.ones(responses), prompts)
    weights = rng.dirichlet(np.full(prompts, 5.0))
    lengths = rng.integers(1, longest + 1, (prompts, responses)).astype(float)
    held = preferences.bradley_terry(reward) if preference is None else preference
    if length_bias:
        held = preferences.with_length_bias(held, lengths, length_bias)
    if flip:
        held = preferences.with_flips(held, flip)
    return ExactWorld(reward, reference, weights, lengths, held)


def tilted(reference: Array, reward: Array, beta: float) -> Array:
    """reference * exp(reward / beta), normalised over the last axis: the policy of largest E[reward] - beta KL(. to reference).

    Source: Rafailov et al. 2023, eq. 4.
    """
    if not beta > 0.0:
        raise BadInput(f"beta={beta} must be above 0")
    with np.errstate(divide="ignore"):
        logits = np.log(reference) + reward / beta
    logits = logits - logits.max(-1, keepdims=True)
    mass = np.exp(logits)
    return mass / mass.sum(-1, keepdims=True)


def optimum(world: ExactWorld, beta: float) -> Array:
    """The policy of largest expected reward minus beta times its KL from the reference."""
    return tilted(world.reference, world.reward, beta)


def value(world: ExactWorld, policy: Array) -> float:
    """The expected reward of a policy over prompts and its responses."""
    return float(world.weights @ (policy * world.reward).sum(1))


def kl(world: ExactWorld, policy: Array, other: Array | None = None) -> float:
    """KL(policy to other) in nats, averaged over prompts; `other` is the reference where not given."""
    return float(world.weights @ divergence(policy, world.reference if other is None else other))


def divergence(policy: Array, other: Array) -> Array:
    """KL(policy to other) in nats over the last axis; infinite where `other` lacks a response that the policy gives."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(policy > 0.0, policy * (np.log(policy) - np.log(other)), 0.0)
    return terms.sum(-1)


def objective(world: ExactWorld, policy: Array, beta: float) -> float:
    """Expected reward minus beta KL; `optimum` has the largest, beta E_x[log sum reference exp(reward / beta)]."""
    return value(world, policy) - beta * kl(world, policy)


def win_rate(world: ExactWorld, policy: Array, other: Array) -> float:
    """How often a draw of `policy` is preferred to an independent draw of `other`."""
    return float(world.weights @ np.einsum("pi,pij,pj->p", policy, world.preference, other))


def advantage(world: ExactWorld, other: Array) -> Array:
    """How often each response is preferred to a draw of `other`, [p, r]."""
    return np.einsum("pij,pj->pi", world.preference, other)


def best_of_n(reference: Array, score: Array, n: int) -> Array:
    """The law of the best of `n` independent draws by `score`, [p, r]; of equally good draws the first is taken.

    A level of equal scores has probability F(s)^n - F(s-)^n with F the reference's distribution of the score; within it responses
    keep their proportions. The worst of n is the best by -score.
    """
    if n < 1:
        raise BadInput(f"best of n={n}: give n=1 or more")
    found = np.zeros_like(reference)
    for row, (chances, scores) in enumerate(zip(reference, score, strict=True)):
        below = 0.0
        for level in np.unique(scores):
            at = scores == level
            mass = chances[at].sum()
            if mass > 0.0:
                found[row, at] = chances[at] / mass * ((below + mass) ** n - below**n)
            below += mass
        found[row] /= found[row].sum()
    return found


def pairs(world: ExactWorld, behaviour: Array, n: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """`n` labelled comparisons: prompt, chosen and rejected response numbers [n], both sides drawn from `behaviour`.

    Sides are drawn until they differ; a prompt on which `behaviour` gives one response only never occurs.
    """
    rng = np.random.default_rng(seed)
    able = world.weights * ((behaviour > 0).sum(1) > 1)
    if able.sum() == 0.0:
        raise BadInput("behaviour: gives one response a prompt; two different ones are needed for a pair")
    prompts = rng.choice(len(able), n, p=able / able.sum())
    cumulative = behaviour.cumsum(1)

    def drawn(rows: Array) -> Array:
        uniform = rng.random(len(rows)) * cumulative[rows, -1]
        return np.minimum((cumulative[rows] <= uniform[:, None]).sum(1), behaviour.shape[1] - 1)

    first, second = drawn(prompts), drawn(prompts)
    while (same := first == second).any():
        second[same] = drawn(prompts[same])
        first[same] = drawn(prompts[same])
    wins = rng.random(n) < world.preference[prompts, first, second]
    return prompts, np.where(wins, first, second), np.where(wins, second, first)


def average(policies: Sequence[Array]) -> Array:
    """The policy that draws one of `policies` evenly and answers with it."""
    return np.mean(policies, axis=0)


def _check_policy(name: str, policy: Array, shape: tuple[int, ...]) -> None:
    if policy.shape != shape or (policy < 0.0).any() or not np.allclose(policy.sum(-1), 1.0, atol=1e-9):
        raise BadInput(
            f"{name}: give probabilities of shape {shape} that sum to 1 (found shape {policy.shape})"
        )
