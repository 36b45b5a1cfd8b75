"""Preference models: P[i, j], how often i is preferred to j; P[i, j] + P[j, i] = 1, of any shape [.., r, r]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from winsome.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TOLERANCE = 1e-9


def bradley_terry(reward: Array) -> Array:
    """sigmoid(reward_i - reward_j), [.., r, r] of [.., r]."""
    return _sigmoid(reward[..., :, None] - reward[..., None, :])


def cycle(responses: int, strength: float = 1.0) -> Array:
    """An intransitive matrix of an odd number of responses: each beats the next (r - 1) / 2 with probability (1 + strength) / 2.

    Three and strength 1 are rock, paper, scissors. No rewards give it, and its only unbeaten policy is the even one.
    """
    if responses % 2 == 0 or responses < 3 or not 0.0 < strength <= 1.0:
        raise BadInput(
            f"a cycle of {responses} responses, strength {strength}: give an odd number from 3 and (0, 1]"
        )
    gaps = (np.arange(responses)[None, :] - np.arange(responses)[:, None]) % responses
    return 0.5 + 0.5 * strength * (
        ((gaps > 0) & (gaps <= responses // 2)) * 1.0 - (gaps > responses // 2) * 1.0
    )


def mixture(groups: Sequence[Array], weights: Sequence[float]) -> Array:
    """The preference of a crowd of groups with these shares: even two transitive groups of tastes need not add up to one reward."""
    shares = np.asarray(weights, float)
    if len(groups) != len(shares) or (shares < 0).any() or not np.isclose(shares.sum(), 1.0):
        raise BadInput(
            f"mixture: {len(groups)} groups and weights {list(weights)}; give shares that sum to 1"
        )
    return np.tensordot(shares, np.stack(list(groups)), 1)


def with_flips(preference: Array, flip: float) -> Array:
    """The preference once labels are swapped with probability `flip`."""
    if not 0.0 <= flip <= 1.0:
        raise BadInput(f"flip={flip} must lie in [0, 1]")
    return (1.0 - flip) * preference + flip * (1.0 - preference)


def with_length_bias(preference: Array, lengths: Array, bias: float) -> Array:
    """sigmoid(logit P + bias (length_i - length_j)): `bias` in logits a token; certain preferences stay certain."""
    with np.errstate(divide="ignore"):
        logits = np.log(preference) - np.log1p(-preference)
    return _sigmoid(logits + bias * (lengths[..., :, None] - lengths[..., None, :]))


def check(preference: Array) -> None:
    """BadInput where a matrix [r, r] is no preference: outside [0, 1], or P + its transpose is not 1."""
    if preference.ndim != 2 or preference.shape[0] != preference.shape[1]:
        raise BadInput(f"preference: shape {preference.shape} is not square; give one number for every pair")
    if not ((preference >= 0.0) & (preference <= 1.0)).all():
        raise BadInput("preference: holds a number outside [0, 1]; give probabilities")
    worst = np.abs(preference + preference.T - 1.0)
    if worst.max() > TOLERANCE:
        i, j = np.unravel_index(int(worst.argmax()), worst.shape)
        raise BadInput(
            f"preference: P[{i}, {j}] + P[{j}, {i}] is {preference[i, j] + preference[j, i]:.4g}, not 1; average both orders"
        )


def cyclic_triples(preference: Array) -> float:
    """The share of triples of responses that are cycles (each beats the next), of a matrix [r, r]; ties make none."""
    wins = preference > 0.5
    size = len(preference)
    cycles = np.trace(np.linalg.matrix_power(wins.astype(np.int64), 3)) / 3
    return float(cycles / (size * (size - 1) * (size - 2) / 6)) if size > 2 else 0.0


def _sigmoid(logits: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * logits))
