"""Linear layers over the same states in one step of autograd, within an update: gradients are added where they lie.

Autograd makes each weight's gradient in the products' precision, converts it and adds it up, all tensors of the weight's size; and
it adds the states' gradients of layers that share them one by one, which the products do themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from winsome.models.tables import added, copied, in_place

if TYPE_CHECKING:
    from torch import Tensor


def linears(states: Tensor, layers: Sequence[Any]) -> tuple[Tensor, ...]:
    """What each of `layers` makes of `states` [.., d]: [.., its width] each, in the precision of the products."""
    import torch

    if not in_place() or not all(map(_plain, layers)):
        return tuple(layer(states) for layer in layers)
    kind = states.device.type
    compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    with torch.autocast(kind, enabled=False):
        found = _products().apply(states.flatten(0, -2), compute, len(layers), *weights, *biases)
    return tuple(one.unflatten(0, states.shape[:-1]) for one in found)


def _plain(layer: Any) -> bool:
    """Whether a layer is one matrix that is learnt, and nothing else happens in it."""
    import torch

    return (
        type(layer) is torch.nn.Linear
        and "forward" not in vars(layer)
        and layer.weight.requires_grad
        and layer.weight.is_leaf
        and not (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks)
    )


_Products: Any = None


def _products() -> Any:
    """The autograd function, made once torch is imported."""
    global _Products
    if _Products is None:
        _Products = _make()
    return _Products


def _make() -> Any:
    import torch

    class Products(torch.autograd.Function):
        @staticmethod
        def forward(ctx, states, compute, count, *given):
            weights, biases = given[:count], given[count:]
            x = states.to(compute)
            found = tuple(
                x @ copied(weight, compute).T
                if bias is None
                else torch.addmm(bias.to(compute), x, copied(weight, compute).T)
                for weight, bias in zip(weights, biases, strict=True)
            )
            ctx.save_for_backward(x, *given)
            ctx.settings = (states.dtype, count)
            return found

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, *above):
            x, *given = ctx.saved_tensors
            dtype, count = ctx.settings
            of_states = None
            for number, (pushed, weight) in enumerate(zip(above, given[:count], strict=True)):
                pushed = pushed.to(x.dtype)
                if ctx.needs_input_grad[0]:
                    w = copied(weight, x.dtype)
                    of_states = pushed @ w if of_states is None else of_states.addmm_(pushed, w)
                added(weight, pushed.T @ x)
                bias = given[count + number]
                if bias is not None and bias.requires_grad:
                    added(bias, pushed.sum(0))
            of_states = None if of_states is None else of_states.to(dtype)
            return of_states, None, None, *(None for _ in given)

    return Products
