"""Weights within one update: a copy in the products' precision, gradients added where they lie.

A table is by far the largest tensor of a small model. Autograd would make a gradient of its size for the embedding and another
for the head in every micro-batch, fill both, and add them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Update:
    """What is kept between two changes of the weights. `in_place`: no wrapper waits for the tables' gradients to pass by."""

    in_place: bool
    copies: dict[int, Tensor] = field(default_factory=dict)


_update: Update | None = None


@contextmanager
def tables_kept(in_place: bool) -> Iterator[None]:
    """Within, no weight may change. With `in_place` the tables' gradients are added to `.grad` and pass no hook."""
    global _update
    before, _update = _update, Update(in_place)
    try:
        yield
    finally:
        _update = before


def copied(weight: Tensor, compute: Any) -> Tensor:
    """`weight` in `compute`, made once an update; outside of one, or where it is so already, `weight` itself."""
    weight = weight.detach()
    if _update is None or weight.dtype == compute:
        return weight
    key = weight.data_ptr()
    if key not in _update.copies:
        _update.copies[key] = weight.to(compute)
    return _update.copies[key]


def in_place() -> bool:
    """Whether gradients are added in place now."""
    return _update is not None and _update.in_place


def added(weight: Tensor, gradient: Tensor) -> None:
    """Add `gradient`, of any precision, to that of `weight`."""
    if weight.grad is None:
        weight.grad = gradient.to(weight.dtype)
    else:
        weight.grad.add_(gradient)


def place(weight: Tensor) -> Tensor | None:
    """Where to add the gradient of `weight`; None where autograd must hand it on."""
    import torch

    if not in_place() or not weight.is_leaf:
        return None
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def looked_up(layer: Any, ids: Tensor) -> Tensor | None:
    """Rows of an embedding [.., d] whose gradient is added in place; None where the layer must do it itself."""
    import torch

    if not in_place() or type(layer) is not torch.nn.Embedding:
        return None
    if not layer.weight.requires_grad or layer.max_norm is not None or layer.scale_grad_by_freq:
        return None
    return _look_up().apply(layer.weight, ids, layer.padding_idx)


_LookUp: Any = None


def _look_up() -> Any:
    """The autograd function, made once torch is imported."""
    global _LookUp
    if _LookUp is None:
        _LookUp = _make()
    return _LookUp


def _make() -> Any:
    import torch

    class LookUp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, weight, ids, padding):
            ctx.save_for_backward(weight, ids)
            ctx.padding = padding
            return weight[ids]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            weight, ids = ctx.saved_tensors
            rows, ids = above.to(weight.dtype).flatten(0, -2), ids.flatten()
            if ctx.padding is not None:
                # torch's own: what pads is not learnt where it is read, though it may be a real token too.
                rows = rows.masked_fill((ids == ctx.padding)[:, None], 0.0)
            found = place(weight)
            made = torch.zeros_like(weight) if found is None else found
            made.index_add_(0, ids, rows)
            return (made if found is None else None), None, None

    return LookUp
