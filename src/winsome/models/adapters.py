"""Linear layers with a low-rank adapter in one step of autograd: x W' + (x A') (scale B)' and nothing converted in between.

peft's form hands the adapter float32, which autocast turns back, and adds three tensors of the output's size; the frozen weight is
converted anew in every micro-batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from winsome.models.tables import copied

if TYPE_CHECKING:
    from torch import Tensor


def fuse_adapters(network: Any) -> int:
    """Let the adapted linear layers of a PEFT network take one step where they are plain; how many may."""
    from peft.tuners.lora.layer import Linear

    done = 0
    for module in network.modules():
        if type(module) is Linear and "forward" not in vars(module):
            module.forward = _forward(module, module.forward)
            done += 1
    return done


def _plain(module: Any) -> str | None:
    """The one adapter of a layer that is on, over a frozen weight, and nothing but a product of two matrices; else None."""
    import torch

    base, names = module.base_layer, module.active_adapters
    if module.disable_adapters or module.merged or len(names) != 1 or names[0] not in module.lora_A:
        return None
    name = names[0]
    simple = (
        name not in module.lora_variant
        and type(base) is torch.nn.Linear
        and "forward" not in vars(base)
        and not base.weight.requires_grad
        and not (module.training and module.lora_dropout[name].__class__ is not torch.nn.Identity)
        and module.lora_A[name].bias is None
        and module.lora_B[name].bias is None
    )
    return name if simple else None


def _forward(module: Any, plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    import torch

    def forward(states: Tensor, *args: Any, **others: Any) -> Tensor:
        name = None if args or others else _plain(module)
        if name is None:
            return plain(states, *args, **others)
        kind = states.device.type
        compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        down, up = module.lora_A[name].weight, module.lora_B[name].weight
        base = module.base_layer
        with torch.autocast(kind, enabled=False):
            found = _product().apply(
                states.flatten(0, -2), base.weight, base.bias, down, up, module.scaling[name], compute
            )
        return found.unflatten(0, states.shape[:-1])

    return forward


_Product: Any = None


def _product() -> Any:
    """The autograd function, made once torch is imported."""
    global _Product
    if _Product is None:
        _Product = _make()
    return _Product


def _make() -> Any:
    import torch

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, states, weight, bias, down, up, scale, compute):
            x, w = states.to(compute), copied(weight, compute).to(compute)
            a, b = down.to(compute), (up * scale).to(compute)
            narrow = x @ a.T
            found = x @ w.T if bias is None else torch.addmm(bias.to(compute), x, w.T)
            found.addmm_(narrow, b.T)
            ctx.save_for_backward(x, w, narrow, a, b)
            ctx.settings = (states.dtype, down.dtype, scale)
            return found

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            x, w, narrow, a, b = ctx.saved_tensors
            given, full, scale = ctx.settings
            pushed = above @ b
            of_states = None
            if ctx.needs_input_grad[0]:
                of_states = (above @ w).addmm_(pushed, a).to(given)
            of_down = (pushed.T @ x).to(full)
            of_up = (above.T @ narrow).to(full).mul_(scale)
            return of_states, None, None, of_down, of_up, None, None

    return Product
