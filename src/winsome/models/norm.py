"""Root-mean-square norms in one step of autograd: less is kept for the backward pass, and what follows gets its own precision.

The forms of transformers keep four tensors a norm and hand float32 to each product under autocast, which casts it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

FORMS = ("LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm", "SmolLM3RMSNorm", "GraniteRMSNorm")
"""Norms that are weight * x / sqrt(mean(x^2) + eps) and nothing else."""


def fuse_norms(network: Any) -> int:
    """Let the norms of a network that are of a known form take one step; how many do."""
    done = 0
    for module in network.modules():
        if type(module).__name__ in FORMS and "forward" not in vars(module):
            module.forward = _forward(module)
            done += 1
    return done


def _forward(module: Any) -> Any:
    import torch

    def forward(states: Tensor) -> Tensor:
        kind = states.device.type
        given = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        with torch.autocast(kind, enabled=False):
            return _norm().apply(states, module.weight, module.variance_epsilon, given)

    return forward


_Norm: Any = None


def _norm() -> Any:
    """The autograd function, made once torch is imported."""
    global _Norm
    if _Norm is None:
        _Norm = _make()
    return _Norm


def _make() -> Any:
    import torch

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, states, weight, epsilon, given):
            full = states if states.dtype == torch.float64 else states.float()
            scale = (torch.linalg.vector_norm(full, dim=-1, keepdim=True).square_() / full.shape[-1]).add_(
                epsilon
            )
            scale.rsqrt_()
            ctx.save_for_backward(states, weight, scale)
            return (full * scale).mul_(weight).to(given)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            states, weight, scale = ctx.saved_tensors
            full, above = states.to(scale.dtype), above.to(scale.dtype)
            width = full.shape[-1]
            # x / |x| is never made: both sums over it are products of what it would be multiplied by.
            both = (above * full).reshape(-1, width)
            of_weight = (scale.reshape(1, -1) @ both)[0].to(weight.dtype) if ctx.needs_input_grad[1] else None
            along = (both @ weight.to(scale.dtype)).reshape(scale.shape).mul_(scale.pow(3)).div_(-width)
            of_states = (above * weight).mul_(scale).addcmul_(full, along)
            return of_states.to(states.dtype), of_weight, None, None

    return Norm
