"""Policies that no other policy beats: the Nash policy of a preference by a linear programme, and its regularised form.

A preference [r, r] is a symmetric zero-sum game: i against j pays P[i, j] - 1/2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from winsome.errors import BadInput, Fatal
from winsome.sandbox import preferences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NEWTON_STEPS = 100


def nash(preference: Array) -> Array:
    """A policy [r] that is preferred to every response at least half of the time (a von Neumann winner)."""
    from scipy.optimize import linprog

    preferences.check(preference)
    size = len(preference)
    # Largest v with sum_i policy_i P[i, j] >= v for every j.
    found = linprog(
        c=np.append(np.zeros(size), -1.0),
        A_ub=np.hstack([-preference.T, np.ones((size, 1))]),
        b_ub=np.zeros(size),
        A_eq=np.append(np.ones(size), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, 1.0)] * size + [(None, None)],
        method="highs",
    )
    if not found.success:
        raise Fatal(f"nash: the linear programme was not solved ({found.message})")
    policy = np.clip(found.x[:size], 0.0, None)
    return policy / policy.sum()


def exploitability(policy: Array, preference: Array) -> float:
    """How far above one half the best answer to `policy` wins, in [0, 1/2]; 0 for a Nash policy."""
    return float((preference @ policy).max() - 0.5)


def regularised_nash(preference: Array, reference: Array, tau: float) -> Array:
    """The one policy with policy_i proportional to reference_i exp(P(i beats policy) / tau).

    It is the equilibrium of P(p beats q) - tau KL(p to reference) + tau KL(q to reference). Source: Munos et al. 2024, section 4.
    Found by Newton's method while tau is lowered from 1; I - A D / tau is regular for every tau because A = P - 1/2 is
    antisymmetric and D = diag(policy) - policy policy' is not negative.
    """
    preferences.check(preference)
    if not tau > 0.0:
        raise BadInput(f"tau={tau} must be above 0; nash() gives the unregularised policy")
    if (reference <= 0.0).any() or reference.shape != (len(preference),):
        raise BadInput(f"reference: give {len(preference)} probabilities above 0")
    start = np.log(reference)
    logits = start.copy()
    for level in np.geomspace(max(tau, 1.0), tau, 40):
        logits = _fixed_point(preference, start, logits, float(level))
    return _softmax(logits)


def _fixed_point(preference: Array, start: Array, logits: Array, tau: float) -> Array:
    for _ in range(NEWTON_STEPS):
        policy = _softmax(logits)
        gap = logits - start - preference @ policy / tau
        if np.abs(gap - gap.mean()).max() < 1e-13 * max(1.0, np.abs(logits).max()):
            break
        spread = np.diag(policy) - np.outer(policy, policy)
        step = np.linalg.solve(np.eye(len(policy)) - preference @ spread / tau, gap)
        size = 1.0
        while (
            size > 1e-6
            and _miss(preference, start, logits - size * step, tau) > np.abs(gap - gap.mean()).max()
        ):
            size /= 2
        logits = logits - size * step
        logits = logits - logits.max()
    return logits


def _miss(preference: Array, start: Array, logits: Array, tau: float) -> float:
    gap = logits - start - preference @ _softmax(logits) / tau
    return float(np.abs(gap - gap.mean()).max())


def best_response(policy: Array, preference: Array, reference: Array, tau: float) -> Array:
    """What wins most against `policy` at a cost of tau a nat from the reference: reference exp(P(. beats policy) / tau)."""
    return _softmax(np.log(reference) + preference @ policy / tau)


def regularised_exploitability(policy: Array, preference: Array, reference: Array, tau: float) -> float:
    """What the best response gains over one half in the regularised game; 0 for `regularised_nash`, above 0 elsewhere."""
    scores = preference @ policy / tau
    most = scores.max()
    gain = tau * (most + np.log(reference @ np.exp(scores - most)))
    inside = policy > 0.0
    cost = tau * float(policy[inside] @ (np.log(policy[inside]) - np.log(reference[inside])))
    return float(gain + cost - 0.5)


def _softmax(logits: Array) -> Array:
    mass = np.exp(logits - logits.max())
    return mass / mass.sum()
