"""The body of a chat-completions reply as one turn; whatever cannot be read is Transient."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from winsome.errors import Transient
from winsome.records import Finish, Tokens

_FINISH: Mapping[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filtered",
    "safety": "filtered",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply. `tokens_in` and `tokens_out` are None where the server did not count."""

    text: str
    finish: Finish
    thinking: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tokens: Tokens | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    served_by: str = ""
    fingerprint: str = ""


def turn_of(reply: Any, host: str, logprobs: bool) -> Turn:
    """The first choice of a parsed `reply`; Transient where there is none, or nothing in it."""
    choices = reply.get("choices") if isinstance(reply, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Transient(f"{host}: the reply holds no choice")
    refusal = _text(message.get("refusal"))
    text, thought = _split(_text(message.get("content")) or refusal)
    calls = message.get("tool_calls")
    tool_calls = tuple(call for call in calls if isinstance(call, dict)) if isinstance(calls, list) else ()
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens_out = _count(usage.get("completion_tokens"))
    reason = choice.get("finish_reason")
    finish: Finish = (
        "filtered" if refusal else _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    )
    if reason == "error" or not (text or thought or tool_calls or tokens_out or finish != "stop"):
        raise Transient(f"{host}: the reply is empty, without a token")
    return Turn(
        text=text,
        finish=finish,
        thinking=_text(message.get("reasoning_content")) or _text(message.get("reasoning")) or thought,
        tool_calls=tool_calls,
        tokens=_tokens(choice.get("logprobs")) if logprobs else None,
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=tokens_out,
        served_by=_text(reply.get("model")),
        fingerprint=_text(reply.get("system_fingerprint")),
    )


def parsed(body: bytes, host: str) -> Any:
    """The JSON value of `body`; Transient where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # half an emoji, cut off by the token limit, is a lone surrogate: JSON to most servers, but no text
        with suppress(ValueError, RecursionError):
            loose = json.dumps(json.loads(body), ensure_ascii=False)
            return json.loads(loose.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        what = "is empty" if not body.strip() else "is no JSON (cut, or not a chat server's)"
        raise Transient(f"{host}: the reply {what}") from None


def chosen(text: str) -> str:
    """The choice inside {"choice": ..}; the text itself where it is something else, for a parser to refuse."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    choice = value.get("choice") if isinstance(value, dict) else None
    return choice if isinstance(choice, str) else text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text")
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _split(text: str) -> tuple[str, str]:
    """(answer, thinking) of a text that opens with a <think> block; an unclosed block is thinking to its end."""
    opened = text.lstrip()
    if not opened.startswith("<think>"):
        return text, ""
    thought, _, answer = opened.removeprefix("<think>").partition("</think>")
    return answer.lstrip(), thought.strip()


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        return None
    return value


def _tokens(logprobs: Any) -> Tokens | None:
    """The tokens with their log-probabilities; None where the server sent none, or not for every token."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content:
        return None
    texts, values, tops = list[str](), list[float](), list[dict[str, float]]()
    for entry in content:
        pair = _pair(entry)
        if pair is None:
            return None
        texts.append(pair[0])
        values.append(pair[1])
        alternatives = entry.get("top_logprobs")
        top: dict[str, float] = {}
        for alternative in alternatives if isinstance(alternatives, list) else ():
            other = _pair(alternative)
            # two token ids may have one text: keep the likelier, which is what is read as that text
            if other is not None and other[1] > top.get(other[0], -math.inf):
                top[other[0]] = other[1]
        tops.append(top)
    return Tokens(tuple(texts), tuple(values), tuple(tops))


def _pair(entry: Any) -> tuple[str, float] | None:
    if not isinstance(entry, dict):
        return None
    token, value = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str) or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return token, float(value)
