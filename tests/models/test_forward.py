"""Packed log-probabilities equal those of one plain padded forward pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tiny_models import causal, local_model
from winsome.errors import BadInput, Unsupported
from winsome.models.forward import token_logprobs
from winsome.models.packing import Tree, rows

FAMILIES = {
    "llama": {},
    "qwen2": {"model_type": "qwen2", "use_sliding_window": False},
    "qwen3": {"model_type": "qwen3", "head_dim": 16},
    "granite": {"model_type": "granite", "logits_scaling": 3.0},
    "cohere": {"model_type": "cohere", "logit_scale": 0.5},
    "gpt2": {"model_type": "gpt2"},
}


def padded_logprobs(network, prompts, responses):
    """The second implementation: every row alone in a right-padded batch, all logits, log-softmax, gather."""
    longest = max(len(p) + len(r) for p, r in zip(prompts, responses, strict=True))
    ids = torch.full((len(prompts), longest), 257)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for i, (p, r) in enumerate(zip(prompts, responses, strict=True)):
        ids[i, : len(p) + len(r)] = torch.tensor([*p, *r])
        mask[i, : len(p) + len(r)] = 1
    logs = network(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    found = []
    for i, (p, r) in enumerate(zip(prompts, responses, strict=True)):
        at = torch.arange(len(p) - 1, len(p) + len(r) - 1)
        found.append(logs[i, at, torch.tensor(r)].numpy())
    return found


def drawn(seed: int, prompts: int, each: int):
    rng = np.random.default_rng(seed)
    asked, given = [], []
    for _ in range(prompts):
        prompt = rng.integers(0, 256, rng.integers(1, 40)).tolist()
        for _ in range(each):
            asked.append(prompt)
            given.append(rng.integers(0, 256, rng.integers(1, 60)).tolist())
    order = rng.permutation(len(asked))
    return [asked[i] for i in order], [given[i] for i in order]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("row_tokens", [64, 512])
def test_packed_logprobs_equal_a_padded_forward_to_1e_5(family, row_tokens):
    network = causal(**FAMILIES[family])
    prompts, responses = drawn(1, prompts=5, each=4)
    expected = padded_logprobs(network, prompts, responses)
    found = token_logprobs(local_model(network), prompts, responses, row_tokens=row_tokens)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


def test_an_empty_response_has_no_logprobs():
    found = token_logprobs(local_model(causal()), [[1, 2], [1, 2]], [[], [3]])
    assert [len(f) for f in found] == [0, 1]


def test_a_prompt_without_tokens_and_an_overlong_answer_are_refused():
    model = local_model(causal(), context=8)
    with pytest.raises(BadInput, match="prompt 0 has no tokens"):
        token_logprobs(model, [[]], [[1]])
    with pytest.raises(BadInput, match="9 tokens with its prompt, tiny holds 8"):
        token_logprobs(model, [[1, 2, 3]], [[4] * 6])


def test_a_window_shorter_than_the_answer_is_refused():
    network = causal(model_type="mistral", sliding_window=16)
    with pytest.raises(Unsupported, match="attention window of 16"):
        token_logprobs(local_model(network), [[1] * 10], [[2] * 10])


def test_rows_hold_every_branch_once_within_the_budget():
    rng = np.random.default_rng(0)
    trees = [Tree([0] * rng.integers(1, 30), [[1] * rng.integers(1, 50) for _ in range(6)]) for _ in range(9)]
    packed = rows(trees, 100)
    seen = sorted((number, b) for row in packed for number, _, held in row for b in held)
    assert seen == [(t, b) for t in range(9) for b in range(6)]
    assert all(sum(tree.size for _, tree, _ in row) <= 100 or len(row) == 1 for row in packed)
