"""Control variates where some kinds of pairs were labelled more than others: one figure a stratum, weighted by what it is of all pairs.

With W_h the share of all N pairs in stratum h and theta_h the assisted figure of its labels, drawn at random within it,

    theta = sum_h W_h theta_h,    Var(theta) = sum_h W_h^2 Var(theta_h) + sum_h W_h (theta_h - theta)^2 / N,

the last term, by which N pairs of a population fall into strata, is absent where exactly these pairs are meant. Source: Cochran 1977, ch. 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints
from winsome.standings.control_variates import FEWEST, ControlVariates, Target, control_variates, quantile
from winsome.standings.intervals import check_level, wilson


@dataclass(frozen=True)
class Stratified:
    """The figure of all pairs in [0, 1]; human: by people alone, weighted alike; plain: people's mean as if the draw had been even."""

    estimate: float
    standard_error: float
    low: float
    high: float
    human: float
    plain: float
    weights: tuple[float, ...]
    strata: tuple[ControlVariates, ...]

    def payload(self) -> dict[str, Any]:
        return vars(self) | {"strata": [one.payload() for one in self.strata]}


def stratified(
    y: Floats, s: Floats, s_all: Floats, strata: Ints, strata_all: Ints, *, target: Target = "population", level: float = 0.95
) -> Stratified:  # fmt: skip
    """The human mean over all pairs from labels drawn at random within each stratum; strata: codes [n] of the labelled, [N] of all pairs.

    Degrees of freedom after Welch and Satterthwaite. Raises BadInput for a stratum with fewer than 4 labels, and as `control_variates` does.
    """
    check_level(level)
    if len(strata) != len(y) or len(strata_all) != len(s_all):
        raise BadInput(
            f"strata: {len(strata)} and {len(strata_all)} codes for {len(y)} labels and {len(s_all)} pairs; give each row's"
        )
    held: list[ControlVariates] = []
    codes = np.unique(strata_all)
    for code in codes.tolist():
        mine, every = strata == code, strata_all == code
        if mine.sum() < FEWEST:
            raise BadInput(
                f"stratum {code}: {int(mine.sum())} labels for its {int(every.sum())} pairs; label {FEWEST} or more, or join strata"
            )
        held.append(control_variates(y[mine], s[mine], s_all[every], target=target, level=level))
    weights = np.array([(strata_all == code).mean() for code in codes])
    figures = np.array([one.estimate for one in held])
    estimate = float(weights @ figures)
    parts = weights**2 * np.array([one.standard_error**2 for one in held])
    variance = float(parts.sum())
    degrees = np.array([max(1.0, one.labels - 2.0) for one in held])
    df = variance**2 / float((parts**2 / degrees).sum()) if variance > 0.0 else float(len(y) - 1)
    if target == "population":
        variance += float(weights @ (figures - estimate) ** 2) / len(s_all)
    mean = min(1.0, max(0.0, estimate))
    effective = float(len(y)) if variance <= 1e-18 or not 0.0 < mean < 1.0 else mean * (1.0 - mean) / variance
    low, high = wilson(mean, effective, quantile(df, level))
    human = float(weights @ np.array([one.human.estimate for one in held]))
    return Stratified(
        estimate, math.sqrt(variance), low, high, human, float(np.mean(y)), tuple(weights.tolist()), tuple(held)
    )  # fmt: skip
