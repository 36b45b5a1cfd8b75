"""Tokens from logits: temperature, top-k and top-p, one uniform a row through the inverse distribution function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from winsome.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 256
"""Weights that are summed before one of them is looked for."""
NUCLEUS = 1024
"""Candidates sorted first for top-p; the whole vocabulary only where they do not hold its mass."""


@dataclass(frozen=True)
class Draw:
    """How tokens are drawn. Temperature 0 takes the likeliest; `logprobs` asks for that many alternatives a token."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise BadInput(f"temperature={self.temperature} must be at least 0")
        if not 0.0 < self.top_p <= 1.0:
            raise BadInput(f"top_p={self.top_p} must lie in (0, 1]")
        if self.top_k is not None and self.top_k < 1:
            raise BadInput(f"top_k={self.top_k} must be at least 1")
        if "" in self.stop:
            raise BadInput("stop: an empty string would stop every answer at once; drop it")


def draw_tokens(logits: Tensor, uniform: Tensor, draw: Draw) -> Tensor:
    """Token ids [n] from logits [n, vocabulary] and uniforms [n] in [0, 1)."""
    if draw.temperature == 0.0:
        return logits.argmax(1)
    scaled = logits if draw.temperature == 1.0 else logits / draw.temperature
    if draw.top_k is None and draw.top_p >= 1.0:
        return _invert(scaled.softmax(1), uniform)
    if draw.top_k is not None:
        scores, ids = scaled.topk(min(draw.top_k, scaled.shape[1]))
        probabilities = scores.softmax(1)
    else:
        probabilities, ids = _nucleus(scaled, draw.top_p)
    if draw.top_p < 1.0:
        before = probabilities.cumsum(1) - probabilities
        probabilities = probabilities.masked_fill(before >= draw.top_p, 0.0)
    return ids.gather(1, _invert(probabilities, uniform)[:, None])[:, 0]


def logprobs_of(logits: Tensor, tokens: Tensor, alternatives: int) -> list[tuple[float, dict[int, float]]]:
    """For each row the model's log-probability (nats, temperature 1) of its token, and of the likeliest tokens."""
    logs = logits.log_softmax(1)
    own = logs.gather(1, tokens[:, None])[:, 0].tolist()
    values, ids = logs.topk(max(alternatives, 1))
    rows = [dict(zip(i, v, strict=True)) for i, v in zip(ids.tolist(), values.tolist(), strict=True)]
    return [(o, row if alternatives else {}) for o, row in zip(own, rows, strict=True)]


def _nucleus(scaled: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The likeliest candidates, falling, that hold at least `top_p` of each row's mass."""
    probabilities = scaled.softmax(1)
    found, ids = probabilities.topk(min(NUCLEUS, scaled.shape[1]))
    if bool((found.sum(1) < top_p).any()):
        found, ids = probabilities.sort(1, descending=True)
    return found, ids


def _invert(weights: Tensor, uniform: Tensor) -> Tensor:
    """The index at which the running sum of `weights` [n, size] passes `uniform` [n] times the whole, [n].

    A long row is searched by the sums of its blocks, then within one: running sums over all of it would cost more.
    """
    import torch

    n, size = weights.shape
    if size <= 2 * BLOCK:
        running = weights.cumsum(1)
        return _passed(running, uniform[:, None] * running[:, -1:])[:, 0]
    blocks = torch.nn.functional.pad(weights, (0, -size % BLOCK)).view(n, -1, BLOCK)
    sums = blocks.sum(2)
    running = sums.cumsum(1)
    target = uniform[:, None] * running[:, -1:]
    block = _passed(running, target)
    rest = target - (running - sums).gather(1, block)
    within = blocks[torch.arange(n, device=block.device), block[:, 0]].cumsum(1)
    return (block * BLOCK + _passed(within, rest.clamp_(min=0.0)))[:, 0]


def _passed(running: Tensor, target: Tensor) -> Tensor:
    """Where running sums [n, size] first pass `target` [n, 1]: always at a weight above 0, though rounding may lift the target
    up to the whole."""
    import torch

    whole = running[:, -1:]
    return torch.searchsorted(running, target.minimum(whole.nextafter(whole - whole)), right=True)
