"""Keys and values of attention: as a prompt leaves them, and in slots that sequences enter, grow in and leave.

Both offer the part of transformers' cache interface that an attention layer calls; masks are always given explicitly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

GRAIN = 64
"""Attention reads the slots up to a multiple of this many positions, so its shapes seldom change."""


class PromptCache:
    """Keeps the keys and values of one packed row."""

    def __init__(self) -> None:
        self._layers: list[tuple[Tensor, Tensor]] = []

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Called by attention layer `layer` with [1, heads, T, d]; gives back what it is to read."""
        assert layer == len(self._layers)
        self._layers.append((keys, values))
        return keys, values

    def get_seq_length(self, layer: int = 0) -> int:
        return 0

    def span(self, start: int, end: int) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of positions start..end of the row, [heads, end - start, d] a layer."""
        return [(k[0, :, start:end].clone(), v[0, :, start:end].clone()) for k, v in self._layers]


class SlotCache:
    """Slots 0..n-1 hold the n active sequences, each from position 0 of its slot; the last moves into a hole."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._lengths: list[int] = []
        self._slots = 0
        self._positions = 0
        self._longest = 0
        self._at: tuple[Tensor, Tensor] | None = None
        self._extent = 0

    def admits(self, positions: int, most: int, like: list[tuple[Tensor, Tensor]]) -> bool:
        """Whether one more sequence that may reach `positions` tokens keeps within `most` bytes, all at their longest.

        `like` is its prompt's cache. The first sequence is always admitted.
        """
        longest = max(positions, self._longest)
        each = sum(part.shape[0] * part.shape[2] * part.element_size() for pair in like for part in pair)
        if self._lengths and (len(self._lengths) + 1) * longest * each > most:
            return False
        self._longest = longest
        return True

    def append(self, prompt: list[tuple[Tensor, Tensor]], length: int) -> None:
        """Seat a sequence that has read a prompt of `length` tokens."""
        import torch

        slot = len(self._lengths)
        with torch.inference_mode():
            self._grow(slot + 1, length + 1, prompt)
            for layer, (keys, values) in enumerate(prompt):
                self._keys[layer][slot, :, :length] = keys
                self._values[layer][slot, :, :length] = values
        self._lengths.append(length)

    def drop(self, slot: int) -> None:
        """Free a slot; the last sequence moves into it."""
        import torch

        last = len(self._lengths) - 1
        length = self._lengths[last]
        if slot != last:
            with torch.inference_mode():
                for store in (self._keys, self._values):
                    for layer in store:
                        layer[slot, :, :length] = layer[last, :, :length]
            self._lengths[slot] = length
        self._lengths.pop()

    def begin(self) -> tuple[Tensor, Tensor]:
        """Positions [n, 1] of the next token of each sequence and its mask [n, 1, 1, extent]; `end` follows the pass."""
        import torch

        device = self._device
        lengths = torch.tensor(self._lengths, device=device)
        self._grow(len(self._lengths), max(self._lengths) + 1, None)
        self._at = (torch.arange(len(self._lengths), device=device), lengths)
        self._extent = min(self._positions, -(-(max(self._lengths) + 1) // GRAIN) * GRAIN)
        mask = torch.arange(self._extent, device=device)[None, :] <= lengths[:, None]
        return lengths[:, None], mask[:, None, None]

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Called by attention layer `layer` with [n, heads, 1, d]; gives back all that the sequences may read."""
        assert self._at is not None
        rows, at = self._at
        n = len(self._lengths)
        self._keys[layer][rows, :, at] = keys[:, :, 0]
        self._values[layer][rows, :, at] = values[:, :, 0]
        return self._keys[layer][:n, :, : self._extent], self._values[layer][:n, :, : self._extent]

    def end(self) -> None:
        """The tokens of this pass are now part of their sequences."""
        self._lengths = [length + 1 for length in self._lengths]
        self._at = None

    def get_seq_length(self, layer: int = 0) -> int:
        return max(self._lengths, default=0)

    def _grow(self, slots: int, positions: int, like: list[tuple[Tensor, Tensor]] | None) -> None:
        """Make room where there is too little; by halves, so that the copying stays small beside the work."""
        if slots <= self._slots and positions <= self._positions:
            return
        if slots > self._slots:
            slots = max(slots, self._slots + self._slots // 2)
        if positions > self._positions:
            positions = min(max(positions, self._positions * 3 // 2), max(positions, self._longest))
        slots, positions = max(slots, self._slots), max(-(-positions // GRAIN) * GRAIN, self._positions)
        if not self._keys and like is not None:
            self._keys = [keys.new_empty(0, keys.shape[0], 0, keys.shape[2]) for keys, _ in like]
            self._values = [values.new_empty(0, values.shape[0], 0, values.shape[2]) for _, values in like]
        held = len(self._lengths)
        for store in (self._keys, self._values):
            for i, layer in enumerate(store):
                grown = layer.new_zeros(slots, layer.shape[1], positions, layer.shape[3])
                grown[:held, :, : self._positions] = layer[:held]
                store[i] = grown
        self._slots, self._positions = slots, positions
