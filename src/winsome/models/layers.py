"""Decoder layers of the LLaMA form over trees: less is converted between precisions, and the last layer leaves out what nobody reads.

Keys and values are wanted of every position; queries, their mixtures and the feed-forward of the last layer only where a state is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from winsome.models.linears import linears
from winsome.models.trees import Turn, mixed

if TYPE_CHECKING:
    from torch import Tensor

FORMS = ("Llama", "Mistral", "Qwen2", "Qwen3")
"""Families whose layers are x + attention(norm(x)), then x + mlp(norm(x)), turned by position over the whole head."""


def fuse_layers(network: Any) -> int:
    """Let the layers of a network that are of a known form work over trees in their own way; how many do."""
    done = 0
    for module in network.modules():
        if type(module).__name__ in [f"{form}DecoderLayer" for form in FORMS] and "forward" not in vars(
            module
        ):
            module.forward = _forward(module, module.forward)
            done += 1
    return done


def reads_selected(network: Any) -> bool:
    """Whether the last layer of a network takes `read`, and so the states that come back are those alone."""
    return (
        "forward" in vars(network.base_model.layers[-1]) if hasattr(network.base_model, "layers") else False
    )


def _forward(layer: Any, plain: Callable[..., Any]) -> Callable[..., Any]:
    def forward(hidden_states: Tensor, *args: Any, **others: Any) -> Any:
        trees = others.get("trees")
        if trees is None:
            return plain(hidden_states, *args, **others)
        read = others.get("read") if layer.self_attn.layer_idx == last else None
        normed = layer.input_layernorm(hidden_states)
        kept = hidden_states if read is None else hidden_states[:, read[0]]
        found = _attention(layer.self_attn, normed, others["position_embeddings"], trees, read)
        kept = kept + found.to(kept.dtype)
        return kept + _feed_forward(layer.mlp, layer.post_attention_layernorm(kept)).to(kept.dtype)

    last = layer.self_attn.config.num_hidden_layers - 1
    return forward


def _attention(module: Any, states: Tensor, tables: tuple[Tensor, Tensor], trees: Any, read: Any) -> Tensor:
    """Attention of `states` [1, T, d], of the positions read[0] alone by the pieces read[1] where there are any."""
    cos, sin = (table[0, :, : module.head_dim // 2] for table in tables)
    own, turn = states, (cos, sin)
    if read is not None:
        place, trees = read
        own, turn = states[:, place], (cos[place], sin[place])

    def headed(projected: Tensor, norm: str) -> Tensor:
        found = projected[0].unflatten(-1, (-1, module.head_dim))
        return getattr(module, norm)(found) if hasattr(module, norm) else found

    if read is None:
        query, key, value = linears(states, (module.q_proj, module.k_proj, module.v_proj))
    else:
        (query,), (key, value) = (
            linears(own, (module.q_proj,)),
            linears(states, (module.k_proj, module.v_proj)),
        )
    query, key, value = headed(query, "q_norm"), headed(key, "k_norm"), headed(value, "")
    found = mixed(query, key, value, trees, module.scaling, Turn(turn, (cos, sin)))
    return linears(found.flatten(1)[None], (module.o_proj,))[0]


def _feed_forward(module: Any, states: Tensor) -> Tensor:
    """The gated feed-forward of the known forms; another one as it is."""
    if type(module).__name__ not in [f"{form}MLP" for form in FORMS]:
        return module(states)
    gate, passed = linears(states, (module.gate_proj, module.up_proj))
    return linears(module.act_fn(gate) * passed, (module.down_proj,))[0]
