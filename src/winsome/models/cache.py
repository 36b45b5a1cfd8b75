"""Keys and values of attention in slots that sequences enter, grow in and leave.

They can be read by a Decoder (`attend`) and by transformers' attention layers (`update`), whose masks are always explicit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

GRAIN = 64
"""Slots are a multiple of this many positions long, so that shapes seldom change."""

Kept = tuple["Tensor", "Tensor"]
"""Keys and values, each [layers, heads, tokens, size]."""


def shares(queries: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
    """Attention weights [n, q, k] of queries [n, q, size] over keys [n, k, size] under an added bias; the softmax is in float32.

    Two batched products about it are faster on the CPU than fused attention: two to five times for single queries.
    """
    import torch

    scale = queries.shape[2] ** -0.5
    if queries.dtype == torch.float32:
        return torch.baddbmm(bias, queries, keys.transpose(1, 2), alpha=scale).softmax(2)
    scores = torch.bmm(queries, keys.transpose(1, 2)).float()
    return torch.add(bias, scores, alpha=scale).softmax(2).to(queries.dtype)


@dataclass(frozen=True)
class _Pass:
    """What one composition of the slots needs in every layer: where to write, what to read, which positions count.

    `rows` [n * heads] are the places of the next keys and values in a layer's store of [slots * heads * positions, size];
    `bias` [n * heads, 1, positions] is 0 or minus infinity. A layer has its store flat, and what is read of it, for both.
    """

    lengths: Tensor
    rows: Tensor
    bias: Tensor
    layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]

    def advance(self) -> None:
        """Move on by one token."""
        self.lengths.add_(1)
        self.rows.add_(1)
        heads = len(self.rows) // len(self.lengths)
        self.bias.scatter_(2, self.lengths.repeat_interleave(heads)[:, None, None], 0.0)


class SlotCache:
    """Slots 0..n-1 hold sequences, each from position 0 of its slot. Slots that are free must be closed up before a pass."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._store: tuple[Tensor, Tensor] | None = None
        """Keys and values, each [layers, slots, heads, positions, size]."""
        self._lengths: list[int] = []
        self._longest = 0
        self._pass: _Pass | None = None

    def admits(self, positions: int, taken: int, most: int, like: Kept) -> int:
        """How many sequences that may reach `positions` tokens can join `taken` others within `most` bytes, all at their longest.

        `like` is the cache of what was read with their prompt. The first sequence is always admitted.
        """
        longest = max(positions, self._longest)
        each = sum(part[:, :, 0].numel() * part.element_size() for part in like)
        room = max(most // (longest * each), 1) - taken
        if room > 0:
            self._longest = longest
        return max(0, room)

    def seat(self, slots: list[int], row: Kept, paths: Tensor, lengths: list[int], expected: int) -> None:
        """Put sequences that have read their prompts into free slots, those after the last one in order.

        `paths` [n, at least the longest] says where in a row's cache the tokens of each stand; `expected` is how many
        slots will soon be taken.
        """
        import torch

        self._pass = None
        self._lengths += [0] * (max(slots) + 1 - len(self._lengths))
        for slot, length in zip(slots, lengths, strict=True):
            self._lengths[slot] = length
        longest = max(lengths)
        with torch.inference_mode():
            store = self._sized(max(len(self._lengths), expected), max(self._lengths) + 1, row)
            places = torch.tensor(slots, device=self._device)
            for held, part in zip(store, row, strict=True):
                found = part.index_select(2, paths[:, :longest].reshape(-1)).unflatten(
                    2, (len(slots), longest)
                )
                held[:, places, :, :longest] = found.transpose(1, 2)

    def close(self, moved: list[tuple[int, int]], count: int) -> None:
        """Move sequences (from, to) into free slots, then free all slots from `count` on."""
        import torch

        self._pass = None
        if moved and self._store is not None:
            sources, targets = zip(*moved, strict=True)
            longest = max(self._lengths[source] for source in sources)
            from_, to = (torch.tensor(slots, device=self._device) for slots in (sources, targets))
            with torch.inference_mode():
                for held in self._store:
                    held[:, to, :, :longest] = held[:, from_, :, :longest]
        for source, target in moved:
            self._lengths[target] = self._lengths[source]
        del self._lengths[count:]

    def begin(self) -> Tensor:
        """Positions [n] of the next token of each sequence; call `end` after the pass."""
        if self._pass is None:
            self._pass = self._planned()
        return self._pass.lengths

    def _planned(self) -> _Pass:
        import torch

        n = len(self._lengths)
        store = self._sized(n, max(self._lengths) + 1)
        _, _, heads, positions, size = store[0].shape
        lengths = torch.tensor(self._lengths, device=self._device)
        slots = torch.arange(n * heads, device=self._device).view(n, heads)
        reach = torch.arange(positions, device=self._device) <= lengths[:, None]
        bias = torch.zeros((), device=self._device).where(reach, float("-inf"))
        layers: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for keys, values in zip(*store, strict=True):
            # Whole slots: of parts of slots the products would make a copy first.
            read = (part.view(-1, positions, size)[: n * heads] for part in (keys, values))
            layers.append((keys.view(-1, size), values.view(-1, size), *read))
        rows = (slots * positions + lengths[:, None]).view(-1)
        return _Pass(lengths, rows, bias.repeat_interleave(heads, 0)[:, None], layers)

    def mask(self) -> Tensor:
        """What each sequence may read in this pass, [n, 1, 1, positions], for transformers' layers."""
        assert self._pass is not None
        heads = len(self._pass.rows) // len(self._lengths)
        return (self._pass.bias[::heads] == 0)[:, None]

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of one new token of each sequence over all before it, [n, heads * size]; see `decoder.Attend`."""
        import torch

        assert self._pass is not None
        n, heads, size = keys.shape
        all_keys, all_values, held, read = self._pass.layers[layer]
        all_keys.index_copy_(0, self._pass.rows, keys.reshape(-1, size))
        all_values.index_copy_(0, self._pass.rows, values.reshape(-1, size))
        queries = queries.reshape(n * heads, -1, size)
        return torch.bmm(shares(queries, held, self._pass.bias), read).view(n, -1)

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Called by attention layer `layer` with [n, heads, 1, size]; gives back all that the sequences may read."""
        assert self._pass is not None
        n, heads, _, size = keys.shape
        all_keys, all_values, held, read = self._pass.layers[layer]
        all_keys.index_copy_(0, self._pass.rows, keys.reshape(-1, size))
        all_values.index_copy_(0, self._pass.rows, values.reshape(-1, size))
        return held.unflatten(0, (n, heads)), read.unflatten(0, (n, heads))

    def end(self) -> None:
        """The tokens of this pass are now part of their sequences."""
        self._lengths = [length + 1 for length in self._lengths]
        if self._pass is not None and max(self._lengths) < self._pass.bias.shape[2]:
            self._pass.advance()
        else:
            self._pass = None

    def get_seq_length(self, layer: int = 0) -> int:
        return max(self._lengths, default=0)

    def _sized(self, slots: int, positions: int, like: Kept | None = None) -> tuple[Tensor, Tensor]:
        """The store with room for so many slots and positions, and not twice as many positions."""
        if self._store is None:
            assert like is not None
            keys, values = (
                part.new_empty(part.shape[0], 0, part.shape[1], 0, part.shape[3]) for part in like
            )
            self._store = keys, values
        _, have, _, reach, _ = self._store[0].shape
        if slots <= have and positions <= reach < 2 * max(positions, GRAIN):
            return self._store
        # An eighth more than is needed, but never more than any sequence may reach, keeps the copying small.
        wanted = min(positions + positions // 8, max(positions, self._longest))
        reach, have = -(-wanted // GRAIN) * GRAIN, max(slots, have)
        keys, values = self._store
        keys = self._copied(keys, have, reach)
        self._store = keys, self._copied(values, have, reach)
        return self._store

    def _copied(self, held: Tensor, slots: int, positions: int) -> Tensor:
        copy = held.new_zeros(held.shape[0], slots, held.shape[2], positions, held.shape[4])
        n, both = min(len(self._lengths), held.shape[1]), min(positions, held.shape[3])
        copy[:, :n, :, :both] = held[:, :n, :, :both]
        return copy
