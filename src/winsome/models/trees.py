"""The products of attention within trees, forward and backward, with the turning by position that comes before them.

Queries, keys and values are laid out once, the rows of all queries that share a key's head side by side, so that each piece of a
row is a slice. Numbers of two types are never added up as they are: torch would convert each anew, at seven times the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 1 << 23
"""Chances a layer that are kept for the backward pass (16 MiB in bfloat16); beyond, they are computed again."""


@dataclass(frozen=True)
class Piece:
    """Positions `queries` see the spans `keys`, of the last `hidden.shape[1]` columns not where `hidden` is True."""

    queries: slice
    keys: tuple[slice, ...]
    hidden: Tensor


@dataclass(frozen=True)
class Turn:
    """Cosines and sines [T, d / 2] by which the halves of queries and of keys are turned into each other."""

    queries: tuple[Tensor, Tensor]
    keys: tuple[Tensor, Tensor]


def mixed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    pieces: tuple[Piece, ...],
    scale: float,
    turn: Turn | None = None,
) -> Tensor:
    """What the queries [Q, heads, d] take of the values: [Q, heads, d], in the precision of the products.

    Keys and values are [T, key heads, d], their heads a divisor of the queries'. The pieces cover all queries in order.
    """
    import torch

    kind = query.device.type
    compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
    with torch.autocast(kind, enabled=False):
        return _by_trees().apply(query, key, value, pieces, scale, turn, compute)


_ByTrees: Any = None


def _by_trees() -> Any:
    """The autograd function, made once torch is imported."""
    global _ByTrees
    if _ByTrees is None:
        _ByTrees = _make()
    return _ByTrees


def _make() -> Any:
    import torch

    def turned(of: Tensor, by: tuple[Tensor, Tensor], made: Tensor, *, back: bool = False) -> Tensor:
        """`of` [heads, T, share, d], in full precision, turned by its positions (or back) into `made` of the same shape."""
        cos, sin = (table[None, :, None] for table in by)
        a, b = of.chunk(2, -1)
        left, right = made.chunk(2, -1)
        sign = 1.0 if back else -1.0
        left.copy_((a * cos).addcmul_(b, sin, value=sign))
        right.copy_((b * cos).addcmul_(a, sin, value=-sign))
        return made

    def laid(of: Tensor, heads: int, by: tuple[Tensor, Tensor] | None, scale: float, compute: Any) -> Tensor:
        """`of` [T, all heads, d] as [heads, T * share, d] in `compute`: turned by its positions, times `scale`."""
        rows, _, width = of.shape
        of = of.reshape(rows, heads, -1, width).permute(1, 0, 2, 3)
        made = of.new_empty(of.shape, dtype=compute)
        if by is None:
            made.copy_(of if scale == 1.0 else of * scale)
        else:
            cos, sin = (table if scale == 1.0 else table * scale for table in by)
            full = of.new_empty(of.shape, dtype=cos.dtype).copy_(of)
            turned(full, (cos, sin), made)
        return made.view(heads, -1, width)

    def unlaid(of: Tensor, like: tuple[Any, ...], by: tuple[Tensor, Tensor] | None, scale: float) -> Tensor:
        """The gradient [heads, T * share, d] of what was laid out as one of what it came from."""
        shape, dtype = like
        heads, _, width = of.shape
        of = of.view(heads, shape[0], -1, width)
        made = of.new_empty(shape, dtype=dtype)
        flat = made.view(shape[0], heads, -1, width).permute(1, 0, 2, 3)
        if by is None:
            flat.copy_(of if scale == 1.0 else of * scale)
        else:
            cos, sin = (table if scale == 1.0 else table * scale for table in by)
            turned(of.to(cos.dtype), (cos, sin), flat, back=True)
        return made

    def gathered(of: Tensor, spans: tuple[slice, ...]) -> Tensor:
        """Rows of the spans, [heads, S, d]."""
        return of[:, spans[0]] if len(spans) == 1 else torch.cat([of[:, span] for span in spans], 1)

    def chances(rows: Tensor, keys: Tensor, unseen: Tensor) -> Tensor:
        """Softmax of the scores, [key heads, n * share, S], in the type of the rows (summed in float32 at least)."""
        scores = torch.bmm(rows, keys.transpose(1, 2))
        n, w = unseen.shape
        scores.view(len(keys), n, -1, keys.shape[1])[..., keys.shape[1] - w :].add_(unseen[:, None])
        return scores.softmax(-1)

    def unseens(pieces: tuple[Piece, ...], dtype: Any) -> list[Tensor]:
        """What is added to the scores of each piece, [n, w]: minus infinity where a position may not look."""
        return [torch.zeros(p.hidden.shape, dtype=dtype).masked_fill_(p.hidden, -torch.inf) for p in pieces]

    class ByTrees(torch.autograd.Function):
        @staticmethod
        def forward(ctx, query, key, value, pieces, scale, turn, compute):
            heads, share = key.shape[1], query.shape[1] // key.shape[1]
            q = laid(query, heads, turn and turn.queries, scale, compute)
            k = laid(key, heads, turn and turn.keys, 1.0, compute)
            v = laid(value, heads, None, 1.0, compute)
            found = torch.empty_like(q)
            size = sum(len(p.hidden) * sum(span.stop - span.start for span in p.keys) for p in pieces)
            keep = any(ctx.needs_input_grad[:3]) and query.shape[1] * size <= KEPT
            kept: list[Tensor] = []
            for piece, unseen in zip(pieces, unseens(pieces, compute), strict=True):
                rows = slice(share * piece.queries.start, share * piece.queries.stop)
                p = chances(q[:, rows], gathered(k, piece.keys), unseen)
                found[:, rows] = torch.bmm(p, gathered(v, piece.keys))
                if keep:
                    kept.append(p)
            ctx.save_for_backward(q, k, v, *kept)
            ctx.settings = (pieces, scale, turn, [(of.shape, of.dtype) for of in (query, key, value)])
            return unlaid(found, (query.shape, compute), None, 1.0)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            q, k, v, *kept = ctx.saved_tensors
            pieces, scale, turn, likes = ctx.settings
            heads, share = len(k), q.shape[1] // len(above)
            pushed = laid(above, heads, None, 1.0, q.dtype)
            full = torch.float64 if q.dtype == torch.float64 else torch.float32
            of_query = torch.empty_like(q)
            of_key = torch.zeros(k.shape, dtype=full, device=k.device)
            of_value = torch.zeros(v.shape, dtype=full, device=v.device)
            hidden = [] if kept else unseens(pieces, q.dtype)
            for number, piece in enumerate(pieces):
                own = slice(share * piece.queries.start, share * piece.queries.stop)
                rows, keys, push = q[:, own], gathered(k, piece.keys), pushed[:, own]
                p = kept[number] if kept else chances(rows, keys, hidden[number])
                slopes = torch.bmm(push, gathered(v, piece.keys).transpose(1, 2))
                slopes = torch._softmax_backward_data(slopes, p, -1, p.dtype)
                of_query[:, own] = torch.bmm(slopes, keys)
                for_keys = torch.bmm(slopes.transpose(1, 2), rows).to(full)
                for_values = torch.bmm(p.transpose(1, 2), push).to(full)
                at = 0
                for span in piece.keys:
                    width = span.stop - span.start
                    of_key[:, span] += for_keys[:, at : at + width]
                    of_value[:, span] += for_values[:, at : at + width]
                    at += width
            return (
                unlaid(of_query, likes[0], turn and turn.queries, scale),
                unlaid(of_key, likes[1], turn and turn.keys, 1.0),
                unlaid(of_value, likes[2], None, 1.0),
                None, None, None, None,
            )  # fmt: skip

    return ByTrees
