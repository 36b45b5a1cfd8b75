"""What a model makes of an answer half-way up: hidden states of a middle layer, averaged over the answer's tokens."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.models.forward import hidden_states
from winsome.models.packing import Tree, pack
from winsome.models.weights import LocalModel

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


def lower_layers(model: LocalModel, layers: int) -> LocalModel:
    """A view of the model's first `layers` layers, without its final norm and head; shares the weights."""
    import torch

    whole = model.network.base_model
    if not 0 < layers <= len(whole.layers):
        raise BadInput(f"{model.name} has {len(whole.layers)} layers; layer {layers} cannot be read")
    part = copy.copy(whole)
    part._modules = dict(whole._modules)
    part.layers = whole.layers[:layers]
    part.norm = torch.nn.Identity()
    part.config = copy.copy(whole.config)
    part.config.num_hidden_layers = layers
    return replace(model, network=_Headless(part, model.network), lock=model.lock)


class _Headless:
    """A network of which only `base_model` is run."""

    def __init__(self, base_model: Any, whole: Any) -> None:
        self.base_model = base_model
        self.config = base_model.config
        self.dtype = whole.dtype


def answer_means(
    lower: LocalModel, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> NDArray[float32]:
    """Mean hidden state over the tokens of each answer, read after its prompt: [n, d].

    Each answer has a row of its own, so its value does not depend, bit for bit, on what else is asked.
    Raises BadInput for an answer without tokens.
    """
    import numpy as np
    import torch

    found: list[NDArray[float32]] = []
    with torch.inference_mode():
        for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            if not answer:
                raise BadInput(f"answer {i} has no tokens; an empty answer has no mean")
            packed = pack([Tree(prompt, [answer])], lower.device)
            start, end = packed.branches[0][0]
            found.append(hidden_states(lower, packed)[start:end].float().mean(0).cpu().numpy())
    return np.stack(found) if found else np.zeros((0, lower.network.config.hidden_size), np.float32)
