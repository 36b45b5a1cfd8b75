"""A larger model that says what a smaller one says: new parts are read from at random and write nothing yet.

The idea is that of Net2Net (Chen et al. 2016): a grown network starts from the function of the old one. Here every new row that
writes into the residual stream, and every new column that would be written from it into a logit, starts at zero, while what reads
new channels is random, so that the first gradient reaches all of them.
"""

from __future__ import annotations

from typing import Any


def grow(small: Any, large: Any) -> Any:
    """`large`, a freshly drawn Llama of equal head width and vocabulary, with the function of `small`: equal logits (float32).

    Widths, heads, inner widths and layers of `large` are at least those of `small`. Its own draws stay where nothing is
    copied and nothing must be zero, so the seed of `large` fixes the result.
    """
    import torch

    old, new = small.config, large.config
    if old.hidden_size // old.num_attention_heads != new.hidden_size // new.num_attention_heads:
        raise ValueError("heads of different width cannot be copied")
    width = old.hidden_size
    # RMSNorm divides by the mean square over all channels, of which the new ones are zero.
    shrink = (width / new.hidden_size) ** 0.5
    with torch.no_grad():
        _channels(large.model.embed_tokens.weight, small.model.embed_tokens.weight)
        _scale(large.model.norm.weight, small.model.norm.weight, shrink)
        for number, layer in enumerate(large.model.layers):
            # What writes into the residual stream writes nothing but what the smaller model wrote.
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
            if number >= old.num_hidden_layers:
                continue
            held = small.model.layers[number]
            for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
                _corner(getattr(layer.self_attn, name).weight, getattr(held.self_attn, name).weight)
            for name in ("gate_proj", "up_proj", "down_proj"):
                _corner(getattr(layer.mlp, name).weight, getattr(held.mlp, name).weight)
            for name in ("input_layernorm", "post_attention_layernorm"):
                _scale(getattr(layer, name).weight, getattr(held, name).weight, shrink)
    return large


def _corner(large: Any, small: Any) -> None:
    rows, columns = small.shape
    large[:rows, :columns] = small


def _channels(large: Any, small: Any) -> None:
    """Embeddings, which are the head as well: nothing in the new channels."""
    large.zero_()
    large[:, : small.shape[1]] = small


def _scale(large: Any, small: Any, factor: float) -> None:
    large.fill_(factor)
    large[: small.shape[0]] = small * factor
