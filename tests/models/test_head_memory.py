"""The head never holds all logits: no tensor of a forward and backward pass grows with vocabulary or positions beyond a block."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from winsome.models import head
from winsome.models.head import Head, target_logprobs

WIDTH = 16


class Watched(TorchDispatchMode):
    """Every tensor that an operation makes: the largest one, and the most entries alive at once."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.largest, self.most, self.alive = weight.shape, 0, 0, 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for made in found if isinstance(found, (tuple, list)) else (found,):
            if not isinstance(made, torch.Tensor) or sorted(made.shape) == sorted(self.weight):
                continue
            self.largest = max(self.largest, made.numel())
            storage = made.untyped_storage()
            key = storage.data_ptr()
            if key and key not in self.seen:
                self.seen.add(key)
                size = storage.nbytes()
                self.alive += size
                self.most = max(self.most, self.alive)
                weakref.finalize(storage, self.gone, key, size)
        return found

    def gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.alive -= size


def cost(positions: int, vocabulary: int) -> Watched:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = torch.nn.Linear(WIDTH, vocabulary, bias=False)
    hidden = torch.randn(positions, WIDTH, requires_grad=True)
    targets = torch.randint(vocabulary, (positions,))
    gc.collect()
    with Watched(layer.weight) as seen:
        target_logprobs(Head(layer, 1.0, None), hidden, targets).sum().backward()
    assert hidden.grad is not None
    return seen


@pytest.mark.parametrize(
    ("positions", "vocabulary"), [(1024, 16_384), (1024, 32_768), (4096, 16_384), (6000, 32_768)]
)
def test_no_tensor_is_larger_than_a_block(monkeypatch, positions, vocabulary):
    """Whole logits would have 17 to 197 million entries."""
    monkeypatch.setattr(head, "KEPT", 0)
    assert cost(positions, vocabulary).largest <= head.BLOCK_ENTRIES <= positions * vocabulary // 8


def test_peak_memory_is_flat_when_the_vocabulary_doubles(monkeypatch):
    monkeypatch.setattr(head, "KEPT", 0)
    small, large = (cost(1024, size).most for size in (16_384, 32_768))
    # What grows is the layer's own gradient, with the buffer that it is added up in.
    assert 0 < large - small <= 2 * 4 * WIDTH * 16_384 + 4096
    assert large < 4 * 1024 * 32_768 / 5
