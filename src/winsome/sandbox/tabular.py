"""A softmax policy with one logit for every prompt and response, in torch: what an objective trains in an exact world."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class TabularPolicy:
    """`logits` [prompts, responses] in float64 with gradient; starts at the policy it is given.

    A response is one choice, so its log-probability is a sum over its tokens however long it is said to be.
    """

    def __init__(self, start: NDArray[np.float64]) -> None:
        import torch

        self.logits = torch.tensor(start, dtype=torch.float64).log().requires_grad_(True)

    def logprobs(self, prompts: Tensor, responses: Tensor) -> Tensor:
        """Log-probabilities in nats of `responses` to `prompts` (numbers, [n] each), with gradient."""
        return self.logits.log_softmax(1)[prompts, responses]

    def parameters(self) -> list[Tensor]:
        """What an optimiser steps."""
        return [self.logits]

    def policy(self) -> NDArray[np.float64]:
        """The probabilities as they stand, [prompts, responses]."""
        return self.logits.detach().softmax(1).numpy()
