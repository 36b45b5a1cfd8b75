"""The decoder is the network: same states and logits as transformers' modules, whatever the head counts and rotary scheme."""

from __future__ import annotations

import pytest
import torch

from tests.tiny_models import causal
from winsome.models.cache import SlotCache
from winsome.models.decoder import decoder_of
from winsome.models.draw import Draw, draw_tokens
from winsome.models.prefill import PromptCache, row_of

SAME = {
    "grouped heads": {},
    "mistral": {"model_type": "mistral", "sliding_window": None},
    "qwen2 with biases": {"model_type": "qwen2", "use_sliding_window": False},
    "llama3 angles": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
}


@pytest.mark.parametrize("config", SAME.values(), ids=SAME)
@pytest.mark.parametrize("fused", [True, False])
def test_prompts_and_steps_give_the_modules_logits(config, fused, monkeypatch):
    monkeypatch.setattr("winsome.models.decoder.SMALL", 1 << 40 if fused else 0)
    network = causal(**config)
    decoder = decoder_of(network)
    assert decoder is not None
    prompts = [[5, 9, 200], [17] * 40, list(range(60, 90))]
    row = row_of(prompts, (), "cpu")
    with torch.inference_mode():
        cache = PromptCache(row)
        found = decoder.logits(decoder.states(row.ids, row.positions, cache.attend, row.lasts))
        for prompt, scores in zip(prompts, found, strict=True):
            expected = network(torch.tensor([prompt])).logits[0, -1]
            torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)
        slots = SlotCache("cpu")
        assert slots.admits(120, 0, 1 << 30, cache.kept()) >= 3
        slots.seat([0, 1, 2], cache.kept(), row.paths, list(row.lengths), 3)
        whole = [list(prompt) for prompt in prompts]
        # Past a multiple of 64 positions, where the slots are read anew.
        for token in range(70):
            positions = slots.begin()
            found = decoder.logits(decoder.states(torch.full((3,), token), positions, slots.attend))
            slots.end()
            for row in whole:
                row.append(token)
        for row, held in zip(found, whole, strict=True):
            expected = network(torch.tensor([held])).logits[0, -1]
            torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt2"},
        {"model_type": "granite"},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}},
    ],
)
def test_other_architectures_are_left_to_their_modules(config):
    assert decoder_of(causal(**config)) is None


def test_long_rows_are_drawn_by_blocks_as_by_one_running_sum():
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(64, 5003, generator=generator)
    uniform = torch.rand(64, generator=generator)
    running = logits.double().softmax(1).cumsum(1)
    expected = torch.searchsorted(running, uniform.double()[:, None])[:, 0]
    found = draw_tokens(logits, uniform, Draw())
    # Rounding may move a draw that lies on the border of two tokens to the other.
    assert int((found != expected).sum()) <= 1
