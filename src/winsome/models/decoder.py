"""LLaMA-style networks run as plain tensor operations: the same function as their modules, without the modules' calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.models.prepack import SMALL, product

if TYPE_CHECKING:
    from torch import Tensor

FAMILIES = frozenset(("llama", "mistral", "qwen2"))
"""Model types whose layers all are: norm, attention with rotary positions, norm, gated SiLU."""
STATIC = frozenset(("default", "linear", "llama3"))
"""Rotary schemes whose angles depend on the position alone."""
MANY = 128
"""Rows from which torch's own norm is faster than the fused one."""

Linear = Callable[["Tensor"], "Tensor"]
Attend = Callable[[int, "Tensor", "Tensor", "Tensor"], "Tensor"]
"""(layer, queries [n, heads, size], keys and values [n, kv heads, size]) -> what each token reads, [n, heads * size]."""


@dataclass(frozen=True)
class Layer:
    """`mix` gives queries, keys and values side by side, `widen` the gate and what it lets through.

    The norms' weights stand twice, as `_norm` reads them.
    """

    before: Tensor
    mix: Linear
    out: Linear
    after: Tensor
    widen: Callable[[Tensor], tuple[Tensor, Tensor]]
    narrow: Linear


@dataclass(frozen=True)
class Decoder:
    """`cos` and `sin` [context, 1, size] turn queries and keys; the first half of `sin` is negative."""

    embedding: Tensor
    layers: tuple[Layer, ...]
    norm: Tensor
    eps: float
    head: Linear
    heads: int
    kv_heads: int
    size: int
    cos: Tensor
    sin: Tensor

    def states(self, ids: Tensor, positions: Tensor, attend: Attend, wanted: Tensor | None = None) -> Tensor:
        """Last hidden states [n, width] of tokens and their positions, both [n]; call under torch.inference_mode.

        `wanted` [k]: only of these tokens, [k, width]; the last layer does no more work on the others than they ask of it.
        """
        from torch import addcmul
        from torch.nn.functional import embedding, silu

        eps, heads, both, half = self.eps, self.heads, self.heads + self.kv_heads, self.size // 2
        hidden = embedding(ids, self.embedding)
        cos, sin = self.cos[positions], self.sin[positions]
        for number, layer in enumerate(self.layers):
            mixed = layer.mix(_norm(hidden, layer.before, eps)).view(len(ids), -1, self.size)
            plain = mixed[:, :both]
            turned = addcmul(plain * cos, plain.roll(half, -1), sin)
            read = attend(number, turned[:, :heads], turned[:, heads:], mixed[:, both:])
            if wanted is not None and number + 1 == len(self.layers):
                read, hidden = read[wanted], hidden[wanted]
            hidden = hidden + layer.out(read)
            gate, passed = layer.widen(_norm(hidden, layer.after, eps))
            hidden = hidden + layer.narrow(silu(gate) * passed)
        return _norm(hidden, self.norm, eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits in float32, [n, vocabulary]."""
        return self.head(hidden).float()


def decoder_of(network: Any) -> Decoder | None:
    """The network as a Decoder that shares its weights (small ones are copied), None for another architecture."""
    import torch

    config = network.config
    body = getattr(network, "model", None)
    if config.model_type not in FAMILIES or config.hidden_act != "silu" or body is None:
        return None
    rotary = body.rotary_emb
    if getattr(rotary, "rope_type", "default") not in STATIC:
        return None
    attention = body.layers[0].self_attn
    size = int(attention.head_dim)
    if rotary.inv_freq.shape[0] * 2 != size:
        return None
    with torch.inference_mode():
        places = torch.arange(config.max_position_embeddings, device=body.embed_tokens.weight.device)
        cos, sin = rotary(body.embed_tokens.weight[:1], places[None])
        sin = torch.cat((-sin[0, :, : size // 2], sin[0, :, size // 2 :]), 1)
    fused = sum(p.numel() for p in network.parameters()) < SMALL
    return Decoder(
        embedding=body.embed_tokens.weight,
        layers=tuple(_layer(layer, fused) for layer in body.layers),
        norm=_twice(body.norm.weight),
        eps=config.rms_norm_eps,
        head=_joined([network.lm_head], fused),
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        size=size,
        cos=cos[0, :, None].contiguous(),
        sin=sin[:, None].contiguous(),
    )


def _norm(hidden: Tensor, twice: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm; of few rows as the layer norm of (x, -x), whose mean is 0: one operation where rms_norm runs six."""
    import torch

    if len(hidden) >= MANY:
        width = hidden.shape[1]
        return torch.rms_norm(hidden, (width,), twice[:width], eps)
    both = torch.cat((hidden, -hidden), 1)
    return torch.nn.functional.layer_norm(both, (both.shape[1],), twice, None, eps)[:, : hidden.shape[1]]


def _twice(weight: Tensor) -> Tensor:
    return weight.repeat(2)


def _layer(layer: Any, fused: bool) -> Layer:
    attention, inner = layer.self_attn, layer.mlp
    return Layer(
        _twice(layer.input_layernorm.weight),
        _joined([attention.q_proj, attention.k_proj, attention.v_proj], fused),
        _joined([attention.o_proj], fused),
        _twice(layer.post_attention_layernorm.weight),
        _widened(inner.gate_proj, inner.up_proj, fused),
        _joined([inner.down_proj], fused),
    )


def _widened(gate: Any, up: Any, fused: bool) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """One function for the gate and what it lets through, [n, inner] each."""
    if fused and _plain([gate, up]):
        both = _joined([gate, up], fused)
        return lambda x: both(x).chunk(2, 1)
    return lambda x: (gate(x), up(x))


def _joined(modules: list[Any], fused: bool) -> Linear:
    """One function for the outputs of several linear modules side by side."""
    import torch

    if not (fused and _plain(modules)):
        if len(modules) == 1:
            return modules[0].forward
        return lambda x: torch.cat([module.forward(x) for module in modules], 1)
    weight = modules[0].weight if len(modules) == 1 else torch.cat([module.weight for module in modules])
    if "forward" in vars(modules[0]):
        return product(weight)
    linear = torch.nn.functional.linear
    return lambda x: linear(x, weight)


def _plain(modules: list[Any]) -> bool:
    """Whether all are linear layers with their weights at hand and no bias."""
    import torch

    return all(
        type(module) is torch.nn.Linear and module.bias is None and module.weight.numel()
        for module in modules
    )
