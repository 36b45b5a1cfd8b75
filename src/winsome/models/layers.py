"""Decoder layers of the LLaMA form over trees: less is converted between precisions, and the last layer leaves out what nobody reads.

Keys and values are wanted of every position; queries, their mixtures and the feed-forward of the last layer only where a state is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
        return kept + layer.mlp(layer.post_attention_layernorm(kept)).to(kept.dtype)

    last = layer.self_attn.config.num_hidden_layers - 1
    return forward


def _attention(module: Any, states: Tensor, tables: tuple[Tensor, Tensor], trees: Any, read: Any) -> Tensor:
    """Attention of `states` [1, T, d], of the positions read[0] alone by the pieces read[1] where there are any."""
    cos, sin = (table[0, :, : module.head_dim // 2] for table in tables)
    own, turn = states, (cos, sin)
    if read is not None:
        place, trees = read
        own, turn = states[:, place], (cos[place], sin[place])

    def projected(projection: Any, norm: str, of: Tensor) -> Tensor:
        found = projection(of)[0].unflatten(-1, (-1, module.head_dim))
        return getattr(module, norm)(found) if hasattr(module, norm) else found

    query = projected(module.q_proj, "q_norm", own)
    key = projected(module.k_proj, "k_norm", states)
    value = projected(module.v_proj, "", states)
    found = mixed(query, key, value, trees, module.scaling, Turn(turn, (cos, sin)))
    return module.o_proj(found.flatten(1)[None])
