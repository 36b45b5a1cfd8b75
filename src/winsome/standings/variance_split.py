"""How much of the spread of shares lies between prompts, between contexts of one prompt, and between asks in one context.

Nested random effects by the method of moments (ANOVA); a component that comes out below 0 is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats, Ints, counts, dense, sums
from winsome.standings.intervals import t_quantile


@dataclass(frozen=True)
class VarianceSplit:
    """Variances of a share and its mean over prompts, each prompt 1 and each context of it 1.

    standard_error, low, high: of the mean, prompts being what is independent. lowest, highest: the mean of the prompts' worst and best
    context, by observed shares. asks is 0.0 where every context was asked once: then `contexts` holds the noise of asking too.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    prompts: float
    contexts: float
    asks: float
    lowest: float
    highest: float
    n: int


def variance_split(share: Floats, prompt: Ints, context: Ints, *, level: float = 0.95) -> VarianceSplit:
    """The split of shares [asks] in [0, 1]; context codes need be distinct only within a prompt.

    Raises BadInput where no prompt was asked in two contexts.
    """
    outer, prompts = dense(prompt)
    _, cell = np.unique(np.stack([outer, context]), axis=1, return_inverse=True)
    cell = cell.ravel()
    cells = int(cell.max()) + 1
    owner = np.zeros(cells, np.int32)
    owner[cell] = outer
    many = counts(owner, prompts)
    if (many < 2).all():
        raise BadInput("no prompt was asked in two contexts; draw at least two a prompt")
    size = counts(cell, cells).astype(np.float64)
    mean = sums(cell, share, cells) / size
    within = sums(cell, (share - mean[cell]) ** 2, cells).sum()
    free = float((size - 1.0).sum())
    noise = float(within) / free if free > 0 else 0.0
    of_prompt = sums(owner, mean, prompts) / many
    spread = float(((mean - of_prompt[owner]) ** 2).sum()) / float((many - 1).sum())
    # a context's mean carries the noise of its asks
    share_of_noise = float((1.0 / size).mean()) * noise
    contexts = max(0.0, spread - share_of_noise)
    centre = float(of_prompt.mean())
    between = float(of_prompt.var(ddof=1)) if prompts > 1 else 0.0
    error = math.sqrt(between / prompts) if prompts > 1 else math.nan
    reach = t_quantile(prompts - 1.0, level) * error if prompts > 1 else math.inf
    lowest, highest = np.full(prompts, np.inf), np.full(prompts, -np.inf)
    np.minimum.at(lowest, owner, mean)
    np.maximum.at(highest, owner, mean)
    return VarianceSplit(
        centre, error, max(0.0, centre - reach), min(1.0, centre + reach),
        max(0.0, between - float((spread / many).mean())), contexts, noise, float(lowest.mean()), float(highest.mean()), prompts,
    )  # fmt: skip
