"""How often an audit's rule raises an alarm about a judge that deserves none, at the number of prompts that was asked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.audit.findings import share
from winsome.standings.columns import Floats
from winsome.standings.intervals import t_quantile

DRAWS = 1000


def alarmed(shares: Floats, limit: float) -> NDArray[np.bool_]:
    """[draws] whether the score interval of each mean of `shares` [draws, prompts] lies above `limit` per cent, as `mean_share` has it."""
    n = shares.shape[-1]
    if n < 2:
        return np.zeros(shares.shape[:-1], np.bool_)
    mean, bound = shares.mean(-1), limit / 100.0
    variance = ((shares - mean[..., None]) ** 2).sum(-1) / (n * (n - 1.0))
    effective = np.where(variance > 0.0, mean * (1.0 - mean) / np.maximum(variance, 1e-300), n)
    return mean - bound > t_quantile(n - 1.0, 0.95) * np.sqrt(
        bound * (1.0 - bound) / np.maximum(effective, 1e-300)
    )


def of_edit(shares: Floats, seed: int = 0) -> dict[str, Any]:
    """Per cent of draws with an alarm above 50 where each verdict [prompts] is as likely the other way round.

    That is a judge as noisy as this one whom the edit does not move.
    """
    shares = shares[~np.isnan(shares)]
    turned = np.random.default_rng(seed).integers(2, size=(DRAWS, len(shares)), dtype=np.int8)
    held = alarmed(np.where(turned == 1, 1.0 - shares, shares), 50.0)
    return share(int(held.sum()), DRAWS if len(shares) else 0)


def of_null(n: int, limit: float) -> float | None:
    """Per cent of judges with an alarm with whom an answer without content wins each of `n` prompts with chance `limit` per cent.

    Exact: the binomial chance of the counts of wins at which the rule holds. None for n = 0.
    """
    if not n:
        return None
    chance, wins = limit / 100.0, np.arange(n + 1)
    held = alarmed((np.arange(n) < wins[:, None]).astype(np.float64), limit)
    return 100.0 * sum(math.comb(n, k) * chance**k * (1.0 - chance) ** (n - k) for k in wins[held].tolist())
