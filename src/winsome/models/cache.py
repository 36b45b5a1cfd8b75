"""Keys and values of attention: as a prompt leaves them, and in slots that sequences enter, grow in and leave.

Both can be read by a Decoder (`attend`) and by transformers' attention layers (`update`), whose masks are always explicit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

GRAIN = 64
"""Attention reads the slots up to a multiple of this many positions, so its shapes seldom change."""

Kept = tuple["Tensor", "Tensor"]
"""Keys and values of one prompt, each [layers, heads, length, size]."""


class PromptCache:
    """Keeps the keys and values of prompts of these lengths that stand one after the other in a row."""

    def __init__(self, lengths: Sequence[int], device: str) -> None:
        import torch

        self._layers: list[Kept] = []
        longest, total = max(lengths), sum(lengths)
        own = torch.tensor(lengths, device=device)
        columns = torch.arange(longest, device=device)
        real = columns[None, :] < own[:, None]
        # Each prompt's tokens as a row of their own, padded on the right, where plain causal attention never reads.
        self._padded = ((own.cumsum(0) - own)[:, None] + columns[None, :]).clamp(max=total - 1)
        self._real = None if len(lengths) == 1 else real.view(-1).nonzero()[:, 0]

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Causal attention within each prompt, [T, heads * size]; see `decoder.Attend`."""
        from torch.nn.functional import scaled_dot_product_attention

        self._layers.append((keys.transpose(0, 1), values.transpose(0, 1)))
        group = queries.shape[1] // keys.shape[1]
        if group > 1:
            keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
        if self._real is None:
            q, k, v = (part.transpose(0, 1)[None] for part in (queries, keys, values))
        else:
            q, k, v = (part[self._padded].transpose(1, 2) for part in (queries, keys, values))
        read = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        read = read.reshape(-1, queries.shape[1] * queries.shape[2])
        return read if self._real is None else read[self._real]

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Called by attention layer `layer` with [1, heads, T, size]; gives back what it is to read."""
        assert layer == len(self._layers)
        self._layers.append((keys[0], values[0]))
        return keys, values

    def get_seq_length(self, layer: int = 0) -> int:
        return 0

    def kept(self) -> Kept:
        """Keys and values of the whole row."""
        import torch

        return torch.stack([keys for keys, _ in self._layers]), torch.stack([v for _, v in self._layers])


@dataclass(frozen=True)
class _Pass:
    """What one composition of the slots needs in every layer: where to write, what to read, which positions count.

    `rows` [n * heads] are the places of the next keys and values in a layer's store of [slots * heads * positions, size];
    `bias` [n * heads, 1, extent] is 0 or minus infinity. A layer has its store flat, and what is read of it, for both.
    """

    lengths: Tensor
    rows: Tensor
    bias: Tensor
    layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]
    extent: int

    def advance(self) -> None:
        """Move on by one token."""
        self.lengths.add_(1)
        self.rows.add_(1)
        heads = len(self.rows) // len(self.lengths)
        self.bias.scatter_(2, self.lengths.repeat_interleave(heads)[:, None, None], 0.0)


class SlotCache:
    """Slots 0..n-1 hold the n active sequences, each from position 0 of its slot; the last moves into a hole."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._store: tuple[Tensor, Tensor] | None = None
        """Keys and values, each [layers, slots, heads, positions, size]."""
        self._lengths: list[int] = []
        self._longest = 0
        self._pass: _Pass | None = None

    def admits(self, count: int, positions: int, most: int, like: Kept) -> int:
        """How many of `count` more sequences that may reach `positions` tokens keep within `most` bytes, all at their longest.

        `like` is their prompt's cache. The first sequence is always admitted.
        """
        longest = max(positions, self._longest)
        each = sum(part[:, :, 0].numel() * part.element_size() for part in like)
        room = max(most // (longest * each), 1) - len(self._lengths)
        if room > 0:
            self._longest = longest
        return max(0, min(count, room))

    def append(self, prompt: Kept, count: int, expected: int) -> None:
        """Seat `count` sequences that have read a prompt; `expected` is how many slots will soon be taken."""
        import torch

        first, length = len(self._lengths), prompt[0].shape[2]
        with torch.inference_mode():
            store = self._grown(max(first + count, expected), length + 1, prompt)
            for held, part in zip(store, prompt, strict=True):
                held[:, first : first + count, :, :length] = part[:, None]
        self._lengths += [length] * count
        self._pass = None

    def drop(self, slot: int) -> None:
        """Free a slot; the last sequence moves into it."""
        import torch

        self._pass = None
        length = self._lengths.pop()
        last = len(self._lengths)
        if slot != last and self._store is not None:
            with torch.inference_mode():
                for held in self._store:
                    held[:, slot, :, :length] = held[:, last, :, :length]
            self._lengths[slot] = length

    def begin(self) -> Tensor:
        """Positions [n] of the next token of each sequence; call `end` after the pass."""
        longest = max(self._lengths) + 1
        if self._pass is None or longest > self._pass.extent:
            self._pass = self._planned(longest)
        return self._pass.lengths

    def _planned(self, longest: int) -> _Pass:
        import torch

        store, n = self._grown(len(self._lengths), longest), len(self._lengths)
        _, _, heads, positions, size = store[0].shape
        extent = min(positions, -(-longest // GRAIN) * GRAIN)
        lengths = torch.tensor(self._lengths, device=self._device)
        slots = torch.arange(n * heads, device=self._device).view(n, heads)
        reach = torch.arange(extent, device=self._device)[None, :] <= lengths[:, None]
        bias = torch.zeros(1, device=self._device).where(reach, float("-inf"))
        layers: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for keys, values in zip(*store, strict=True):
            read = (part.view(-1, positions, size)[: n * heads, :extent] for part in (keys, values))
            layers.append((keys.view(-1, size), values.view(-1, size), *read))
        return _Pass(
            lengths,
            (slots * positions + lengths[:, None]).view(-1),
            bias.repeat_interleave(heads, 0)[:, None].to(store[0].dtype),
            layers,
            extent,
        )

    def mask(self) -> Tensor:
        """What each sequence may read in this pass, [n, 1, 1, extent], for transformers' layers."""
        assert self._pass is not None
        heads = len(self._pass.rows) // len(self._lengths)
        return (self._pass.bias[::heads] == 0)[:, None]

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of one new token of each sequence over all before it, [n, heads * size]; see `decoder.Attend`.

        Two batched products and a softmax: on the CPU two to five times as fast as fused attention for single queries.
        """
        import torch

        assert self._pass is not None
        n, heads, size = keys.shape
        all_keys, all_values, held, read = self._pass.layers[layer]
        all_keys.index_copy_(0, self._pass.rows, keys.reshape(-1, size))
        all_values.index_copy_(0, self._pass.rows, values.reshape(-1, size))
        queries = queries.reshape(n * heads, -1, size)
        if queries.dtype == torch.float32:
            scores = torch.baddbmm(self._pass.bias, queries, held.transpose(1, 2), alpha=size**-0.5)
            return torch.bmm(scores.softmax(2), read).view(n, -1)
        # The order in which this product is fast in bfloat16.
        scores = torch.bmm(held, queries.transpose(1, 2)).transpose(1, 2).float()
        shares = torch.add(self._pass.bias, scores, alpha=size**-0.5).softmax(2).to(queries.dtype)
        return torch.bmm(shares, read).view(n, -1)

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
        if self._pass is not None and max(self._lengths, default=0) < self._pass.extent:
            self._pass.advance()
        else:
            self._pass = None

    def get_seq_length(self, layer: int = 0) -> int:
        return max(self._lengths, default=0)

    def _grown(self, slots: int, positions: int, like: Kept | None = None) -> tuple[Tensor, Tensor]:
        """The store with room for so many slots and positions; it grows by halves, so that copying stays small beside the work."""
        if self._store is None:
            assert like is not None
            self._store = tuple(
                part.new_empty(part.shape[0], 0, part.shape[1], 0, part.shape[3]) for part in like
            )  # pyright: ignore[reportAttributeAccessIssue]
            assert self._store is not None
        _, have, _, reach, _ = self._store[0].shape
        if slots <= have and positions <= reach:
            return self._store
        if slots > have:
            have = max(slots, have + have // 2)
        if positions > reach:
            wanted = min(max(positions, reach * 3 // 2), max(positions, self._longest))
            reach = -(-wanted // GRAIN) * GRAIN
        self._store = (self._copied(self._store[0], have, reach), self._copied(self._store[1], have, reach))
        return self._store

    def _copied(self, held: Tensor, slots: int, positions: int) -> Tensor:
        grown = held.new_zeros(held.shape[0], slots, held.shape[2], positions, held.shape[4])
        n = len(self._lengths)
        grown[:, :n, :, : held.shape[3]] = held[:, :n]
        return grown
