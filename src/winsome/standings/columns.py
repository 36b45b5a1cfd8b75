"""Columns of names as integer codes, and sums over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of names: `values` [rows] point into `labels`; -1 is missing."""

    values: Ints
    labels: Sequence[str]

    @staticmethod
    def of(names: Sequence[str | None]) -> Codes:
        """The codes of `names`, with sorted labels, so that they do not depend on the order of rows."""
        labels = sorted({name for name in names if name is not None})
        place = {label: code for code, label in enumerate(labels)}
        values = [-1 if name is None else place[name] for name in names]
        return Codes(np.array(values, np.int32), tuple(labels))

    def names(self) -> list[str | None]:
        """The names themselves, [rows]."""
        labels = [*self.labels, None]
        return [labels[value] for value in self.values.tolist()]


def dense(values: Ints) -> tuple[Ints, int]:
    """Codes renumbered without gaps in the same order, and their number; each -1 becomes a code of its own."""
    missing = values < 0
    used = np.zeros(int(values.max(initial=-1)) + 1, np.bool_)
    used[values[~missing]] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    count, alone = int(used.sum()), int(missing.sum())
    out = np.empty(len(values), np.int32)
    out[~missing] = place[values[~missing]]
    out[missing] = count + np.arange(alone, dtype=np.int32)
    return out, count + alone


def sums(codes: NDArray[np.integer], values: NDArray[np.generic], size: int) -> Floats:
    """[size] the sum of `values` [rows] over the rows of each code."""
    return np.bincount(codes, values, minlength=size).astype(np.float64, copy=False)


def counts(codes: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """[size] how many rows each code has."""
    return np.bincount(codes, minlength=size)
