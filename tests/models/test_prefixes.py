"""Sequences that begin alike: log-probabilities and gradients equal those of one plain padded forward pass."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.test_forward import FAMILIES
from tests.models.test_logprobs import gradients, padded
from tests.tiny_models import causal
from winsome.errors import BadInput
from winsome.models import attention, prefixes
from winsome.models.prefixes import pieces_of, prefix_logprobs, tries

WORDS = st.lists(st.integers(0, 2), min_size=1, max_size=9)


def dated(seed: int, count: int = 40) -> list[tuple[list[int], list[int]]]:
    """A template's first tokens, one of few dates, one of three questions, and an answer that may continue another."""
    draw = torch.Generator().manual_seed(seed)
    number = lambda high: int(torch.randint(0, high, (1,), generator=draw))  # noqa: E731
    questions = [[50 + k] * (3 + k) for k in range(3)]
    return [
        ([7, 8, 9, 10 + number(2), 20 + number(3), 40, *questions[number(3)]], [60 + number(2) for _ in range(1 + number(3))])
        for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("row_tokens", [24, 2048])
def test_values_and_gradients_equal_a_padded_forward_to_1e_5(family, row_tokens):
    network = causal(**FAMILIES[family]).requires_grad_(True)
    sequences = dated(1)
    pull = torch.randn(len(sequences), generator=torch.Generator().manual_seed(0))
    sums = torch.stack([answer.sum() for _, answer in padded(network, sequences)])
    wanted = gradients(network, pull @ sums)
    found = prefix_logprobs(network, sequences, row_tokens=row_tokens)
    torch.testing.assert_close(found.sums, sums, atol=1e-5, rtol=1e-5)
    assert found.counts.tolist() == [len(answer) for _, answer in sequences]
    held = gradients(network, pull @ found.sums)
    for name, value in wanted.items():
        torch.testing.assert_close(
            held[name], value, atol=1e-5 * float(value.abs().max()), rtol=1e-5, msg=name
        )


@pytest.mark.parametrize("stretch", [1, 16])
def test_stretches_and_a_whole_mask_give_the_same(monkeypatch, stretch):
    """Stretches that end anywhere in a trie, and networks whose attention takes a mask."""
    monkeypatch.setattr(attention, "STRETCH", stretch)
    sequences = dated(2)
    expected = torch.stack([answer.sum() for _, answer in padded(causal(), sequences)])
    torch.testing.assert_close(prefix_logprobs(causal(), sequences).sums, expected, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr(prefixes, "attend_by_trees", lambda network: False)
    monkeypatch.setattr("winsome.models.logprobs.attend_by_trees", lambda network: False)
    torch.testing.assert_close(prefix_logprobs(causal(), sequences).sums, expected, atol=1e-5, rtol=1e-5)


@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(1, 30), st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_a_node_sees_itself_and_what_it_continues_once_a_row(lists, tokens, stretch):
    held = attention.STRETCH
    numbers: list[int] = []
    try:
        attention.STRETCH = stretch
        for trie in tries(lists, tokens):
            size = len(trie.ids)
            for number, path in trie.paths.items():
                assert [trie.ids[node] for node in path] == lists[number]
                assert [trie.depths[node] for node in path] == list(range(len(path)))
            numbers += trie.paths
            prefixes_held = {tuple(lists[n][: i + 1]) for n in trie.paths for i in range(len(lists[n]))}
            assert size == len(prefixes_held)
            assert size <= tokens or len(trie.paths) == 1
            above = [
                [bool(set(p[: p.index(q) + 1]) & {k}) for k in range(size)]
                for q in range(size)
                for p in [next(p for p in trie.paths.values() if q in p)]
            ]
            seen = torch.zeros(size, size, dtype=torch.bool)
            for piece in pieces_of(trie):
                columns = [place for span in piece.keys for place in range(span.start, span.stop)]
                for i, q in enumerate(range(piece.queries.start, piece.queries.stop)):
                    seen[q, columns] = ~piece.hidden[i]
            assert seen.tolist() == above
    finally:
        attention.STRETCH = held
    assert sorted(numbers) == list(range(len(lists)))


def test_the_block_mask_of_a_trie_is_what_its_nodes_see():
    (trie,) = tries([[1, 2, 3], [1, 2], [1, 4, 5], [6]], 100)
    assert trie.ends == [5, 3, 3, 5, 5, 6]
    mask = attention.blocks_below(trie.ends, "cpu").mask_mod
    places = torch.arange(6)
    seen = mask(0, 0, places[:, None].expand(6, 6), places[None, :].expand(6, 6))
    assert [seen[q].nonzero()[:, 0].tolist() for q in range(6)] == [[0], [0, 1], [0, 1, 2], [0, 3], [0, 3, 4], [5]]  # fmt: skip


@pytest.mark.parametrize("case", [([], [1]), ([1], [])])
def test_nothing_to_predict_from_or_nothing_to_predict_is_refused(case):
    with pytest.raises(BadInput, match="sequence 1: its"):
        prefix_logprobs(causal(), [([1], [2]), case])
