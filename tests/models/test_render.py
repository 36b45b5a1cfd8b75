"""Only the tokenizer's template renders; what it cannot render is refused with the way out."""

from __future__ import annotations

import pytest

from tests.tiny_models import causal, local_model
from winsome.errors import BadInput, Unsupported
from winsome.models.render import answer_ids, dialogue_ids, prompt_ids, template_digest, text_ids, texts_ids
from winsome.records import Blob, Message, Prompt, Response, assistant, user


@pytest.fixture(scope="module")
def network():
    return causal()


def shown(model, ids) -> str:
    return model.tokenizer.decode(ids)


def test_system_text_turns_and_prefix_stand_where_the_template_puts_them(network):
    model = local_model(network)
    prompt = Prompt((user("hi"), assistant("yes?"), user("why")), system="be kind", prefix="Because")
    assert shown(model, prompt_ids(model, prompt)) == (
        "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
        "<|im_start|>assistant\nyes?<|im_end|>\n<|im_start|>user\nwhy<|im_end|>\n<|im_start|>assistant\nBecause"
    )


def test_a_whole_dialogue_is_closed(network):
    model = local_model(network)
    response = Response(prompt="", contender="", key="", messages=(assistant("ok"),))
    assert shown(model, dialogue_ids(model, Prompt((user("hi"),)), response)) == (
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nok<|im_end|>\n"
    )


def test_an_answer_ends_with_the_end_of_turn(network):
    model = local_model(network)
    assert shown(model, answer_ids(model, "ok")) == "ok<|im_end|>"


def test_no_template_is_refused_and_a_file_mends_it(network, tmp_path):
    bare = local_model(network, template=None)
    with pytest.raises(
        Unsupported, match=r"no chat template; use an instruct model, or add template=@file\.jinja"
    ):
        prompt_ids(bare, Prompt((user("hi"),)))
    place = tmp_path / "mine.jinja"
    place.write_text("{% for m in messages %}Q: {{ m['content'] }} A:{% endfor %}")
    assert shown(bare, prompt_ids(bare, Prompt((user("hi"),)), template=f"@{place}")) == "Q: hi A:"
    assert template_digest(bare, f"@{place}") != template_digest(local_model(network))
    with pytest.raises(BadInput, match=r"none\.jinja: cannot be read"):
        prompt_ids(bare, Prompt((user("hi"),)), template=f"@{tmp_path}/none.jinja")


def test_a_template_that_refuses_a_role_says_so(network):
    strict = local_model(network, template="{{ raise_exception('System role not supported') }}")
    with pytest.raises(Unsupported, match="System role not supported"):
        prompt_ids(strict, Prompt((user("hi"),), system="s"))


def test_an_image_is_refused(network):
    picture = Message("user", (Blob("image", "0" * 64, "image/png"),))
    with pytest.raises(Unsupported, match="more than text"):
        prompt_ids(local_model(network), Prompt((picture,)))


TEXTS = ["one", "", "two words", "<|im_start|>user\nhi<|im_end|>\n", "été – 東京 🙂", "long " * 50]


def test_many_texts_at_once_are_each_text_alone(network):
    model = local_model(network)
    assert texts_ids(model, []) == []
    assert texts_ids(model, TEXTS) == [text_ids(model, text) for text in TEXTS]


def test_settings_that_another_call_left_in_the_encoder_change_nothing(network):
    model = local_model(network)
    alone = [text_ids(model, text) for text in TEXTS]
    model.tokenizer(TEXTS, padding=True, truncation=True, max_length=4)
    assert texts_ids(model, TEXTS) == alone


def test_a_tokenizer_that_does_more_than_its_encoder_is_asked_text_by_text(network, monkeypatch):
    model = local_model(network)

    class Shouting(type(model.tokenizer)):
        def __call__(self, text, **settings):
            return super().__call__(text.upper(), **settings)

    monkeypatch.setattr(model.tokenizer, "__class__", Shouting)
    assert [shown(model, ids) for ids in texts_ids(model, ["one", "two"])] == ["ONE", "TWO"]
