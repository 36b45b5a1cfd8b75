"""Efficient exact optimisation on pairs."""

from __future__ import annotations

import math
from typing import Literal

from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, log_sigmoid, pair_losses, positive

NEEDS = Needs()


def exo(
    batch: Batch,
    *,
    beta: float = 0.1,
    label_smoothing: float = 1e-3,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    weighted: bool = False,
) -> Losses:
    """EXO-pref: KL from (q, 1 - q) to (1 - e, e), q log(q / (1 - e)) + (1 - q) log((1 - q) / e), q = sigmoid(beta D).

    The reverse of DPO's divergence: it seeks a mode. e = `label_smoothing` in (0, 0.5); at 0 the loss is infinite.
    @ref: -log 2 - log(e (1 - e)) / 2 (2.76123 at e = 0.001).
    Minimiser: with two answers beta D = (2 P(y_w beats y_l) - 1) log((1 - e) / e); with more, no closed form.
    Source: Ji et al. 2024, eq. 16.
    """
    positive("beta", beta)
    if not 0.0 < label_smoothing < 0.5:
        raise BadInput(f"label_smoothing={label_smoothing}: exo needs a value above 0 and below 0.5")
    z = beta * gap(batch, reference=reference, norm=norm)
    above, below = log_sigmoid(z), log_sigmoid(-z)
    values = above.exp() * (above - math.log1p(-label_smoothing)) + below.exp() * (
        below - math.log(label_smoothing)
    )
    return pair_losses(batch, values, reference=reference, weighted=weighted)
