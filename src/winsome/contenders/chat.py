"""A prompt as the body of a chat-completions request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from winsome.errors import Unsupported
from winsome.records import Message, Prompt, Sampling, Text


def messages_of(prompt: Prompt) -> list[dict[str, Any]]:
    """The system text and the turns of `prompt`, without follow-ups and prefix; Unsupported where a part is no text."""
    system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return system + [rendered(message) for message in prompt.messages]


def rendered(message: Message) -> dict[str, Any]:
    """One turn as the server wants it."""
    turn: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        if message.role == "tool":
            turn["tool_call_id"] = message.tool_calls[0].get("id", "")
        else:
            turn["tool_calls"] = [dict(call) for call in message.tool_calls]
    return turn


def _content(message: Message) -> str:
    for part in message.parts:
        if not isinstance(part, Text):
            raise Unsupported(
                f"a {part.kind} cannot be sent to a chat server yet; leave out prompts with {part.kind} parts"
            )
    return message.text


def settings_of(sampling: Sampling, sample: int, tokens_name: str) -> dict[str, Any]:
    """The fields of a request that say how draw number `sample` is drawn; unset ones are left to the server."""
    fields: dict[str, Any] = {}
    if sampling.temperature is not None:
        fields["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        fields["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        fields["top_k"] = sampling.top_k
    if sampling.max_tokens is not None:
        fields[tokens_name] = sampling.max_tokens
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        fields["seed"] = draw_seed(sampling.seed, sample)
    if sampling.logprobs is not None:
        fields["logprobs"] = True
        if sampling.logprobs > 0:
            fields["top_logprobs"] = sampling.logprobs
    schema = sampling.schema or (choice_schema(sampling.choices) if sampling.choices else None)
    if schema is not None:
        named = {"name": "answer", "schema": schema, "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": named}
    return fields


def choice_schema(choices: tuple[str, ...]) -> Mapping[str, Any]:
    """The JSON schema of {"choice": one of `choices`}: the form of a constrained choice that most servers know."""
    return {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def draw_seed(seed: int, sample: int) -> int:
    """The seed of one draw, in [0, 2^31): servers repeat themselves under one seed, so every draw has its own."""
    mixed = hashlib.blake2b(f"{seed}/{sample}".encode(), digest_size=4).digest()
    return int.from_bytes(mixed) >> 1
