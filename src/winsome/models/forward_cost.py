"""What one pass over texts costs at a size that is not at hand, before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from winsome.errors import BadInput

GPU_FLOPS, READING = 989e12, 0.4
"""One H100 with dense bfloat16, in operations a second, and the share of that peak which a forward pass reaches."""
CHARACTERS = 3.5
"""Of a token, where no tokenizer is asked."""
WEIGHT_BYTES, GIB = 2, 2**30


@dataclass(frozen=True)
class ForwardCost:
    """texts and tokens of one pass, by every model once; flops, gpu_hours of all models; gib: the weights of the largest, bfloat16."""

    texts: int
    tokens: int
    models: int
    flops: float
    gpu_hours: float
    gib: float

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))

    def line(self, what: str) -> str:
        """`what` names the texts, such as statements."""
        return (
            f"{self.texts:,} {what}, about {self.tokens:,} tokens ({CHARACTERS:g} characters each), {self.models} models: {self.flops:.2g} operations, "
            f"{self.gpu_hours:.2g} GPU-hours ({READING:.0%} of {GPU_FLOPS / 1e12:.0f} TFLOP/s, an estimate), weights of {self.gib:.1f} GiB at most"
        )


def forward_cost(texts: Iterable[int], parameters: Sequence[float]) -> ForwardCost:
    """The cost of reading texts of so many characters by models of so many parameters: 2 operations a parameter and token."""
    sizes = list(texts)
    tokens = sum(math.ceil(size / CHARACTERS) for size in sizes)
    flops = 2.0 * sum(parameters) * tokens
    hours = flops / (GPU_FLOPS * READING) / 3600.0
    return ForwardCost(
        len(sizes), tokens, len(parameters), flops, hours, WEIGHT_BYTES * max(parameters) / GIB
    )


def parameters_of(text: str) -> tuple[float, ...]:
    """Numbers of parameters joined by commas, such as 7e9,8e9; BadInput for what is none."""
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or any(not 1e3 <= size <= 1e14 for size in found):
        raise BadInput(f"{text[:40]}: give numbers of parameters joined by commas, such as 7e9 or 7e9,13e9")
    return found
