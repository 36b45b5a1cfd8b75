"""Attention within the trees of a packed row: only what may be seen is multiplied, forward and backward.

A tree is a prompt with the answers that continue it. On the processor each stretch of a tree is a matrix product with what it
may see, in the precision of the products (bfloat16 under autocast); on CUDA the same pattern is flex attention's block mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.models.norm import fuse_norms
from winsome.models.packing import Packed

if TYPE_CHECKING:
    from torch import Tensor

NAME = "winsome_trees"
STRETCH = 128
"""Positions a product: long enough for full products, short enough that little beyond the diagonal is computed."""
KEPT = 1 << 23
"""Chances a layer that are kept for the backward pass (16 MiB in bfloat16); beyond, they are computed again."""


@dataclass(frozen=True)
class Piece:
    """Positions `queries` see the spans `keys`, of the last `hidden.shape[1]` columns not where `hidden` is True."""

    queries: slice
    keys: tuple[slice, ...]
    hidden: Tensor


def attend_by_trees(network: Any) -> bool:
    """Whether `network` (a transformers causal model) attends by trees from now on; else it needs the whole mask.

    It does where its attention is a plain product with scaling on a processor; its norms are then fused too. Calls without
    trees go on as before.
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
    import torch

    if trees is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    kind = query.device.type
    compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    with torch.autocast(kind, enabled=False):
        mixed = _by_trees().apply(query.to(compute), key.to(compute), value.to(compute), trees, scale)
    return mixed.transpose(1, 2), None


_ByTrees: Any = None


def _by_trees() -> Any:
    """The autograd function, made once torch is imported."""
    global _ByTrees
    if _ByTrees is None:
        _ByTrees = _make()
    return _ByTrees


def _make() -> Any:
    import torch

    def gathered(of: Tensor, spans: tuple[slice, ...]) -> Tensor:
        """Rows of the spans, [heads, S, d]."""
        return of[:, spans[0]] if len(spans) == 1 else torch.cat([of[:, span] for span in spans], 1)

    def grouped(of: Tensor, span: slice, heads: int) -> Tensor:
        """Rows of all queries that share a key's head, [key heads, share * n, d]."""
        return of[:, span].reshape(heads, -1, of.shape[-1])

    def scaled(left: Tensor, right: Tensor, scale: float) -> Tensor:
        """`scale` times the products of left [h, n, d] and right [h, d, S], rounded once: [h, n, S]."""
        made = left.new_empty(len(left), left.shape[1], right.shape[2])
        return torch.baddbmm(made, left, right, beta=0, alpha=scale)

    def chances(rows: Tensor, keys: Tensor, piece: Piece, scale: float) -> Tensor:
        """Softmax of the scores, [key heads, share * n, S], in the type of the rows (summed in float32 at least)."""
        scores = scaled(rows, keys.transpose(1, 2), scale)
        n, w = piece.hidden.shape
        scores.view(len(keys), -1, n, keys.shape[1])[..., keys.shape[1] - w :].masked_fill_(
            piece.hidden, -torch.inf
        )
        return scores.softmax(-1)

    class ByTrees(torch.autograd.Function):
        @staticmethod
        def forward(ctx, query, key, value, trees, scale):
            q, k, v = query[0], key[0], value[0]
            mixed = torch.empty_like(q, memory_format=torch.contiguous_format)
            keep = (
                any(ctx.needs_input_grad[:3])
                and len(q)
                * sum(
                    len(piece.hidden) * sum(span.stop - span.start for span in piece.keys) for piece in trees
                )
                <= KEPT
            )
            kept = []
            for piece in trees:
                p = chances(grouped(q, piece.queries, len(k)), gathered(k, piece.keys), piece, scale)
                mixed[:, piece.queries] = torch.bmm(p, gathered(v, piece.keys)).view(len(q), -1, v.shape[-1])
                if keep:
                    kept.append(p)
            ctx.save_for_backward(query, key, value, *kept)
            ctx.settings = (trees, scale)
            return mixed[None]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            query, key, value, *kept = ctx.saved_tensors
            trees, scale = ctx.settings
            q, k, v, above = query[0], key[0], value[0], above[0]
            full = torch.float64 if q.dtype == torch.float64 else torch.float32
            of_query = torch.empty_like(q, memory_format=torch.contiguous_format)
            of_key = torch.zeros(k.shape, dtype=full, device=k.device)
            of_value = torch.zeros(v.shape, dtype=full, device=v.device)
            for number, piece in enumerate(trees):
                rows, keys = grouped(q, piece.queries, len(k)), gathered(k, piece.keys)
                p = kept[number] if kept else chances(rows, keys, piece, scale)
                pushed = grouped(above, piece.queries, len(k)).contiguous()
                slopes = torch.bmm(pushed, gathered(v, piece.keys).transpose(1, 2))
                slopes = torch._softmax_backward_data(slopes, p, -1, p.dtype)
                made = scaled(slopes, keys, scale)
                of_query[:, piece.queries] = made.view(len(q), -1, q.shape[-1])
                for_keys = scaled(slopes.transpose(1, 2), rows, scale)
                for_values = torch.bmm(p.transpose(1, 2), pushed)
                at = 0
                for span in piece.keys:
                    width = span.stop - span.start
                    of_key[:, span] += for_keys[:, at : at + width]
                    of_value[:, span] += for_values[:, at : at + width]
                    at += width
            return of_query[None], of_key.to(k.dtype)[None], of_value.to(v.dtype)[None], None, None

    return ByTrees


def block_mask(packed: Packed) -> Any:
    """Flex attention's block mask of a row, for CUDA: the same pattern as `packed.mask`, never held whole."""
    import torch
    from torch.nn.attention.flex_attention import create_block_mask

    size = packed.ids.shape[1]
    own, above = (torch.zeros(size, dtype=torch.long, device=packed.ids.device) for _ in range(2))
    number = 0
    for trunk, branches in zip(packed.trunks, packed.branches, strict=True):
        of_trunk = number
        for start, end in (trunk, *branches):
            own[start:end] = number
            above[start:end] = -1 if start == trunk[0] else of_trunk
            number += 1

    def seen(_batch: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return ((own[q] == own[k]) & (q >= k)) | (above[q] == own[k])

    return create_block_mask(seen, None, None, size, size, device=str(packed.ids.device))
