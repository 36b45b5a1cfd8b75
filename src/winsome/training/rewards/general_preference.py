"""Preferences that need not be transitive: each answer is a vector, and a skew-symmetric form of two says which is preferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.training.batch import Losses, Needs
from winsome.training.rewards.batch import RewardBatch, outputs, preferred
from winsome.training.terms import positive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from torch import Tensor

NEEDS = Needs(references=())


def size(settings: Mapping[str, Any]) -> int:
    """Outputs of the model: the vector's length."""
    return int(settings["dim"])


def general_preference(
    batch: RewardBatch,
    *,
    dim: int = 4,
    temperature: float = 0.1,
    margin: float = 0.0,
    label_smoothing: float = 0.0,
    weighted: bool = False,
) -> Losses:
    """General preference model: -log sigmoid(s(w, l) / temperature - margin m), s(y, y') = sum_i (a_i b'_i - b_i a'_i).

    The model's `dim` outputs, divided by their length, are the pairs (a_i, b_i). s(y, y') = -s(y', y), so swapped answers have
    mirrored probabilities exactly, and K answers need K passes instead of K squared. Preferences in a circle can be learnt,
    which no rating can. `dim` is even; with 2 the answers stand on one circle.
    @ref: log 2 where both answers have one vector.
    Minimiser: sigmoid(s / temperature) = P(w preferred) where the form can hold it; |s| is at most 1.
    Source: Zhang et al. 2024 (Beyond Bradley-Terry Models), without the scaling by the prompt.
    """
    positive("temperature", temperature)
    if dim < 2 or dim % 2:
        raise BadInput(f"dim={dim} must be an even number from 2")
    gap = skew(outputs(batch, "chosen"), outputs(batch, "rejected")) / temperature
    return preferred(batch, gap, margin=margin, label_smoothing=label_smoothing, weighted=weighted)


def skew(first: Tensor, second: Tensor) -> Tensor:
    """s(first, second) in [-1, 1] of two sets of vectors [n, dim], [n]."""
    from torch.nn.functional import normalize

    a, b = normalize(first, dim=-1), normalize(second, dim=-1)
    return (a[:, ::2] * b[:, 1::2] - a[:, 1::2] * b[:, ::2]).sum(-1)
