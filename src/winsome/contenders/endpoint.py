"""A model behind an OpenAI-compatible address: http://host:8000/v1#model, openai:gpt-4o.

One call is one attempt: what may be repeated is raised as RateLimited or Transient, and whoever asks repeats it.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from winsome.contenders.address import base_of, key_name
from winsome.contenders.chat import messages_of, rendered, settings_of
from winsome.contenders.limits import Limits
from winsome.contenders.prices import Price, price_of
from winsome.contenders.refusal import Unanswered
from winsome.contenders.reply import Turn, chosen
from winsome.contenders.server import Server, no_prefix
from winsome.errors import BadInput, Unsupported
from winsome.records import Finish, Message, Prompt, Response, Sampling, Text, Usage, digest, response_key

if TYPE_CHECKING:
    from winsome.contenders.probe import Probe

VERSION = 1
OPENAI = "https://api.openai.com/v1"
_STRICT = {"api.openai.com"}
"""Hosts that refuse `max_tokens` for their newer models, and cannot continue a begun answer."""


def http(
    address: str,
    *,
    key: str | None = None,
    effort: str | None = None,
    timeout: float = 600.0,
    price_in: float | None = None,
    price_out: float | None = None,
    name: str,
) -> Endpoint:
    """The model at `address` (base#model).

    `key` is env:NAME; `effort` the reasoning effort sent along; `timeout` seconds a call; prices in US dollars per million
    tokens. BadInput for an address without a model, a key that is not the name of a variable, half a price.
    """
    base, _, model = address.partition("#")
    base = base_of(base)
    if not model:
        raise BadInput(f"{base} names no model; write {base}#model (GET {base}/models lists them)")
    server = Server(base, key_name(key), _above_zero(timeout, base))
    return Endpoint(name, server, model, effort, _price(server.host, model, price_in, price_out))


def openai(
    model: str,
    *,
    key: str | None = None,
    effort: str | None = None,
    timeout: float = 600.0,
    price_in: float | None = None,
    price_out: float | None = None,
    name: str,
) -> Endpoint:
    """`model` at OPENAI_BASE_URL (default: OpenAI's own address) with the key in OPENAI_API_KEY; settings as for `http`."""
    base = base_of(os.environ.get("OPENAI_BASE_URL") or OPENAI)
    if not model:
        raise BadInput("openai: names no model; write openai:MODEL")
    own = "OPENAI_API_KEY" if base == OPENAI or os.environ.get("OPENAI_API_KEY") else None
    server = Server(base, key_name(key) or own, _above_zero(timeout, base))
    return Endpoint(name, server, model, effort, _price(server.host, model, price_in, price_out))


def _above_zero(timeout: float, base: str) -> float:
    if not 0 < timeout < float("inf"):
        raise BadInput(f"{base}: timeout={timeout:g} is no time to wait; give seconds above 0")
    return timeout


def _price(host: str, model: str, price_in: float | None, price_out: float | None) -> Price | None:
    if price_in is None and price_out is None:
        return price_of(host, model)
    if price_in is None or price_out is None:
        raise BadInput(f"{host}#{model}: price_in and price_out belong together; give both or neither")
    if not (0 <= price_in < float("inf") and 0 <= price_out < float("inf")):
        raise BadInput(
            f"{host}#{model}: price_in and price_out are US dollars per million tokens; give numbers from 0"
        )
    return Price(price_in, price_out)


@dataclass(frozen=True, slots=True)
class _Begun:
    """The turns that a dialogue has when a later one fails, and their seconds: a repeat does not buy them again."""

    turns: tuple[Turn, ...]
    seconds: float


class Endpoint:
    """A Contender that asks a server; contenders at one `host` share its rate limits.

    `price` is None where it is unknown; `Usage.money` of the answers is None then.
    """

    batch = 1

    def __init__(
        self, name: str, server: Server, model: str, effort: str | None, price: Price | None
    ) -> None:
        self.name, self.server, self.model, self.price = name, server, model, price
        self.host = server.host
        self.id = digest(["endpoint", VERSION, server.base, model, effort])
        self._fixed: dict[str, Any] = {"model": model} | ({"reasoning_effort": effort} if effort else {})
        self._tokens_name = "max_completion_tokens" if self.host in _STRICT else "max_tokens"
        self._begun: dict[str, _Begun] = {}

    def __repr__(self) -> str:
        return f"<Endpoint {self.server.base}#{self.model}>"

    @property
    def limits(self) -> Limits | None:
        """The rate limits that the last reply told."""
        return self.server.limits

    async def close(self) -> None:
        """Close the connections of the running loop."""
        await self.server.close()

    async def probe(self, logprobs: int = 2) -> Probe:
        """What one small call tells about the server before much is spent; see `winsome.contenders.probe.probe`."""
        from winsome.contenders.probe import probe

        return await probe(self, logprobs)

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt, one call a turn, each tried once.

        Raises RateLimited, Transient, Fatal; Unsupported for parts that are no text. A prompt that is too long, or that
        the server filters, is a Response without turns whose `error` says so.
        """
        for prompt in prompts:
            for sample in sampling.samples:
                yield await self._answered(prompt, sampling, sample)

    async def _answered(self, prompt: Prompt, sampling: Sampling, sample: int) -> Response:
        self._check(prompt, sampling)
        key = response_key(prompt.id, self.id, sampling, sample)
        body = self.request(prompt, sampling, sample)
        begun = self._begun.pop(key, None) if prompt.follow_ups else None
        turns = list(begun.turns) if begun else []
        began = time.perf_counter() - (begun.seconds if begun else 0.0)
        for count in range(len(turns)):
            _go_on(body, turns[: count + 1], prompt)
        while len(turns) <= len(prompt.follow_ups):
            try:
                turn = await self.server.chat(body, sampling.logprobs is not None)
            except BaseException:
                if turns:
                    self._begun[key] = _Begun(tuple(turns), time.perf_counter() - began)
                raise
            if isinstance(turn, Unanswered):
                usage = self.usage_of(turns, time.perf_counter() - began, len(turns) + 1)
                return Response(prompt.id, self.name, key, sample, (), turn.finish, turn.error, usage=usage)
            turns.append(_finished(turn, prompt.prefix if not turns else "", sampling))
            if prompt.follow_ups:
                _go_on(body, turns, prompt)
        last = turns[-1]
        finish: Finish = next((turn.finish for turn in turns if turn.finish != "stop"), "stop")
        return Response(
            prompt=prompt.id,
            contender=self.name,
            key=key,
            sample=sample,
            messages=tuple([_message(turn) for turn in turns]),
            finish=finish,
            thinking="\n\n".join([turn.thinking for turn in turns if turn.thinking]),
            usage=self.usage_of(turns, time.perf_counter() - began, len(turns)),
            served_by=last.served_by,
            fingerprint=last.fingerprint,
            tokens=last.tokens,
        )

    def request(self, prompt: Prompt, sampling: Sampling, sample: int) -> dict[str, Any]:
        """The body that asks for draw `sample` of the first turn."""
        body = self._fixed | settings_of(sampling, sample, self._tokens_name)
        body["messages"] = messages_of(prompt)
        if prompt.tools:
            body["tools"] = [dict(tool) for tool in prompt.tools]
        if prompt.prefix:
            body["messages"].append({"role": "assistant", "content": prompt.prefix})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body

    def usage_of(self, turns: Sequence[Turn], seconds: float, calls: int) -> Usage:
        """What `turns` cost; money is None where the price is unknown or the server did not count."""
        tokens_in = sum([turn.tokens_in or 0 for turn in turns])
        tokens_out = sum([turn.tokens_out or 0 for turn in turns])
        counted = all(turn.tokens_in is not None and turn.tokens_out is not None for turn in turns)
        money = self.price.of(tokens_in, tokens_out) if self.price and counted else None
        return Usage(calls, tokens_in, tokens_out, money, seconds)

    def _check(self, prompt: Prompt, sampling: Sampling) -> None:
        if prompt.prefix and self.host in _STRICT:
            raise no_prefix(self.host)
        if sampling.choices and sampling.logprobs is not None:
            raise Unsupported(
                f"{self.host}: a constrained choice has no log-probabilities of its own; ask for one of them"
            )


def _message(turn: Turn) -> Message:
    return Message("assistant", (Text(turn.text),), turn.tool_calls)


def _go_on(body: dict[str, Any], turns: Sequence[Turn], prompt: Prompt) -> None:
    """Make `body` ask for the answer after `turns`: the last of them and the follow-up to it join the dialogue."""
    if len(turns) == 1 and prompt.prefix:
        body["messages"].pop()
        del body["continue_final_message"], body["add_generation_prompt"]
    body["messages"].append(rendered(_message(turns[-1])))
    if len(turns) <= len(prompt.follow_ups):
        body["messages"].append(rendered(prompt.follow_ups[len(turns) - 1]))


def _finished(turn: Turn, prefix: str, sampling: Sampling) -> Turn:
    """`turn` as an answer: the choice out of its JSON form, the begun words before what continues them."""
    if sampling.choices and not sampling.schema:
        return replace(turn, text=chosen(turn.text))
    if not turn.text.startswith(prefix):
        return replace(turn, text=prefix + turn.text)
    return turn
