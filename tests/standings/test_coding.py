"""Codes of texts are those of sorting them, whichever way is taken; neither rows' order nor the way shows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.standings.coding import coded, together
from winsome.standings.columns import Codes

ROWS = 12_000
WAYS = {
    "few": lambda i: f"model-{i % 150}",
    "many that repeat": lambda i: f"user-{i % 5000}",
    "distinct": lambda i: f"{i * 2654435761 % 2**32:08x}",
    "distinct behind a long beginning": lambda i: f"a-long-common-beginning-{i}",
    "distinct, ties in eight bytes": lambda i: f"{i // 2}xxxxxxxx{i}" if i % 50 == 0 else f"{i:08d}",
    "distinct in their ends alone": lambda i: f"{'left' if i % 2 else 'right'}-padding-{i}",
    "of all lengths, zeros among them": lambda i: "é" * (i % 7) + chr(i % 3) * (i % 11) + str(i),
}


def same(found: Codes, texts: list[str | None]) -> None:
    wanted = Codes.of(texts)
    assert list(found.labels) == list(wanted.labels)
    assert found.values.dtype == np.int32
    np.testing.assert_array_equal(found.values, wanted.values)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nulls", [False, True])
def test_codes_are_those_of_sorting(way: str, nulls: bool) -> None:
    texts: list[str | None] = [WAYS[way](i) for i in np.random.default_rng(0).permutation(ROWS).tolist()]
    if nulls:
        texts[7] = texts[-1] = None
    column = pl.Series(texts, dtype=pl.String)
    same(coded(column), texts)
    same(coded(pl.concat([column[:5000], column[5000:]], rechunk=False)), texts)
    same(coded(column.cast(pl.Categorical)), texts)


@settings(deadline=None)
@given(st.lists(st.none() | st.text(max_size=12), max_size=40))
def test_any_texts(texts: list[str | None]) -> None:
    clean = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    same(coded(pl.Series(clean, dtype=pl.String)), clean)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("a\0é", max_size=10), min_size=3, max_size=6), st.integers(0, 9))
def test_texts_that_bytes_alone_cannot_order(ends: list[str], seed: int) -> None:
    numbers = np.random.default_rng(seed).permutation(ROWS).tolist()
    texts: list[str | None] = [
        f"{n:07d}" + ends[n % len(ends)] if n % 9 == 0 else f"{n:07d}" for n in numbers
    ]
    same(coded(pl.Series(texts, dtype=pl.String)), texts)


def test_two_columns_share_their_labels() -> None:
    one, other = together(Codes.of(["b", "a", None]), Codes.of(["c", "a"]))
    assert list(one.labels) == list(other.labels) == ["a", "b", "c"]
    assert (one.values.tolist(), other.values.tolist()) == ([1, 0, -1], [2, 0])
