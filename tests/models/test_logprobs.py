"""Packed log-probabilities and their gradients equal those of one plain padded forward pass."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from tests.models.test_forward import FAMILIES, drawn
from tests.tiny_models import causal
from winsome.errors import BadInput
from winsome.models import attention, head, norm, trees
from winsome.models.logprobs import Want, casts_kept, logprobs
from winsome.models.packing import Tree, pack


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


@pytest.mark.parametrize("kept", [0, 1 << 23])
def test_long_trees_are_attended_stretch_by_stretch(monkeypatch, kept):
    """With stretches of 16 every tree is cut into many; kept chances and those made again give the same."""
    monkeypatch.setattr(attention, "STRETCH", 16)
    monkeypatch.setattr(trees, "KEPT", kept)
    network = causal(num_key_value_heads=1).requires_grad_(True)
    sequences = sequences_of(3)
    expected = padded(network, sequences)
    wanted = gradients(network, torch.stack([answer.sum() for _, answer in expected]).square().sum() / 1e3)
    found = logprobs(network, sequences)
    held = gradients(network, found.sums.square().sum() / 1e3)
    for name, value in wanted.items():
        torch.testing.assert_close(
            held[name], value, atol=1e-5 * float(value.abs().max()), rtol=1e-5, msg=name
        )


def test_in_float64_nothing_is_lost():
    network = causal().double().requires_grad_(True)
    # transformers' norms work in float32; those that go with trees do not.
    assert attention.attend_by_trees(network)
    sequences = sequences_of(4)
    expected = torch.stack([answer.sum() for _, answer in padded(network, sequences)])
    found = logprobs(network, sequences).sums
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-11)
    wanted, held = gradients(network, expected.sum()), gradients(network, found.sum())
    for name, value in wanted.items():
        torch.testing.assert_close(
            held[name], value, atol=1e-9 * float(value.abs().max()), rtol=1e-9, msg=name
        )


def test_a_fused_norm_is_transformers_norm():
    """Values and both gradients, of several forms, against the module as it came; bfloat16 is handed on under autocast."""
    from transformers.models.llama.modeling_llama import LlamaRMSNorm
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

    generator = torch.Generator().manual_seed(0)
    for kind, shape in ((LlamaRMSNorm, (1, 7, 12)), (Qwen3RMSNorm, (1, 5, 2, 12))):
        module = kind(12, 1e-5)
        with torch.no_grad():
            module.weight.copy_(torch.rand(12, generator=generator) + 0.5)
        states = torch.randn(shape, generator=generator, requires_grad=True)
        pull = torch.randn(shape, generator=generator)
        expected = module(states)
        wanted = torch.autograd.grad((pull * expected).sum(), [states, module.weight])
        assert norm.fuse_norms(module) == 1
        assert norm.fuse_norms(module) == 0
        found = module(states)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
        held = torch.autograd.grad((pull * found).sum(), [states, module.weight])
        for a, b in zip(held, wanted, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):
            assert module(states).dtype == torch.bfloat16


def test_a_neighbour_in_the_row_changes_nothing_to_the_bit():
    network = causal()
    (prompt, first), (_, second), (_, third) = sequences_of(5, prompts=1, each=3)
    other = [t + 1 for t in third]
    a = logprobs(network, [(prompt, first), (prompt, second), (second, third)])
    b = logprobs(network, [(prompt, first), (prompt, second), (second, other)])
    assert torch.equal(a.sums[:2], b.sums[:2])
    assert not torch.equal(a.sums[2], b.sums[2])


def test_the_two_sides_may_have_different_prompts():
    network = causal()
    sequences = sequences_of(6, prompts=2, each=1)
    sequences += [(sequences[0][0], sequences[1][1]), sequences[0]]
    found = logprobs(network, sequences, Want(prompts=True))
    expected = padded(network, sequences)
    torch.testing.assert_close(found.sums, torch.stack([a.sum() for _, a in expected]), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(
        found.prompt_sums, torch.stack([p.sum() for p, _ in expected]), atol=1e-4, rtol=1e-5
    )


@pytest.mark.parametrize("cap", [None, 20.0])
def test_blocks_of_the_vocabulary_and_cuts_of_the_positions_change_nothing(monkeypatch, cap):
    """Head alone: many blocks, with scaling and a cap, against one log-softmax; both passes, frozen and not."""
    monkeypatch.setattr(head, "BLOCK_ENTRIES", 64)
    monkeypatch.setattr(head, "LEAST_BLOCK", 8)
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 43).double()
    targets = torch.randint(0, 43, (21,))
    states = torch.randn(21, 5, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(21, dtype=torch.float64)
    for frozen in (False, True):
        layer.requires_grad_(not frozen)
        scores = 2.5 * layer(states)
        scores = scores if cap is None else (scores / cap).tanh() * cap
        expected = scores.log_softmax(1).gather(1, targets[:, None])[:, 0]
        wanted = torch.autograd.grad(pull @ expected, [states, *([] if frozen else layer.parameters())])
        found = head.target_logprobs(head.Head(layer, 2.5, cap), states, targets)
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
        held = torch.autograd.grad(pull @ found, [states, *([] if frozen else layer.parameters())])
        for a, b in zip(held, wanted, strict=True):
            torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


def test_bfloat16_products_stay_near_float32_and_give_float32_gradients():
    network = causal().requires_grad_(True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.3 if parameter.ndim > 1 else 1.0)
    sequences = sequences_of(7)
    exact, near = logprobs(network, sequences), logprobs(network, sequences, compute="bfloat16")
    assert near.sums.dtype == torch.float32
    torch.testing.assert_close(near.sums / near.counts, exact.sums / exact.counts, atol=0.02, rtol=0.01)
    wanted = gradients(network, (exact.sums / exact.counts).sum())
    held = gradients(network, (near.sums / near.counts).sum())
    for name, value in wanted.items():
        assert held[name].dtype == torch.float32
        cosine = torch.nn.functional.cosine_similarity(held[name].flatten(), value.flatten(), dim=0)
        assert cosine > 0.99, name


def test_the_block_mask_of_flex_attention_is_the_pattern_of_the_mask():
    trees = [Tree([1] * 5, [[2] * 3, [3] * 4]), Tree([4] * 2, [[5]]), Tree([6] * 130, [[7] * 3])]
    packed = pack(trees)
    size = packed.ids.shape[1]
    mask = attention.block_mask(packed).mask_mod
    places = torch.arange(size)
    seen = mask(0, 0, places[:, None].expand(size, size), places[None, :].expand(size, size))
    assert torch.equal(seen, packed.mask[0, 0])


def test_the_pieces_of_trees_are_the_pattern_of_the_mask():
    trees = [Tree([1] * 5, [[2] * 3, [3] * 4]), Tree([4] * 2, [[5]]), Tree([6] * 130, [[7] * 3, [8] * 140])]
    packed = pack(trees)
    seen = torch.zeros(packed.ids.shape[1], packed.ids.shape[1], dtype=torch.bool)
    for piece in attention.pieces(packed):
        places = torch.cat([torch.arange(span.start, span.stop) for span in piece.keys])
        part = torch.ones(len(piece.hidden), len(places), dtype=torch.bool)
        part[:, len(places) - piece.hidden.shape[1] :] &= ~piece.hidden
        for i, row in enumerate(range(piece.queries.start, piece.queries.stop)):
            seen[row, places] = part[i]
    assert torch.equal(seen, packed.mask[0, 0])


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


def test_casts_kept_over_several_calls_change_nothing():
    """Two calls and backward passes within give the gradients of two without; after the weights change, new copies are made."""
    network = causal().requires_grad_(True)
    parts = sequences_of(8)[:6], sequences_of(8)[6:]

    def accumulated(kept: bool):
        network.zero_grad()
        with casts_kept("cpu") if kept else nullcontext():
            for part in parts:
                logprobs(network, part, compute="bfloat16").sums.sum().backward()
        return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}

    for _ in range(2):
        plain, kept = accumulated(False), accumulated(True)
        for name, value in plain.items():
            assert torch.equal(value, kept[name]), name
        with torch.no_grad():
            network.model.layers[0].mlp.up_proj.weight.add_(0.1)


@pytest.mark.parametrize("compute", ["own", "bfloat16"])
def test_recomputed_activations_give_the_same_gradients(compute):
    network = causal().requires_grad_(True)
    sequences = sequences_of(9)
    plain = gradients(network, logprobs(network, sequences, compute=compute).sums.sum())
    network.train()
    network.gradient_checkpointing_enable({"use_reentrant": False})
    with casts_kept("cpu"):
        again = gradients(network, logprobs(network, sequences, compute=compute).sums.sum())
    for name, value in plain.items():
        torch.testing.assert_close(
            again[name], value, atol=1e-6 * float(value.abs().max()), rtol=1e-6, msg=name
        )


@pytest.mark.parametrize("dora", [False, True])
def test_an_adapter_gets_gradients_and_its_base_none(dora):
    peft = pytest.importorskip("peft")
    network = causal()
    sequences = sequences_of(10)
    before = logprobs(network, sequences).sums
    settings = peft.LoraConfig(
        r=4, lora_alpha=8, use_dora=dora, target_modules=["q_proj", "up_proj"], task_type="CAUSAL_LM"
    )
    adapted = peft.get_peft_model(network, settings)
    found = logprobs(adapted, sequences).sums
    torch.testing.assert_close(found.detach(), before, atol=1e-4, rtol=1e-5)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.01)
    held = gradients(adapted, logprobs(adapted, sequences).sums.sum())
    expected = torch.stack([answer.sum() for _, answer in padded(adapted, sequences)])
    wanted = gradients(adapted, expected.sum())
    assert held.keys() == wanted.keys()
    assert all("lora_" in name for name in held)
    for name, value in wanted.items():
        torch.testing.assert_close(
            held[name], value, atol=2e-5 * float(value.abs().max()), rtol=1e-4, msg=name
        )
