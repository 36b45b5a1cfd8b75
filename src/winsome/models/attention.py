"""Attention within the trees of a packed row: only what may be seen is multiplied, forward and backward.

A tree is a prompt with the answers that continue it. On the processor each stretch of a tree is a matrix product with what it
may see, in the precision of the products (bfloat16 under autocast); on CUDA the same pattern is flex attention's block mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from winsome.models.layers import fuse_layers
from winsome.models.norm import fuse_norms
from winsome.models.packing import Packed
from winsome.models.trees import Piece, mixed

if TYPE_CHECKING:
    from torch import Tensor

NAME = "winsome_trees"
STRETCH = 128
"""Positions a product: long enough for full products, short enough that little beyond the diagonal is computed."""


def attend_by_trees(network: Any) -> bool:
    """Whether `network` (a transformers causal model) attends by trees from now on; else it needs the whole mask.

    It does where its attention is a plain product with scaling on a processor; its norms and layers are then fused too, where
    their form is known. Calls without trees go on as before.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    config = network.config.get_text_config()
    if config._attn_implementation == NAME:
        return True
    if (
        config._attn_implementation != "sdpa"
        or not getattr(type(network), "_supports_attention_backend", False)
        or getattr(config, "attn_logit_softcapping", None) is not None
        or next(network.parameters()).device.type != "cpu"
    ):
        return False
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    network.set_attn_implementation(NAME)
    fuse_norms(network)
    fuse_layers(network)
    return True


def attend_by_blocks(network: Any) -> bool:
    """Whether `network`, on CUDA, takes flex attention's block masks from now on."""
    if next(network.parameters()).device.type != "cuda" or not getattr(
        type(network), "_supports_flex_attn", False
    ):
        return False
    if network.config.get_text_config()._attn_implementation != "flex_attention":
        network.set_attn_implementation("flex_attention")
    return True


def pieces(packed: Packed) -> tuple[Piece, ...]:
    """The products that a row needs: neighbouring small trees in one with a mask, large ones stretch by stretch."""
    found: list[Piece] = []
    small: list[int] = []

    def flush() -> None:
        if small:
            span = slice(packed.trunks[small[0]][0], _end(packed, small[-1]))
            found.append(Piece(span, (span,), _hidden(packed, small, span)))
            small.clear()

    for number in range(len(packed.trunks)):
        start, end = packed.trunks[number][0], _end(packed, number)
        if end - start > STRETCH:
            flush()
            found += _stretches(packed.trunks[number], ())
            for branch in packed.branches[number]:
                found += _stretches(branch, (slice(*packed.trunks[number]),))
            continue
        if small and end - packed.trunks[small[0]][0] > STRETCH:
            flush()
        small.append(number)
    flush()
    return tuple(found)


def narrowed(found: Sequence[Piece], places: Tensor) -> tuple[Piece, ...]:
    """The same for queries at the rising positions `places` alone, which are counted from 0."""
    kept: list[Piece] = []
    done = 0
    for piece in found:
        own = places[(places >= piece.queries.start) & (places < piece.queries.stop)] - piece.queries.start
        if len(own):
            kept.append(Piece(slice(done, done + len(own)), piece.keys, piece.hidden[own]))
            done += len(own)
    return tuple(kept)


def _end(packed: Packed, number: int) -> int:
    """Where a tree ends in the row."""
    return packed.branches[number][-1][1] if packed.branches[number] else packed.trunks[number][1]


def _stretches(span: tuple[int, int], seen: tuple[slice, ...]) -> list[Piece]:
    """A stretch of tokens in order, each seeing `seen` and what stands before it."""
    import torch

    found: list[Piece] = []
    for start in range(span[0], span[1], STRETCH):
        end = min(span[1], start + STRETCH)
        keys = [*seen, slice(span[0], end)]
        if len(keys) > 1 and keys[0].stop == keys[1].start:
            keys = [slice(keys[0].start, end)]
        hidden = torch.ones(end - start, end - start, dtype=torch.bool).triu(1)
        found.append(Piece(slice(start, end), tuple(keys), hidden))
    return found


def _hidden(packed: Packed, numbers: list[int], span: slice) -> Tensor:
    """What the positions of neighbouring trees may not see of each other, [n, n]."""
    import torch

    hidden = torch.ones(span.stop - span.start, span.stop - span.start, dtype=torch.bool)
    for number in numbers:
        trunk = packed.trunks[number]
        for start, end in (trunk, *packed.branches[number]):
            a, b = start - span.start, end - span.start
            hidden[a:b, a:b] = torch.ones(b - a, b - a, dtype=torch.bool).triu(1)
            if start != trunk[0]:
                hidden[a:b, trunk[0] - span.start : trunk[1] - span.start] = False
    return hidden


def attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    trees: tuple[Piece, ...] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: [1, heads, T, d] each, the keys' heads a divisor of the queries'; [1, T, heads, d]."""
    if trees is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    q, k, v = (of[0].transpose(0, 1) for of in (query, key, value))
    return mixed(q, k, v, trees, query.shape[-1] ** -0.5 if scaling is None else scaling)[None], None


def block_mask(packed: Packed) -> Any:
    """Flex attention's block mask of a row, for CUDA: the same pattern as `packed.mask`, never held whole."""
    ends = [0] * packed.ids.shape[1]
    for number, trunk in enumerate(packed.trunks):
        for start, end in (trunk, *packed.branches[number]):
            below = _end(packed, number) if start == trunk[0] else end
            ends[start:end] = [below] * (end - start)
    return blocks_below(ends, str(packed.ids.device))


def blocks_below(ends: Sequence[int], device: str) -> Any:
    """Flex attention's block mask of a row in depth-first order, in which what stands below each position ends at `ends`."""
    import torch
    from torch.nn.attention.flex_attention import create_block_mask

    below = torch.tensor(ends, device=device)

    def seen(_batch: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return seen_below(below[k], q, k)

    return create_block_mask(seen, None, None, len(ends), len(ends), device=device)


def seen_below(ends: Tensor, q: Tensor, k: Tensor) -> Tensor:
    """Whether the positions q see the positions k, below which stands what comes before `ends`: k itself and all that continues it."""
    return (k <= q) & (q < ends)
