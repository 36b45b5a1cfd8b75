"""Prompts read together, and what they share read once, give the logits of each prompt alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.test_sampler import by_name
from tests.tiny_models import causal, local_model
from winsome.models.decoder import decoder_of
from winsome.models.draw import Draw
from winsome.models.prefill import PromptCache, fitting, row_of
from winsome.models.sampler import Request, sample

COMMON = list(range(40, 90))
PROMPTS = sorted(
    [
        [*COMMON, 7],
        [*COMMON, 7],
        [*COMMON, *range(100, 160)],
        [*COMMON, *range(100, 130), 5],
        [*COMMON[:20], 200, 201],
        [3],
        [250] * 90,
    ]
)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=12))
def test_a_row_holds_each_shared_beginning_once(prompts):
    prompts = sorted(prompts)
    row = row_of(prompts, (), "cpu")
    assert len(row.ids) == len({tuple(prompt[: i + 1]) for prompt in prompts for i in range(len(prompt))})
    for prompt, path, length, last in zip(prompts, row.paths, row.lengths, row.lasts, strict=True):
        assert row.ids[path[:length]].tolist() == prompt
        assert row.positions[path[:length]].tolist() == list(range(len(prompt)))
        assert path[length - 1] == last
    reads = row.mask()[0, 0]
    for prompt, path in zip(prompts, row.paths, strict=True):
        for i in range(len(prompt)):
            assert reads[path[i]].nonzero()[:, 0].tolist() == sorted(path[: i + 1].tolist())


@pytest.mark.parametrize("tokens", [8, 100, 512])
@pytest.mark.parametrize("area", [0, 1 << 40])
def test_rows_give_the_logits_of_each_prompt_alone(tokens, area, monkeypatch):
    monkeypatch.setattr("winsome.models.prefill.TOKENS", tokens)
    monkeypatch.setattr("winsome.models.prefill.FUSED_AREA", area)
    network = causal()
    decoder = decoder_of(network)
    assert decoder is not None
    left, before, kept = list(PROMPTS), (), None
    with torch.inference_mode():
        while left:
            count = fitting(left, before)
            taken, left = left[:count], left[count:]
            row = row_of(taken, before, "cpu")
            cut = None if kept is None else (kept[0][:, :, : row.before], kept[1][:, :, : row.before])
            cache = PromptCache(row, cut)
            found = decoder.logits(decoder.states(row.ids, row.positions, cache.attend, row.lasts))
            for prompt, scores in zip(taken, found, strict=True):
                expected = network(torch.tensor([prompt])).logits[0, -1]
                torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)
            path = row.paths[-1, : row.lengths[-1]]
            keys, values = cache.kept()
            before, kept = taken[-1], (keys[:, :, path], values[:, :, path])


@pytest.mark.parametrize("family", [{}, {"model_type": "gpt2"}, {"model_type": "granite"}])
def test_greedy_draws_of_prompts_with_shared_beginnings_equal_generate(family, monkeypatch):
    monkeypatch.setattr("winsome.models.prefill.TOKENS", 100)
    network = causal(**family)
    asked = [Request(f"p{i}", ids, (0, 1), 24) for i, ids in enumerate(PROMPTS[::-1])]
    found = by_name(sample(local_model(network), asked, Draw(temperature=0.0), slots=3))
    for request in asked:
        whole = network.generate(torch.tensor([request.ids]), max_new_tokens=24, do_sample=False)
        expected = whole[0, len(request.ids) :].tolist()
        expected = expected[: expected.index(257)] if 257 in expected else expected
        assert list(found[request.name, 0].ids) == list(found[request.name, 1].ids) == expected


def test_slots_shrink_when_long_sequences_have_left():
    network = causal()
    asked = [Request("long", [9] * 300, (0,), 20)]
    asked += [Request(f"p{i}", [i, 5, 7], (0,), 30) for i in range(6)]
    found = by_name(sample(local_model(network), asked, Draw(temperature=0.0), slots=3))
    for request in asked:
        whole = network.generate(
            torch.tensor([request.ids]), max_new_tokens=request.max_tokens, do_sample=False
        )
        expected = whole[0, len(request.ids) :].tolist()
        expected = expected[: expected.index(257)] if 257 in expected else expected
        assert list(found[request.name, 0].ids) == expected
