"""The only chat templating: a prompt becomes the token ids that the model's own template makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from winsome.errors import BadInput, Unsupported
from winsome.models.weights import LocalModel
from winsome.records import Message, Prompt, Response, digest


def template_of(model: LocalModel, template: str | None = None) -> str:
    """The Jinja text of the chat template: `template` (text, or @file), else the tokenizer's own.

    Raises Unsupported where there is none, with the way out.
    """
    if template is not None:
        return read_text(template)
    found = model.tokenizer.chat_template
    if isinstance(found, dict):
        found = found.get("default")
    if not found:
        raise Unsupported(
            f"{model.name}: its tokenizer has no chat template; use an instruct model, or add template=@file.jinja"
        )
    return str(found)


def template_digest(model: LocalModel, template: str | None = None) -> str:
    """Digest of the chat template in use."""
    return digest(template_of(model, template))


def check_template(model: LocalModel, weights: str, shown: str) -> None:
    """Raises BadInput where Winsome trained the weights, and the template beside them is not that of training."""
    try:
        record: dict[str, Any] = json.loads((Path(weights).expanduser() / "winsome.json").read_text("utf-8"))
    except (OSError, ValueError):
        return
    trained_with = record.get("template")
    if trained_with is not None and trained_with != digest(template_of(model)):
        raise BadInput(
            f"{shown}: was trained with another chat template than lies beside it; put the old one back"
        )


def read_text(value: str) -> str:
    """`value`, or the content of the file it names after @."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{value[1:]}: cannot be read ({type(error).__name__}); give the path of a text file"
        ) from None


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """Role and content of each turn, the system text first; Unsupported where a turn holds something other than text."""
    head = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return head + [_turn(message) for message in prompt.messages]


def prompt_ids(model: LocalModel, prompt: Prompt, *, template: str | None = None) -> list[int]:
    """Token ids up to where the answer begins: the rendered dialogue, the assistant's header and the prompt's prefix."""
    return text_ids(model, prompt_text(model, prompt, template=template))


def prompt_text(model: LocalModel, prompt: Prompt, *, template: str | None = None) -> str:
    """What `prompt_ids` are the ids of."""
    return _rendered(model, turns(prompt), template, open_answer=True) + prompt.prefix


def rendered_ids(
    model: LocalModel, dialogue: Sequence[dict[str, str]], *, prefix: str = "", template: str | None = None
) -> list[int]:
    """Token ids of a dialogue that ends where the assistant's `prefix` ends."""
    return text_ids(model, _rendered(model, dialogue, template, open_answer=True) + prefix)


def dialogue_ids(model: LocalModel, prompt: Prompt, response: Response) -> list[int]:
    """Token ids of the prompt's turns and all turns of its answer, each closed as the template closes it.

    Raises Unsupported where the template refuses the dialogue.
    """
    return text_ids(model, dialogue_text(model, prompt, response.messages))


def dialogue_text(model: LocalModel, prompt: Prompt, said: Sequence[Message]) -> str:
    """What `dialogue_ids` are the ids of; `said`: the turns of the answer."""
    dialogue = turns(prompt) + [_turn(message) for message in said]
    return _rendered(model, dialogue, None, open_answer=False)


def answer_ids(model: LocalModel, text: str, *, plain: bool = False) -> list[int]:
    """Token ids of an answer's words followed by the token that ends a turn; `plain`: that ends a text without a template."""
    return text_ids(model, text) + end_ids(model, plain=plain)


def end_ids(model: LocalModel, *, plain: bool = False) -> list[int]:
    """The token that ends a turn, or a text without a template; none where the tokenizer has none."""
    ends = model.tokenizer.eos_token_id if plain else end_of_turn(model)
    return [] if ends is None else [int(ends)]


_ends: WeakKeyDictionary[LocalModel, int | None] = WeakKeyDictionary()


def end_of_turn(model: LocalModel) -> int | None:
    """The token that the template writes behind an answer, where sampling stops at it; else the tokenizer's own end.

    Some templates end turns by another token than texts end by (<end_of_turn>, <|end|>, <|eot_id|>): a model that learnt the latter
    would stop by what it was never asked with.
    """
    if model not in _ends:
        _ends[model] = _written_end(model)
    return _ends[model]


def _written_end(model: LocalModel) -> int | None:
    own: int | None = model.tokenizer.eos_token_id
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
    try:
        asked = _rendered(model, said[:1], None, open_answer=True) + "x"
        closed = _rendered(model, said, None, open_answer=False)
    except Unsupported:
        return own
    rest = text_ids(model, closed.removeprefix(asked)) if closed.startswith(asked) else []
    return rest[0] if rest and rest[0] in model.ends else own


def text_ids(model: LocalModel, text: str) -> list[int]:
    """Token ids of text that carries its own special tokens: none is added."""
    ids: Any = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def texts_ids(model: LocalModel, texts: Sequence[str]) -> list[list[int]]:
    """`text_ids` of many texts by one call of the encoder, whose threads share them (RAYON_NUM_THREADS)."""
    if not texts:
        return []
    # The tokenizer's own call also puts the encoder's settings right; what it says first is what the encoder must say alone.
    first = text_ids(model, texts[0])
    encoder = getattr(model.tokenizer, "backend_tokenizer", None)
    if encoder is None or encoder.encode(texts[0], add_special_tokens=False).ids != first:
        return [first, *(text_ids(model, text) for text in texts[1:])]
    return [first, *(one.ids for one in encoder.encode_batch_fast(texts[1:], add_special_tokens=False))]


def _turn(message: Message) -> dict[str, str]:
    if message.tool_calls or any(not hasattr(part, "text") for part in message.parts):
        raise Unsupported(f"a {message.role} turn holds more than text, which local models here cannot read")
    return {"role": message.role, "content": message.text}


def _rendered(
    model: LocalModel, dialogue: Sequence[dict[str, str]], template: str | None, *, open_answer: bool
) -> str:
    from jinja2.exceptions import TemplateError

    text = template_of(model, template)
    try:
        return model.tokenizer.apply_chat_template(
            list(dialogue), chat_template=text, tokenize=False, add_generation_prompt=open_answer
        )
    except TemplateError as error:
        said = " ".join(str(error).split())[:80]
        raise Unsupported(
            f"{model.name}: its chat template refuses this dialogue ({said}); drop what it names"
        ) from None
