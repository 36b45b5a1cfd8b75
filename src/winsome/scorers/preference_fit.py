"""A linear preference score fitted to pairs: Bradley-Terry with features, as a penalised logistic regression on differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray


def fit_preferences(
    differences: NDArray[float64],
    shares: NDArray[float64],
    row_weights: NDArray[float64],
    penalty: NDArray[float64],
) -> NDArray[float64]:
    """Weights [d] that minimise sum w_i H(y_i, sigmoid(x_i . weights)) + 1/2 sum penalty_j weights_j^2.

    differences: [n, d], first answer minus second. shares: [n] in [0, 1], of the first. There is no intercept, so swapping the
    two answers of any pair (x -> -x, y -> 1 - y) leaves the fit as it is. penalty: [d], positive.
    Newton's method with step halving; H is the cross-entropy in nats.
    """
    import numpy as np

    weights = np.zeros(differences.shape[1])
    best = _loss(weights, differences, shares, row_weights, penalty)
    for _ in range(50):
        predicted = sigmoid(differences @ weights)
        gradient = differences.T @ (row_weights * (predicted - shares)) + penalty * weights
        curvature = row_weights * predicted * (1.0 - predicted)
        hessian = (differences * curvature[:, None]).T @ differences
        hessian[np.diag_indices_from(hessian)] += penalty
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6:
            loss = _loss(weights - size * step, differences, shares, row_weights, penalty)
            if loss <= best:
                break
            size /= 2
        weights = weights - size * step
        if best - loss < 1e-10 * max(1.0, abs(best)):
            break
        best = loss
    return weights


def cross_entropy(margins: NDArray[float64], shares: NDArray[float64]) -> NDArray[float64]:
    """Cross-entropy in nats of shares [n] under sigmoid(margins [n])."""
    import numpy as np

    return np.logaddexp(0.0, margins) - shares * margins


def held_out_margins(
    differences: NDArray[float64],
    shares: NDArray[float64],
    row_weights: NDArray[float64],
    penalty: NDArray[float64],
    clusters: Sequence[object],
    *,
    folds: int = 5,
    seed: int = 0,
) -> NDArray[float64]:
    """Each row's margin from a fit that saw none of its cluster, [n]; clusters are dealt to folds by `seed`."""
    import numpy as np

    names = sorted(set(map(str, clusters)))
    dealt = np.random.default_rng(seed).permutation(len(names)) % folds
    fold_of = dict(zip(names, dealt.tolist(), strict=True))
    fold: NDArray[int64] = np.array([fold_of[str(cluster)] for cluster in clusters])
    margins = np.zeros(len(shares))
    for k in range(folds):
        out = fold == k
        weights = fit_preferences(differences[~out], shares[~out], row_weights[~out], penalty)
        margins[out] = differences[out] @ weights
    return margins


def calibration_slope(
    margins: NDArray[float64], shares: NDArray[float64], row_weights: NDArray[float64]
) -> float:
    """The factor on held-out margins that makes sigmoid(factor * margin) the best-calibrated probability."""
    import numpy as np

    return float(fit_preferences(margins[:, None], shares, row_weights, np.array([1e-9]))[0])


def sigmoid(x: NDArray[float64]) -> NDArray[float64]:
    """1 / (1 + exp(-x)) without overflow."""
    import numpy as np

    return np.exp(-np.logaddexp(0.0, -x))


def _loss(
    weights: NDArray[float64],
    differences: NDArray[float64],
    shares: NDArray[float64],
    row_weights: NDArray[float64],
    penalty: NDArray[float64],
) -> float:
    return float(
        (row_weights * cross_entropy(differences @ weights, shares)).sum()
        + 0.5 * (penalty * weights**2).sum()
    )
