"""A word-level tokenizer of a world in transformers' form: one token a word, so that decoding is exact."""

from __future__ import annotations

from typing import Any

from winsome.sandbox.lexicon import WORD
from winsome.sandbox.worlds import World

PAD, END, SYSTEM, USER, ASSISTANT, UNKNOWN = (
    "<pad>",
    "<end>",
    "<system>",
    "<user>",
    "<assistant>",
    "<unknown>",
)
SPECIAL = (PAD, END, SYSTEM, USER, ASSISTANT, UNKNOWN)
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def vocabulary(world: World) -> list[str]:
    """The special tokens, then the forms of every language in alphabetical order, none twice."""
    forms = {form for tongue in world.tongues for form in tongue.meanings}
    return [*SPECIAL, *sorted(forms)]


def tokenizer(world: World, context: int) -> Any:
    """The tokenizer with its chat template; `context` is the most tokens that the model reads."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {token: place for place, token in enumerate(vocabulary(world))}
    raw = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
        model_max_length=context,
    )
    made.chat_template = TEMPLATE
    return made
