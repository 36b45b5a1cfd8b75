"""DPO with labels taken to be wrong now and then."""

from __future__ import annotations

from typing import Literal

from winsome.training.batch import Batch, Losses, Needs
from winsome.training.terms import gap, positive, sigmoid_losses

NEEDS = Needs()


def cdpo(
    batch: Batch,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.1,
    norm: Literal["sum", "mean"] = "sum",
    reference: Literal["reference", "last", "behaviour", "none"] = "reference",
    margin: float = 0.0,
    nll_weight: float = 0.0,
    nll_span: Literal["answer", "all"] = "answer",
    weighted: bool = False,
) -> Losses:
    """Conservative DPO: -(1 - e) log sigmoid(beta D) - e log sigmoid(-beta D), e = `label_smoothing`.

    The loss has a floor: a pair is content at beta D = log((1 - e) / e), however clear its label. `robust` is another loss.
    @ref: log 2.
    Minimiser: with two answers, the tilt of pi_ref by log((1 - q) / q) / beta, q = e + (1 - 2e) P(y_l beats y_w); with more, no closed form.
    Source: Mitchell 2023, a note on DPO with noisy preferences.
    """
    positive("beta", beta)
    z = beta * gap(batch, reference=reference, norm=norm)
    return sigmoid_losses(
        batch,
        z,
        reference=reference,
        label_smoothing=label_smoothing,
        margin=margin,
        nll_weight=nll_weight,
        nll_span=nll_span,
        weighted=weighted,
    )
