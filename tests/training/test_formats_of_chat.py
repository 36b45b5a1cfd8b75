"""The formats of chat in use: what is learnt is what the template writes, begun and ended once, whatever ends a plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests import tiny_models
from winsome.models.render import answer_ids, dialogue_ids, end_of_turn, prompt_ids
from winsome.models.weights import LocalModel
from winsome.records import Prompt, Response, assistant, user
from winsome.training.examples import examples_of
from winsome.training.tokens import tokenised


@dataclass(frozen=True)
class Format:
    """How a user's and an assistant's turn are written, what stands before all, what ends a text, and at what sampling stops."""

    user: str
    assistant: str
    opens: str
    end: str
    eos: str
    bos: str = ""
    stops: tuple[str, ...] = ()

    @property
    def template(self) -> str:
        turn = (
            "{{ '" + self.user + "'.replace('X', m['content']) if m['role'] == 'user' else '" + self.assistant
        )
        turn += "'.replace('X', m['content']) }}"
        opened = "{% if add_generation_prompt %}{{ '" + self.opens + "' }}{% endif %}"
        begin = "{{ bos_token }}" if self.bos else ""
        return f"{begin}{{% for m in messages %}}{turn}{{% endfor %}}{opened}"


CHATML = r"<|im_start|>{}\nX<|im_end|>\n"
FORMATS = {
    "ChatML": Format(CHATML.format("user"), CHATML.format("assistant"), r"<|im_start|>assistant\n", "<|im_end|>", "<|im_end|>"),
    "ChatML over a base": Format(
        CHATML.format("user"), CHATML.format("assistant"), r"<|im_start|>assistant\n", "<|im_end|>", "<|endoftext|>", stops=("<|im_end|>",)
    ),
    "Llama 3": Format(
        r"<|start_header_id|>user<|end_header_id|>\n\nX<|eot_id|>", r"<|start_header_id|>assistant<|end_header_id|>\n\nX<|eot_id|>",
        r"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>", "<|end_of_text|>", "<|begin_of_text|>", ("<|eot_id|>",),
    ),
    "Gemma": Format(
        r"<start_of_turn>user\nX<end_of_turn>\n", r"<start_of_turn>model\nX<end_of_turn>\n", r"<start_of_turn>model\n", "<end_of_turn>",
        "<eos>", "<bos>", ("<end_of_turn>",),
    ),
    "Mistral": Format("[INST] X[/INST]", "X</s>", "", "</s>", "</s>", "<s>"),
    "Zephyr": Format(r"<|user|>\nX</s>\n", r"<|assistant|>\nX</s>\n", r"<|assistant|>\n", "</s>", "</s>", "<s>"),
    "Phi 3": Format(
        r"<|user|>\nX<|end|>\n", r"<|assistant|>\nX<|end|>\n", r"<|assistant|>\n", "<|end|>", "<|endoftext|>", stops=("<|end|>",)
    ),
    "a template that closes nothing": Format(r"Q: X\n", r"A: X\n", r"A: ", "<eos>", "<eos>"),
    "an end that sampling does not know": Format("<u>X<e>", "<a>X<e>", "<a>", "<eos>", "<eos>"),
}  # fmt: skip
SPECIAL = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>",
    "<|begin_of_text|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>",
    "[INST]", "[/INST]", "<u>", "<a>", "<e>",
)  # fmt: skip


def model_of(form: Format) -> LocalModel:
    tokenizer: Any = tiny_models.byte_tokenizer(form.template)
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    tokenizer.eos_token = form.eos
    tokenizer.bos_token = form.bos or None
    network = tiny_models.causal()
    stops = tokenizer.convert_tokens_to_ids([form.eos, *form.stops])
    network.generation_config.eos_token_id = stops
    return LocalModel("tiny", network, tokenizer, 512, "cpu")


@pytest.mark.parametrize("name", FORMATS)
def test_an_answer_ends_as_its_template_ends_it(name):
    form = FORMATS[name]
    model = model_of(form)
    ids = model.tokenizer.convert_tokens_to_ids
    assert end_of_turn(model) == ids(form.end)
    prompt = Prompt((user("What is it?"),))
    asked, said = prompt_ids(model, prompt), answer_ids(model, "This.")
    closed = dialogue_ids(model, prompt, Response("p", "", "", messages=(assistant("This."),)))
    stops = {ids(token) for token in (form.eos, *form.stops)}
    assert [token in stops for token in said] == [False] * 5 + [True]
    if form.end not in ("<eos>",):
        assert closed[: len(asked) + len(said)] == [*asked, *said]
    if form.bos:
        assert asked[0] == ids(form.bos)
    assert asked.count(ids(form.bos)) == bool(form.bos) if form.bos else None not in asked
    assert answer_ids(model, "This.", plain=True)[-1] == ids(form.eos)


@pytest.mark.parametrize("name", ["Gemma", "Phi 3", "Llama 3"])
def test_rows_are_learnt_with_the_templates_end_and_kept_apart(name, tmp_path, monkeypatch):
    """Ids that were kept for a model whose sampling stops elsewhere are not taken for this one's."""
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path))
    form = FORMATS[name]
    rows = examples_of([{"prompt": "p", "response": "yes"}], "rows")
    model = model_of(form)
    ids = model.tokenizer.convert_tokens_to_ids
    chat, text = tokenised(model, rows), tokenised(model, rows, format="text")
    assert chat.sequences(0)[0][1][-1] == ids(form.end)
    assert text.sequences(0)[0][1][-1] == ids(form.eos)
    assert chat.counts["ended"] == text.counts["ended"] == 1
    other = model_of(form)
    other.network.generation_config.eos_token_id = [ids(form.eos)]
    assert tokenised(other, rows).sequences(0)[0][1][-1] == ids(form.eos)
