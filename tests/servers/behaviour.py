"""How the test server behaves, what it answers, and what it counted."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

FAULTS = ("429", "500", "hang", "cut", "invalid", "empty")
"""Kinds of fault; "hang" keeps the connection silent, "cut" closes it within the body, "empty" sends no choice."""
WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heath",
    "inlet",
    "jetty",
    "knoll",
    "larch",
    "maple",
    "north",
    "ocean",
    "pines",
)


@dataclass(frozen=True)
class Reply:
    """What an answer function gives: the text, and what stands beside it. `top`: alternatives of the first token."""

    text: str
    finish: str = "stop"
    thinking: str = ""
    top: Mapping[str, float] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()


Answer = Callable[[Mapping[str, Any]], Reply | str]
"""A request's body -> its answer."""


def sentence(body: Mapping[str, Any]) -> str:
    """A few words drawn by the digest of the whole request: equal requests, equal words."""
    mixed = hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    return " ".join(WORDS[byte % 16] for byte in mixed[: 4 + mixed[0] % 12]) + "."


def letter(body: Mapping[str, Any]) -> Reply:
    """One of m, M by the digest of the messages, with a probability that is drawn from it too (seats do not matter)."""
    mixed = hashlib.blake2b(
        orjson.dumps(body["messages"], option=orjson.OPT_SORT_KEYS), digest_size=8
    ).digest()
    p = (1 + mixed[0]) / 257
    first, second = ("m", "M") if p >= 0.5 else ("M", "m")
    p = max(p, 1 - p)
    return Reply(first, top={first: math.log(p), second: math.log1p(-p)})


@dataclass
class Behaviour:
    """How a server answers. Times are in seconds; `rate` is the share of asks that a fault meets, 0 to 1.

    `requests_a_window`, `window`: more requests than that in a window get 429; the headers tell what is left.
    `most_at_once`: more requests under way than that get 429. `schemas`: False refuses a response_format with 400.
    """

    answer: Answer = sentence
    models: tuple[str, ...] = ("test-model",)
    served_as: str | None = None
    latency: float = 0.0
    logprobs: bool = True
    schemas: bool = True
    usage: bool = True
    context: int | None = None
    keys: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()
    rate: float = 0.0
    seed: int = 0
    retry_after: float = 0.05
    hang: float = 3600.0
    requests_a_window: int | None = None
    window: float = 1.0
    most_at_once: int | None = None


@dataclass
class Stats:
    """What was asked. `questions` are distinct; `answered` good replies; `answered_again` those beyond a question's first."""

    requests: int = 0
    answered: int = 0
    most_at_once: int = 0
    asked: Counter[str] = field(default_factory=Counter[str])
    replies: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    models: Counter[str] = field(default_factory=Counter[str])
    keys: Counter[str] = field(default_factory=Counter[str])

    def payload(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "questions": len(self.asked),
            "answered": self.answered,
            "answered_questions": len(self.replies),
            "answered_again": sum(self.replies.values()) - len(self.replies),
            "most_asked": max(self.asked.values(), default=0),
            "most_at_once": self.most_at_once,
            "faults": dict(self.faults),
            "models": dict(self.models),
            "keys": dict(self.keys),
        }


def completion(body: Mapping[str, Any], behaviour: Behaviour) -> dict[str, Any]:
    """The chat completion that answers `body`."""
    reply = behaviour.answer(body)
    reply = Reply(reply) if isinstance(reply, str) else reply
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.tool_calls:
        message |= {"content": reply.text or None, "tool_calls": [dict(call) for call in reply.tool_calls]}
    tokens = reply.text.split(" ")
    texts = [token if i == 0 else f" {token}" for i, token in enumerate(tokens)]
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reply.finish, "logprobs": None}
    if body.get("logprobs") and behaviour.logprobs:
        choice["logprobs"] = {"content": [_entry(text, i, reply, body) for i, text in enumerate(texts)]}
    whole: dict[str, Any] = {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": behaviour.served_as or body["model"],
        "system_fingerprint": "fp_test",
        "choices": [choice],
    }
    if behaviour.usage:
        asked = sum(len(str(message.get("content"))) for message in body["messages"]) // 4
        thought = len(reply.thinking.split())
        counts = {"prompt_tokens": asked, "completion_tokens": len(texts) + thought}
        whole["usage"] = {**counts, "total_tokens": sum(counts.values())}
    return whole


def _entry(text: str, index: int, reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    top = reply.top if index == 0 and reply.top else {text: -0.1, f"{text}?": -2.5, f"{text}!": -4.0}
    wanted = sorted(top.items(), key=lambda pair: -pair[1])[: body.get("top_logprobs", 0)]
    alternatives = [{"token": token, "logprob": value, "bytes": None} for token, value in wanted]
    return {"token": text, "logprob": top.get(text, -0.1), "bytes": None, "top_logprobs": alternatives}


def prebuilt(
    replies: tuple[Reply, ...], model: str = "test-model", logprobs: int | None = 5
) -> tuple[bytes, ...]:
    """Bodies that are made once, one a reply: for benchmarks, where the server must cost next to nothing."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x" * 3000}]}
    if logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": logprobs}
    return tuple(
        orjson.dumps(completion(body, Behaviour(answer=lambda _, reply=reply: reply))) for reply in replies
    )


def first_token(text: str) -> Reply:
    return Reply(text, top={text: math.log(0.8), "mM"["Mm".index(text)]: math.log(0.15), "x": math.log(0.05)})
