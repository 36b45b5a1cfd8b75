"""A column of texts to integer codes with sorted labels, by the cheapest of three ways.

A short column: Python's own dictionary. Labels that repeat: the dictionary of a Categorical is the codes, out of order. Nearly all
distinct (ids of prompts): the eight bytes behind what all begin with order them as one number does, filled up with zeros, and the
few whose numbers are equal are sorted as texts. Labels become Python's texts when they are first looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import cast, overload

import numpy as np
import polars as pl

from winsome.standings.columns import Codes, Ints

FEW = 1000
"""So many distinct texts among the first rows are few."""

SAMPLE = 10_000
SHORT = 2000
WORD = 8


class Labels(Sequence[str]):
    """The texts of a column, made when they are first looked at: 1.5 million ids cost more than their codes."""

    def __init__(self, column: pl.Series) -> None:
        self.column = column

    @cached_property
    def texts(self) -> list[str]:
        return self.column.cast(pl.String).to_list()

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self.texts[index]


def coded(texts: pl.Series) -> Codes:
    """The codes of a String or Categorical column; null is -1, labels are sorted by their characters' codes."""
    if len(texts) <= SHORT:
        return Codes.of(texts.to_list())
    if not repeats(texts) and not texts.has_nulls():
        texts = texts.rechunk()  # A gather looks up the chunk of every row.
        if 2 * cast("int", texts.approx_n_unique()) > len(texts):
            found = _by_words(texts)
            if found is not None:
                return found
    return _by_dictionary(texts.cast(pl.Categorical))


def repeats(texts: pl.Series) -> bool:
    """Whether the column has few distinct texts: it is a Categorical, or its first rows have few."""
    return texts.dtype != pl.String or texts.head(SAMPLE).n_unique() <= FEW


def together(one: Codes, other: Codes) -> tuple[Codes, Codes]:
    """The same two columns with codes into the same labels."""
    if list(one.labels) == list(other.labels):
        return one, other
    labels = sorted({*one.labels, *other.labels})
    place = {label: code for code, label in enumerate(labels)}

    def again(codes: Codes) -> Codes:
        table = np.array([*(place[label] for label in codes.labels), -1], np.int32)
        return Codes(table[codes.values], labels)

    return again(one), again(other)


def _by_dictionary(texts: pl.Series) -> Codes:
    distinct = texts.drop_nulls().unique()
    names = distinct.cast(pl.String)
    order = names.arg_sort()
    known: Ints = distinct.to_physical().cast(pl.Int32).to_numpy()
    table = np.full(int(known.max(initial=0)) + 2, -1, np.int32)
    table[known[order.to_numpy()]] = np.arange(len(names), dtype=np.int32)
    physical = texts.to_physical()
    if physical.has_nulls():
        physical = physical.fill_null(len(table) - 1)
    return Codes(table.take(physical.to_numpy()), Labels(names.gather(order)))


def _by_words(texts: pl.Series) -> Codes | None:
    """None where more than a quarter of the rows agree in the bytes that are looked at."""
    bounds = [str(end).encode() for end in (texts.min(), texts.max())]
    shared = next(
        (place for place, pair in enumerate(zip(*bounds, strict=False)) if pair[0] != pair[1]),
        min(map(len, bounds)),
    )
    data = texts.cast(pl.Binary)
    if cast("int", data.bin.size().min()) < shared + WORD:
        data = pl.select(pl.concat_str([texts, pl.lit("\0" * WORD)])).to_series().cast(pl.Binary)
    words = data.bin.slice(shared, WORD).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    order = words.arg_sort().to_numpy(writable=True)
    words = words.gather(order).to_numpy()
    tied = np.concatenate([[False], words[1:] == words[:-1], [False]])
    rows = np.flatnonzero(tied[1:] | tied[:-1])
    if len(rows) > len(order) // 4:
        return None
    new = ~tied[:-1]
    if len(rows):
        # Rows that tie are next to one another, so that all of them sorted as texts fill their places in order.
        order[rows] = order[rows][texts.gather(order[rows]).arg_sort().to_numpy()]
        again = texts.gather(order[rows])
        new[rows[1:]] |= (again[1:] != again[:-1]).to_numpy()
    codes = np.empty(len(order), np.int32)
    codes[order] = np.cumsum(new, dtype=np.int32) - 1
    return Codes(codes, Labels(texts.gather(order if new.all() else order[new])))
