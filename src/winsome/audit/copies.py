"""Answers that are the same, or nearly, although their prompts differ: MinHash finds them, Jaccard's index confirms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SHINGLE = 3
"""Words of a shingle; texts of fewer words are one shingle."""
NEAR = 0.7
"""Jaccard's index of two texts' shingles from which on they are nearly the same."""
BANDS, ROWS = 32, 4
"""Of the MinHash signature: texts with index 0.7 share a band with chance 1 - (1 - 0.7^4)^32 > 0.9998."""

_PRIME = np.uint64((1 << 32) + 15)
_WORD = re.compile(r"\w+", re.UNICODE)


def groups(texts: Sequence[str]) -> list[list[int]]:
    """Places of `texts` [n] in groups of nearly equal ones, the largest first; texts that equal no other are left out.

    Near is not transitive: a group is what steps of nearly equal texts connect. Empty texts are in no group.
    """
    shingles = [_shingles(text) for text in texts]
    root = list(range(len(texts)))

    def top(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    signatures = np.stack([_signature(held) for held in shingles]) if texts else np.empty((0, BANDS * ROWS))
    for band in range(BANDS):
        columns = signatures[:, band * ROWS : (band + 1) * ROWS]
        bins: dict[bytes, list[int]] = {}
        for place, cells in enumerate(columns):
            if shingles[place]:
                bins.setdefault(cells.tobytes(), []).append(place)
        for places in bins.values():
            for first, second in combinations(places, 2):
                if top(first) != top(second) and _jaccard(shingles[first], shingles[second]) >= NEAR:
                    root[top(second)] = top(first)
    found: dict[int, list[int]] = {}
    for place in range(len(texts)):
        found.setdefault(top(place), []).append(place)
    return sorted((group for group in found.values() if len(group) > 1), key=len, reverse=True)


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return _WORD.findall(text.casefold())


def _shingles(text: str) -> frozenset[int]:
    found = words(text) or text.split()
    if not found:
        return frozenset()
    width = min(SHINGLE, len(found))
    return frozenset(_hash(" ".join(found[k : k + width])) for k in range(len(found) - width + 1))


@lru_cache(maxsize=1 << 16)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big")


@lru_cache(maxsize=1)
def _mixers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    draw = np.random.default_rng(20240917)
    size = BANDS * ROWS
    # Products of 32-bit hashes with 31-bit factors stay below 2^63, so that no step overflows.
    return draw.integers(1, 1 << 31, size, np.uint64), draw.integers(0, 1 << 31, size, np.uint64)


def _signature(shingles: frozenset[int]) -> NDArray[np.uint64]:
    if not shingles:
        return np.zeros(BANDS * ROWS, np.uint64)
    factor, shift = _mixers()
    values = np.fromiter(shingles, np.uint64, len(shingles))
    return ((values[:, None] * factor + shift) % _PRIME).min(0)


def _jaccard(first: frozenset[int], second: frozenset[int]) -> float:
    return len(first & second) / len(first | second)
