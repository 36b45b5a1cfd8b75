"""ROUGE-L: the longest common subsequence by the usual table, and published examples."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.text.rouge import Novelty, rouge_l

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=70).map(" ".join)


def table(first: str, second: str) -> float:
    """The definition: the dynamic programme over all places of both texts."""
    a, b = (re.findall(r"\w+", text.lower()) for text in (first, second))
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            rows[i + 1][j + 1] = rows[i][j] + 1 if x == y else max(rows[i][j + 1], rows[i + 1][j])
    return 2 * rows[-1][-1] / (len(a) + len(b)) if rows[-1][-1] else 0.0


@given(TEXTS, TEXTS)
def test_it_is_the_longest_common_subsequence(first: str, second: str) -> None:
    assert rouge_l(first, second) == pytest.approx(table(first, second))
    assert rouge_l(first, second) == rouge_l(second, first)


def test_it_gives_the_figures_of_lin() -> None:
    """Section 3.1: "police killed the gunman" against "police kill the gunman" 3/4, against "the gunman kill police" 1/2."""
    assert rouge_l("police killed the gunman", "Police kill the gunman.") == 0.75
    assert rouge_l("police killed the gunman", "the gunman kill police") == 0.5
    assert rouge_l("", "") == 0.0


@given(st.lists(TEXTS, max_size=5), TEXTS, st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_what_is_like_a_seen_text_is_found_by_whatever_it_was_passed_over(
    seen: list[str], text: str, threshold: float
) -> None:
    novelty = Novelty(threshold)
    novelty.add(seen)
    assert novelty.near(text) == any(table(text, one) >= threshold for one in seen)
