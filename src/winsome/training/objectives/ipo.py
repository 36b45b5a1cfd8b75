"""Identity preference optimisation."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, pair_losses, positive

NEEDS = Needs()


def ipo(
    batch: Batch,
    *,
    beta: float = 0.1,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """IPO: (D - 1 / (2 beta))^2, beta being the paper's tau.

    `norm` sum is the paper's formula; mean divides each side's ratio by its own tokens, as TRL does on its authors' word. A beta
    for one is no beta for the other.
    @ref: 1 / (4 beta^2).
    Minimiser: pi proportional to pi_ref exp(p(y beats mu) / beta), where both sides of a pair are independent draws from mu.
    Source: Azar et al. 2023, eq. 17.
    """
    positive("beta", beta)
    values = (gap(batch, reference=reference, norm=norm) - 0.5 / beta) ** 2
    return pair_losses(batch, values, reference=reference, weighted=weighted)
