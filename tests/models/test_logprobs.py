"""Packed log-probabilities and their gradients equal those of one plain padded forward pass."""

from __future__ import annotations

import pytest
import torch

from tests.models.test_forward import FAMILIES, drawn
from tests.tiny_models import causal
from winsome.errors import BadInput
from winsome.models.logprobs import Want, logprobs


def padded(network, sequences):
    """The second implementation: every sequence alone in a right-padded batch, all logits, log-softmax, gather.

    Returns per sequence the log-probabilities of its prompt (but the first token) and of its answer.
    """
    longest = max(len(p) + len(a) for p, a in sequences)
    ids = torch.full((len(sequences), longest), 257)
    mask = torch.zeros(len(sequences), longest, dtype=torch.long)
    for i, (p, a) in enumerate(sequences):
        ids[i, : len(p) + len(a)] = torch.tensor([*p, *a])
        mask[i, : len(p) + len(a)] = 1
    logs = network(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    found = []
    for i, (p, a) in enumerate(sequences):
        values = logs[i, : len(p) + len(a) - 1].gather(1, ids[i, 1 : len(p) + len(a), None])[:, 0]
        found.append((values[: len(p) - 1], values[len(p) - 1 :]))
    return found


def sequences_of(seed: int, prompts: int = 4, each: int = 3):
    return list(zip(*drawn(seed, prompts, each), strict=True))


def gradients(network, loss):
    network.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("row_tokens", [64, 1024])
def test_values_and_gradients_equal_a_padded_forward_to_1e_5(family, row_tokens):
    network = causal(**FAMILIES[family]).requires_grad_(True)
    sequences = sequences_of(1)
    pull = torch.randn(len(sequences), generator=torch.Generator().manual_seed(0))
    expected = padded(network, sequences)
    sums = torch.stack([answer.sum() for _, answer in expected])
    prompt_sums = torch.stack([prompt.sum() for prompt, _ in expected])
    tokens = torch.cat([answer for _, answer in expected])
    loss = pull @ sums + pull.flip(0) @ prompt_sums + (tokens**2).mean()
    wanted = gradients(network, loss)
    found = logprobs(network, sequences, Want(tokens=True, prompts=True), row_tokens=row_tokens)
    torch.testing.assert_close(found.sums, sums, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.tokens, tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.prompt_sums, prompt_sums, atol=1e-5, rtol=1e-5)
    assert found.counts.tolist() == [len(a) for _, a in sequences]
    assert found.prompt_counts.tolist() == [len(p) - 1 for p, _ in sequences]
    held = gradients(network, pull @ found.sums + pull.flip(0) @ found.prompt_sums + (found.tokens**2).mean())
    assert held.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(
            held[name], value, atol=1e-5 * float(value.abs().max()), rtol=1e-5, msg=name
        )


def test_a_frozen_head_gives_the_hidden_states_the_same_gradient():
    network = causal(tie_word_embeddings=False).requires_grad_(True)
    sequences = sequences_of(2)
    plain = gradients(network, logprobs(network, sequences).sums.sum())
    network.lm_head.requires_grad_(False)
    frozen = gradients(network, logprobs(network, sequences).sums.sum())
    assert plain.keys() - frozen.keys() == {"lm_head.weight"}
    for name, value in frozen.items():
        torch.testing.assert_close(value, plain[name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("case", [([], [1]), ([1], [])])
def test_nothing_to_predict_from_or_nothing_to_predict_is_refused(case):
    with pytest.raises(BadInput, match="sequence 1: its"):
        logprobs(causal(), [([1], [2]), case])
