"""Dawid-Skene: what the items' true labels probably are, and how each rater errs, from ratings alone.

Source: Dawid and Skene 1979. Expectation-maximisation from the majority's vote; the error rates are those of the raters against the
labels that they imply together, so raters who err alike are believed too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints

Tables = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """posterior [items, labels]; confusion [raters, true label, given label], rows sum to 1; prior [labels].

    steps: how many were made; converged: whether the posterior stood still at the end.
    """

    posterior: Floats
    confusion: Tables
    prior: Floats
    steps: int
    converged: bool

    @property
    def label(self) -> Ints:
        """The likeliest label of each item, the lowest of equals."""
        return self.posterior.argmax(1).astype(np.int32)

    @property
    def reliability(self) -> Floats:
        """How often each rater gives the true label, over items as they come."""
        return np.einsum("k,rkk->r", self.prior, self.confusion)


def dawid_skene(
    ratings: NDArray[np.int32],
    labels: int,
    *,
    smoothing: float = 0.01,
    steps: int = 500,
    tolerance: float = 1e-9,
) -> DawidSkene:
    """The model of `ratings` [items, raters], codes below `labels`, -1 where a rater said nothing.

    smoothing: counts added to every cell of a rater's table, so that a label never seen is not impossible. Raises BadInput for
    codes outside, and where nothing was rated.
    """
    if ratings.ndim != 2 or not (ratings >= 0).any():
        raise BadInput("Dawid-Skene of no ratings; give a row an item and a column a rater")
    if ratings.max() >= labels or ratings.min() < -1:
        raise BadInput(f"Dawid-Skene: a rating lies outside 0 to {labels - 1}; give codes, -1 for none")
    given = np.stack([(ratings == label) for label in range(labels)], axis=2).astype(np.float64)
    votes = given.sum(1)
    total = votes.sum(1, keepdims=True)
    posterior = np.where(total > 0, votes / np.maximum(total, 1.0), 1.0 / labels)
    confusion, prior = _maximised(given, posterior, smoothing)
    made, converged = 0, False
    while made < steps and not converged:
        found = _expected(given, confusion, prior)
        converged = float(np.abs(found - posterior).max()) < tolerance
        posterior, made = found, made + 1
        confusion, prior = _maximised(given, posterior, smoothing)
    return DawidSkene(posterior, confusion, prior, made, converged)


def _maximised(given: Tables, posterior: Floats, smoothing: float) -> tuple[Tables, Floats]:
    tables = np.einsum("ik,irl->rkl", posterior, given) + smoothing
    return tables / tables.sum(2, keepdims=True), posterior.mean(0)


def _expected(given: Tables, confusion: Tables, prior: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        log = np.log(prior)[None, :] + np.einsum("irl,rkl->ik", given, np.log(confusion))
    weight = np.exp(log - log.max(1, keepdims=True))
    return weight / weight.sum(1, keepdims=True)
