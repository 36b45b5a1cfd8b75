"""A sequence classifier's output for the rendered dialogue, whatever else is in the batch."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import torch

from tests.tiny_models import LLAMA, byte_tokenizer
from winsome.errors import BadInput, Unsupported
from winsome.records import Prompt, Response, assistant, user
from winsome.scorers.reward_model import reward_model


def network(labels: int = 1):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        **LLAMA, vocab_size=258, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, num_labels=labels, pad_token_id=257,
    )  # fmt: skip
    return AutoModelForSequenceClassification.from_config(config).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("reward")
    network().save_pretrained(place)
    byte_tokenizer().save_pretrained(place)
    return place


def response(text: str, finish="stop") -> Response:
    return Response(
        prompt="", contender="c", key=text, messages=(assistant(text),) if text else (), finish=finish
    )


def test_the_score_is_the_classifiers_output(folder):
    prompts = [Prompt((user(f"q{i}"),), system="s" if i % 2 else None) for i in range(7)]
    responses = [response("word " * (3 * i + 1)) for i in range(7)]
    found = asyncio.run(reward_model(str(folder), rows=3, dtype="float32").score(prompts, responses))
    tokenizer, plain = byte_tokenizer(), network()
    for prompt, given, value in zip(prompts, responses, found.values, strict=True):
        turns = [{"role": "system", "content": "s"}] if prompt.system else []
        turns += [{"role": "user", "content": prompt.text}, {"role": "assistant", "content": given.text}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        assert value == pytest.approx(plain(ids).logits[0, 0].item(), abs=1e-5)
    assert len(set(found.values)) == 7


def test_a_failed_and_an_overlong_answer_have_a_reason_not_a_score(folder):
    prompt = Prompt((user("q"),))
    given = [response("", "failed"), response("x" * 300), response("fine")]
    found = asyncio.run(reward_model(str(folder), dtype="float32").score([prompt] * 3, given))
    assert np.isnan(found.values).tolist() == [True, True, False]
    assert found.reasons[0] == "the answer failed"
    assert "holds 256" in found.reasons[1]


def test_more_outputs_than_one_are_refused(tmp_path):
    network(labels=3).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(Unsupported, match="has 3 outputs, a reward model has 1"):
        asyncio.run(reward_model(str(tmp_path)).score([Prompt((user("q"),))], [response("a")]))


def test_no_name_and_no_folder():
    with pytest.raises(BadInput, match="names no model"):
        reward_model("")
    with pytest.raises(BadInput):
        reward_model("/nowhere/at/all")
