"""Prompts read into a key-value cache: several in one row without padding, and what they begin with in common once.

Sorted prompts share their beginnings with their neighbours: templates, system texts, instructions before a question. Tokens
that the prompt before has too are not read again, neither within a row nor from one row to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from winsome.models.cache import Kept, shares

if TYPE_CHECKING:
    from torch import Tensor

TOKENS = 512
"""A row takes more prompts until it holds this many tokens: enough for full matrix products."""
AREA = 1 << 19
"""Scores a head, padding included, that prompts may have together in one row."""
FUSED_AREA = 1 << 17
"""Scores a head above which fused attention reads a prompt faster than two products and a softmax."""


@dataclass(frozen=True)
class Row:
    """Prompts of one pass. Places count the tokens kept from before the row (`before` of them), then the row's `ids` [T].

    `paths` [P, longest] are the places of each prompt's tokens, `fresh` [P, most] where in the row its new ones stand, both
    padded with other places; `starts` the position of the first new one, `real` [T] where `fresh`, flattened, gives the row.
    """

    ids: Tensor
    positions: Tensor
    before: int
    lengths: tuple[int, ...]
    starts: tuple[int, ...]
    paths: Tensor
    fresh: Tensor
    real: Tensor

    @property
    def lasts(self) -> Tensor:
        """Where in the row each prompt's last token stands, [P]."""
        import torch

        ends = torch.tensor(self.lengths, device=self.paths.device)[:, None] - 1
        return self.paths.gather(1, ends)[:, 0] - self.before

    def mask(self) -> Tensor:
        """Which places each of the row's tokens may read, [1, 1, T, before + T]."""
        import torch

        reads = torch.zeros(
            len(self.ids), self.before + len(self.ids), dtype=torch.bool, device=self.ids.device
        )
        columns = torch.arange(self.paths.shape[1], device=self.ids.device)
        for path, length, start, fresh in zip(self.paths, self.lengths, self.starts, self.fresh, strict=True):
            new = length - start
            reads[fresh[:new, None], path[None, :length]] = (
                columns[None, :length] <= columns[start:length, None]
            )
        return reads[None, None]


def fitting(prompts: Iterable[Sequence[int]], before: Sequence[int]) -> int:
    """How many of sorted prompts, at least one, make the next row after a row that ended with `before`."""
    count, total, most, longest = 0, 0, 0, 0
    for last, prompt in pairwise(chain((before,), prompts)):
        new = len(prompt) - _common(last, prompt)
        most, longest, total = max(most, new), max(longest, len(prompt)), total + new
        if count and (total > TOKENS or (count + 1) * most * longest > AREA):
            break
        count += 1
    return count


def row_of(prompts: Sequence[Sequence[int]], before: Sequence[int], device: str) -> Row:
    """Sorted prompts as one row after a row whose last prompt was `before`."""
    import torch

    # The last token is always read: its state gives the first logits.
    kept = min(_common(before, prompts[0]), len(prompts[0]) - 1)
    ids: list[int] = []
    positions: list[int] = []
    paths: list[list[int]] = []
    starts: list[int] = []
    path: list[int] = list(range(kept))
    last: Sequence[int] = prompts[0][:kept]
    for prompt in prompts:
        start = _common(last, prompt)
        first = kept + len(ids)
        path = [*path[:start], *range(first, first + len(prompt) - start)]
        ids.extend(prompt[start:])
        positions.extend(range(start, len(prompt)))
        paths.append(path)
        starts.append(start)
        last = prompt
    # A width of whole eights: some products are twice as slow for others.
    longest = -(-max(map(len, paths)) // 8) * 8
    most = max(len(prompt) - start for prompt, start in zip(prompts, starts, strict=True))
    fresh = [[place - kept for place in path[start:]] for path, start in zip(paths, starts, strict=True)]
    real = [row * most + column for row, places in enumerate(fresh) for column in range(len(places))]
    return Row(
        torch.tensor(ids, device=device),
        torch.tensor(positions, device=device),
        kept,
        tuple(map(len, paths)),
        tuple(starts),
        torch.tensor([path + [0] * (longest - len(path)) for path in paths], device=device),
        torch.tensor([places + [0] * (most - len(places)) for places in fresh], device=device),
        torch.tensor(real, device=device),
    )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


class PromptCache:
    """Keeps the keys and values of a row, for a Decoder (`attend`) or for transformers' layers (`update`, under the row's mask).

    `before`: what was kept of the row's first prompt, [layers, heads, row.before, size]; None where that is nothing.
    """

    def __init__(self, row: Row, before: Kept | None = None) -> None:
        self._row = row
        self._before = before
        self._layers: list[Kept] = []
        self._bias: Tensor | None = None

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Called by attention layer `layer` with [1, heads, T, size]; gives back what it is to read."""
        keys, values = self._after(layer, keys[0], values[0])
        return keys[None], values[None]

    def get_seq_length(self, layer: int = 0) -> int:
        return self._row.before

    def kept(self) -> Kept:
        """Keys and values of all places."""
        import torch

        return torch.stack([keys for keys, _ in self._layers]), torch.stack([v for _, v in self._layers])

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Causal attention of each prompt's new tokens over the whole prompt, [T, heads * size]; see `decoder.Attend`."""
        keys, values = self._after(layer, keys.transpose(0, 1), values.transpose(0, 1))
        row, (heads, _, size), groups = self._row, keys.shape, queries.shape[1] // keys.shape[0]
        if len(row.lengths) == 1 and row.lengths[0] * len(row.ids) > FUSED_AREA:
            return self._fused(queries, keys, values)
        count, most = row.fresh.shape
        asked = queries.index_select(0, row.fresh.view(-1)).view(count, most, heads, groups, size)
        asked = asked.permute(0, 2, 3, 1, 4).reshape(count * heads, groups * most, size)
        held, read = (
            part.transpose(0, 1)
            .index_select(0, row.paths.view(-1))
            .view(count, -1, heads, size)
            .transpose(1, 2)
            .reshape(count * heads, -1, size)
            for part in (keys, values)
        )
        if self._bias is None:
            self._bias = self._reach(heads, groups)
        found = (shares(asked, held, self._bias) @ read).view(count, heads, groups, most, size)
        return found.permute(0, 3, 1, 2, 4).reshape(count * most, -1).index_select(0, row.real)

    def _after(self, layer: int, keys: Tensor, values: Tensor) -> Kept:
        """Keys and values [heads, T, size] with those kept from before in front of them."""
        import torch

        assert layer == len(self._layers)
        if self._before is not None:
            keys = torch.cat((self._before[0][layer], keys), 1)
            values = torch.cat((self._before[1][layer], values), 1)
        self._layers.append((keys, values))
        return keys, values

    def _reach(self, heads: int, groups: int) -> Tensor:
        """0 where a token may read, minus infinity elsewhere: [P * heads, groups * most, longest]."""
        import torch

        row = self._row
        count, most = row.fresh.shape
        device = row.ids.device
        columns = torch.arange(row.paths.shape[1], device=device)
        places = torch.tensor(row.starts, device=device)[:, None] + columns[:most]
        bias = torch.zeros((), device=device).where(columns <= places[:, :, None], float("-inf"))
        return bias[:, None, None].expand(-1, heads, groups, -1, -1).reshape(count * heads, groups * most, -1)

    def _fused(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        from torch.nn.functional import scaled_dot_product_attention

        groups = queries.shape[1] // keys.shape[0]
        keys, values = keys.repeat_interleave(groups, 0), values.repeat_interleave(groups, 0)
        if self._row.before and self._bias is None:
            self._bias = self._row.mask()[0]
        read = scaled_dot_product_attention(
            queries.transpose(0, 1)[None],
            keys[None],
            values[None],
            attn_mask=self._bias,
            is_causal=self._bias is None,
        )
        return read[0].transpose(0, 1).reshape(len(queries), -1)
