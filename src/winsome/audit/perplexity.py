"""The perplexity filter: an answer with a window that an embedded model finds less likely than any window of honest answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 10
"""Tokens a window; the last one of an answer may be shorter only where the answer is."""


def worst_windows(texts: Sequence[str], model: str = "smollm2-135m") -> list[float]:
    """Of each text the largest mean surprise (nats a token) of a window of its tokens under the model, without its prompt.

    An empty text has 0. Source: Jain et al. 2023, the windowed filter.
    """
    from winsome.models.forward import token_logprobs
    from winsome.models.render import text_ids
    from winsome.models.weights import load

    held = load(model)
    ids = [text_ids(held, text)[: held.context - 1] for text in texts]
    start = next(iter(sorted(held.ends)))
    return [worst(logprobs) for logprobs in token_logprobs(held, [[start]] * len(ids), ids)]


def worst(logprobs: Sequence[float] | np.ndarray, window: int = WINDOW) -> float:
    """The largest mean of -logprobs [tokens] over `window` neighbours, or over all where there are fewer; 0 for none."""
    surprise = -np.asarray(logprobs, np.float64)
    if not len(surprise):
        return 0.0
    size = min(window, len(surprise))
    sums = np.cumsum(np.concatenate([[0.0], surprise]))
    return float((sums[size:] - sums[:-size]).max() / size)
