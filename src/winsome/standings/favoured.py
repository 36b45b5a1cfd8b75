"""Which of several values a set of grades takes for granted: the highest mean, where shuffled grades would rarely show one as high.

Within a prompt the grades are shuffled among the values: where none is favoured they could have stood anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from winsome.standings.columns import Floats
from winsome.standings.intervals import t_quantile
from winsome.standings.ranking import holm

SHUFFLES = 2000
FEWEST = 8
"""Prompts with a grade for every value, below which nothing is claimed of an attribute."""


@dataclass(frozen=True)
class Served:
    """One attribute. means, errors: of the grades by value, over `n` prompts whose grades were all read.

    p_value: how often shuffled grades have as high a highest mean. default: values that cannot be told from the highest, where p_value
    decides (Holm over attributes); empty otherwise. margin: highest less next, with its interval, paired by prompt.
    """

    attribute: str
    values: tuple[str, ...]
    means: tuple[float, ...]
    errors: tuple[float, ...]
    n: int
    p_value: float | None
    default: tuple[str, ...] = ()
    margin: tuple[float, float, float] | None = None


def served(attribute: str, values: Sequence[str], grades: Floats, seed: int = 0) -> Served:
    """What the grades [prompts, values] say, NaN where one was not read; `default` is left to `decided`."""
    read = grades[~np.isnan(grades).any(1)]
    n = len(read)
    if n < FEWEST:
        return Served(attribute, tuple(values), (), (), n, None)
    means = read.mean(0)
    draw = np.random.default_rng([seed, SHUFFLES])
    found = 0
    for _ in range(SHUFFLES):
        found += float(draw.permuted(read, axis=1).mean(0).max()) >= float(means.max()) - 1e-12
    order = np.argsort(-means, kind="stable")
    margin = _paired(read[:, order[0]], read[:, order[1]])
    errors = tuple((read.std(0, ddof=1) / math.sqrt(n)).tolist())
    return Served(
        attribute, tuple(values), tuple(means.tolist()), errors, n, (1 + found) / (1 + SHUFFLES),
        tuple(values[int(k)] for k in order if k == order[0] or _paired(read[:, order[0]], read[:, k])[1] <= 0.0), margin,
    )  # fmt: skip


def decided(found: Sequence[Served], level: float = 0.95) -> list[Served]:
    """The same with a default only where shuffling is refused, the chance of any false one below 1 - level."""
    p_values = np.array([math.nan if one.p_value is None else one.p_value for one in found])
    return [
        one if refused else replace(one, default=())
        for one, refused in zip(found, holm(p_values, level).tolist(), strict=True)
    ]


def _paired(first: Floats, second: Floats, level: float = 0.95) -> tuple[float, float, float]:
    gap = first - second
    reach = t_quantile(len(gap) - 1.0, level) * float(gap.std(ddof=1)) / math.sqrt(len(gap))
    return float(gap.mean()), float(gap.mean()) - reach, float(gap.mean()) + reach
