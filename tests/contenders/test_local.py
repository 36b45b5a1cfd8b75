"""A folder of weights as a contender: every draw of every prompt, with its usage, in any batch the same."""

from __future__ import annotations

import asyncio

import pytest
import torch

from tests.tiny_models import byte_tokenizer, causal, saved
from winsome.contenders.local import embedded, hf
from winsome.errors import BadInput, Unsupported
from winsome.records import Prompt, Sampling, response_key, user

PROMPTS = [Prompt((user(f"question {i} " + "x" * (7 * i)),)) for i in range(5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(saved(tmp_path_factory.mktemp("tiny"), causal()))


def answers(contender, prompts, sampling):
    async def collect():
        return [response async for response in contender.answer(prompts, sampling)]

    return {(r.prompt, r.sample): r for r in asyncio.run(collect())}


def test_every_draw_of_every_prompt_comes_once_with_its_key_and_usage(folder):
    contender = hf(folder, dtype="float32", slots=4)
    sampling = Sampling(samples=range(2, 5), temperature=1.0, max_tokens=12)
    found = answers(contender, PROMPTS, sampling)
    assert found.keys() == {(p.id, k) for p in PROMPTS for k in (2, 3, 4)}
    tokenizer = byte_tokenizer()
    for prompt in PROMPTS:
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt.text}], add_generation_prompt=True, tokenize=False
        )
        for k in (2, 3, 4):
            response = found[prompt.id, k]
            assert response.key == response_key(prompt.id, contender.id, sampling, k)
            assert response.contender == contender.name
            assert response.usage.tokens_in == len(tokenizer(rendered, add_special_tokens=False)["input_ids"])
            assert 1 <= response.usage.tokens_out <= 12
            assert response.finish == ("length" if response.usage.tokens_out == 12 else "stop")
            assert response.usage.seconds > 0


def test_a_greedy_answer_is_that_of_generate(folder):
    contender = hf(folder, dtype="float32")
    found = answers(contender, PROMPTS[:2], Sampling(temperature=0.0, max_tokens=30))
    tokenizer, network = byte_tokenizer(), causal()
    for prompt in PROMPTS[:2]:
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt.text}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )["input_ids"]
        whole = network.generate(ids, max_new_tokens=30, do_sample=False)[0, ids.shape[1] :]
        assert found[prompt.id, 0].text == tokenizer.decode(whole, skip_special_tokens=True)


def test_a_draw_is_the_same_in_any_company(folder):
    sampling = Sampling(samples=range(2), max_tokens=16)
    together = answers(hf(folder, dtype="float32"), PROMPTS, sampling)
    alone = answers(
        hf(folder, dtype="float32", slots=1), PROMPTS[3:4], Sampling(samples=range(1, 2), max_tokens=16)
    )
    assert alone[PROMPTS[3].id, 1].text == together[PROMPTS[3].id, 1].text


def test_follow_ups_are_answered_in_turn(folder):
    prompt = Prompt((user("first"),), follow_ups=(user("second"), user("third")))
    response = answers(hf(folder, dtype="float32"), [prompt], Sampling(max_tokens=6))[prompt.id, 0]
    assert [m.role for m in response.messages] == ["assistant"] * 3
    assert response.usage.calls == 3
    # the last turn is the one that the whole dialogue before it leads to
    greedy = Sampling(temperature=0.0, max_tokens=6)
    last = answers(hf(folder, dtype="float32"), [prompt], greedy)[prompt.id, 0].messages
    dialogue = Prompt((user("first"), last[0], user("second"), last[1], user("third")))
    assert answers(hf(folder, dtype="float32"), [dialogue], greedy)[dialogue.id, 0].text == last[2].text


def test_an_answer_begins_with_the_prompts_prefix(folder):
    prompt = Prompt((user("first"),), prefix="Sure")
    found = answers(hf(folder, dtype="float32"), [prompt], Sampling(max_tokens=6))
    assert found[prompt.id, 0].text.startswith("Sure")


def test_an_overlong_prompt_fails_alone(folder):
    long = Prompt((user("y" * 600),))
    found = answers(hf(folder, dtype="float32"), [long, PROMPTS[0]], Sampling(samples=range(2), max_tokens=4))
    assert [found[long.id, k].finish for k in (0, 1)] == ["failed", "failed"]
    assert "holds 512; shorten it" in (found[long.id, 0].error or "")
    assert found[PROMPTS[0].id, 1].finish in ("stop", "length")


def test_all_that_changes_an_answer_is_in_the_id(folder, tmp_path):
    same = {hf(folder, dtype="float32").id, hf(folder, dtype="float32", name="other", slots=3).id}
    assert len(same) == 1
    ids = {
        hf(folder, dtype="float32").id,
        hf(folder, dtype="bfloat16").id,
        hf(folder, dtype="float32", template="{{ messages }}").id,
        hf(str(saved(tmp_path / "b", causal(seed=1))), dtype="float32").id,
    }
    assert len(ids) == 4


def test_alternatives_are_kept_where_asked(folder):
    sampling = Sampling(logprobs=2, max_tokens=5)
    response = answers(hf(folder, dtype="float32"), PROMPTS[:1], sampling)[PROMPTS[0].id, 0]
    assert response.tokens is not None
    assert len(response.tokens.texts) == len(response.tokens.logprobs) == len(response.tokens.ids)
    assert all(value <= 0 for value in response.tokens.logprobs)


def test_user_mistakes_are_one_line(folder, tmp_path):
    for wrong, message in (
        (lambda: hf(""), "hf: names no model"),
        (lambda: hf(folder, slots=0), "slots=0 must be at least 1"),
        (lambda: hf(str(tmp_path)), "no \\*.safetensors in this folder"),
        (lambda: hf(str(tmp_path / "none")), "neither a model folder here nor one that could be loaded"),
        (lambda: embedded("judge"), 'no embedded model "judge"'),
    ):
        with pytest.raises(BadInput, match=message) as caught:
            wrong()
        assert len(str(caught.value)) <= 200 + len(str(tmp_path)) + len(folder)


def test_a_model_without_a_template_is_refused_before_it_answers(tmp_path):
    bare = saved(tmp_path / "bare", causal(), template=None)
    with pytest.raises(Unsupported, match="no chat template"):
        answers(hf(str(bare), dtype="float32"), PROMPTS[:1], Sampling())


def test_bfloat16_answers_too(folder):
    found = answers(hf(folder, dtype="bfloat16"), PROMPTS[:2], Sampling(max_tokens=5))
    assert len(found) == 2
    assert torch.get_default_dtype() == torch.float32
