"""Likelihoods are the plain model's, a token or an answer, and do not depend on which prompts share the batch."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import torch

from tests.tiny_models import byte_tokenizer, causal, saved
from winsome.records import Prompt, Response, assistant, user
from winsome.scorers.likelihood import likelihood


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(saved(tmp_path_factory.mktemp("tiny"), causal()))


def response(text: str, finish="stop") -> Response:
    return Response(prompt="", contender="c", key=text, messages=(assistant(text),), finish=finish)


def plain(prompt: Prompt, text: str, ended: bool) -> np.ndarray:
    tokenizer = byte_tokenizer()
    head = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt.text}], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    answer = tokenizer(text, add_special_tokens=False)["input_ids"] + ([257] if ended else [])
    logs = causal()(torch.tensor([[*head, *answer]])).logits[0].log_softmax(-1)
    return logs[len(head) - 1 : -1].gather(1, torch.tensor(answer)[:, None])[:, 0].numpy()


def test_mean_and_sum_are_the_plain_models(folder):
    prompts = [Prompt((user(f"q{i % 3}"),)) for i in range(6)]
    given = [response("abc" * (i + 1), "length" if i == 4 else "stop") for i in range(6)]
    mean = asyncio.run(likelihood(folder, dtype="float32").score(prompts, given)).values
    total = asyncio.run(likelihood(folder, per="answer", dtype="float32").score(prompts, given)).values
    for prompt, answer, m, s in zip(prompts, given, mean, total, strict=True):
        expected = plain(prompt, answer.text, answer.finish == "stop")
        assert m == pytest.approx(expected.mean(), abs=1e-4)
        assert s == pytest.approx(expected.sum(), abs=1e-3)


def test_other_prompts_change_no_bit(folder):
    one, two = Prompt((user("one"),)), Prompt((user("two"),))
    scorer = likelihood(folder, dtype="bfloat16")
    alone = asyncio.run(scorer.score([one, one], [response("a"), response("bb")])).values
    mixed = asyncio.run(
        scorer.score([two, one, two, one], [response(t) for t in ("x" * 50, "a", "y", "bb")])
    ).values
    assert mixed[1::2] == alone


def test_what_has_no_likelihood_has_a_reason(folder):
    prompt = Prompt((user("q"),))
    given = [response("a", "failed"), response("x" * 600), response("", "length"), response("")]
    found = asyncio.run(likelihood(folder, dtype="float32").score([prompt] * 4, given))
    assert np.isnan(found.values).tolist() == [True, True, True, False]
    assert "holds 512" in found.reasons[1]
    assert found.reasons[2] == "the answer has no tokens"
