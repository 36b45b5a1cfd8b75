"""Linear layers whose weights lie in the order that the processor multiplies fastest: same numbers, fewer seconds.

oneDNN reorders plain weights on every call; at the few rows of a decoding step that costs as much as the product. Only
for inference: a reordered layer has no trainable weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1 << 23
"""Networks of fewer parameters keep their plain weights too."""
ROWS = 16
"""Rows for which the order is chosen; it serves other numbers of rows nearly as well."""


def prepack(network: Any) -> int:
    """Reorder every bfloat16 linear layer of a network on the CPU; how many were (0 where this torch cannot)."""
    import torch

    ops = getattr(torch.ops, "mkldnn", None)
    if ops is None or not hasattr(ops, "_linear_pointwise") or not torch.backends.mkldnn.is_available():
        return 0
    done = 0
    small = sum(parameter.numel() for parameter in network.parameters()) < SMALL
    for module in network.modules():
        if (
            type(module) is torch.nn.Linear
            and module.weight.dtype == torch.bfloat16
            and module.weight.device.type == "cpu"
        ):
            module.forward = product(module.weight.detach(), module.bias)
            done += 1
            if small:
                continue
            # The embedding may share the plain weights; a layer of its own need not keep them.
            module.weight = torch.nn.Parameter(torch.empty(0, dtype=torch.bfloat16), requires_grad=False)
    return done


def product(weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """rows [n, in] -> rows @ weight.T + bias, [n, out], for bfloat16 weights [out, in] on the CPU, which it copies."""
    import torch

    multiply = torch.ops.mkldnn._linear_pointwise
    with torch.no_grad():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)

    def forward(rows: Tensor) -> Tensor:
        return multiply(rows, packed, bias, "none", [], "")

    return forward
