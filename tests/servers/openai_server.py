"""A local OpenAI-compatible chat server for tests and benchmarks: deterministic answers, faults on demand, counts of asks.

    async with serving(Behaviour(faults=FAULTS, rate=0.2)) as server:      in this process, on a free port
    python -m tests.servers.openai_server --port 0 --rate 0.2              as a process; prints its port on one line

A fault is decided by (seed, question, how often it was asked), so that a run repeats whatever the order of its calls, and
an asker that tries again gets on. GET /stats tells the counts.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from aiohttp import web

from tests.servers import behaviour as behaviours
from tests.servers.behaviour import (
    FAULTS,
    Behaviour,
    Reply,
    Stats,
    completion,
    letter,
    sentence,
)

__all__ = ["FAULTS", "Behaviour", "ChatServer", "Reply", "Stats", "letter", "sentence", "serving"]

VOLATILE = ("user", "stream", "metadata")
"""Fields of a request that are left out when questions are told apart; draws under unlike seeds are unlike questions."""


class ChatServer:
    """The server; `behaviour` may be changed while it runs."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour, self.stats = behaviour or Behaviour(), Stats()
        self.port = 0
        self.bodies: list[dict[str, Any]] = []
        self.keep_bodies = False
        self._at_once, self._window_began, self._in_window = 0, 0.0, 0
        self._stop = asyncio.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        app.on_shutdown.append(self._release)
        return app

    async def _release(self, _: web.Application) -> None:
        self._stop.set()

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(self.stats.payload())

    async def _models(self, request: web.Request) -> web.Response:
        refused = self._no_entry(request)
        if refused is not None:
            return refused
        window = {} if self.behaviour.context is None else {"max_model_len": self.behaviour.context}
        listed = [
            {"id": name, "object": "model", "owned_by": "tests", **window} for name in self.behaviour.models
        ]
        return _json({"object": "list", "data": listed})

    def _no_entry(self, request: web.Request) -> web.Response | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.stats.keys[hashlib.blake2b(key.encode(), digest_size=4).hexdigest() if key else "none"] += 1
        if self.behaviour.keys and key not in self.behaviour.keys:
            return _error(401, f"Incorrect API key provided: {key[:6]}***{key[-4:]}.", "invalid_api_key")
        return None

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.stats.requests += 1
        self._at_once += 1
        self.stats.most_at_once = max(self.stats.most_at_once, self._at_once)
        try:
            return await self._reply(request)
        finally:
            self._at_once -= 1

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        behaviour = self.behaviour
        refused = self._no_entry(request)
        if refused is not None:
            return refused
        body = orjson.loads(await request.read())
        if self.keep_bodies:
            self.bodies.append(body)
        refused = self._over_limit()
        if refused is not None:
            return refused
        if body.get("model") not in behaviour.models:
            return _error(404, f"The model `{body.get('model')}` does not exist.", "model_not_found")
        if "response_format" in body and not behaviour.schemas:
            return _error(
                400, "Unrecognized request argument supplied: response_format", "invalid_request_error"
            )
        question = question_of(body)
        self.stats.asked[question] += 1
        self.stats.models[body["model"]] += 1
        fault = self._fault(question, self.stats.asked[question])
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        characters = sum(len(str(message.get("content"))) for message in body["messages"])
        if behaviour.context is not None and characters / 4 > behaviour.context:
            told = f"This model's maximum context length is {behaviour.context} tokens, however you requested more."
            return _error(400, told, "context_length_exceeded")
        if fault is not None:
            self.stats.faults[fault] += 1
            return await self._failed(fault, request, body)
        self.stats.answered += 1
        self.stats.replies[question] += 1
        return _json(completion(body, behaviour), self._limit_headers())

    def _fault(self, question: str, attempt: int) -> str | None:
        """The fault that meets this attempt at a question, by seed; None mostly."""
        if not self.behaviour.faults or self.behaviour.rate <= 0:
            return None
        mixed = hashlib.blake2b(
            f"{self.behaviour.seed}/{question}/{attempt}".encode(), digest_size=8
        ).digest()
        if int.from_bytes(mixed[:4]) / 2**32 >= self.behaviour.rate:
            return None
        return self.behaviour.faults[int.from_bytes(mixed[4:]) % len(self.behaviour.faults)]

    async def _failed(self, fault: str, request: web.Request, body: Mapping[str, Any]) -> web.StreamResponse:
        if fault == "429":
            told = {"Retry-After": f"{self.behaviour.retry_after:g}"}
            return _error(429, "Rate limit reached for requests.", "rate_limit_exceeded", told)
        if fault == "hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self.behaviour.hang)
            return _error(504, "The upstream did not answer.", "timeout")
        whole = orjson.dumps(completion(body, self.behaviour))
        if fault == "cut":
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = len(whole)
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            if request.transport is not None:
                request.transport.close()
            return response
        if fault == "invalid":
            return web.Response(body=whole[: 2 * len(whole) // 3], content_type="application/json")
        if fault == "empty":
            return _json({**orjson.loads(whole), "choices": []})
        return _error(int(fault), "The server had an error while processing the request.", "server_error")

    def _over_limit(self) -> web.Response | None:
        behaviour = self.behaviour
        if behaviour.most_at_once is not None and self._at_once > behaviour.most_at_once:
            self.stats.faults["429"] += 1
            return _error(429, "Too many requests at once.", "rate_limit_exceeded")
        if behaviour.requests_a_window is None:
            return None
        now = time.monotonic()
        if now - self._window_began >= behaviour.window:
            self._window_began, self._in_window = now, 0
        self._in_window += 1
        if self._in_window <= behaviour.requests_a_window:
            return None
        self.stats.faults["429"] += 1
        wait = f"{max(0.0, self._window_began + behaviour.window - now):.3f}"
        told = {"Retry-After": wait, **self._limit_headers()}
        return _error(429, "Rate limit reached for requests.", "rate_limit_exceeded", told)

    def _limit_headers(self) -> dict[str, str]:
        limit = self.behaviour.requests_a_window
        if limit is None:
            return {}
        left = max(0.0, self._window_began + self.behaviour.window - time.monotonic())
        return {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(max(0, limit - self._in_window)),
            "x-ratelimit-reset-requests": f"{1000 * left:.0f}ms",
        }


def question_of(body: Mapping[str, Any]) -> str:
    """Digest of what a request asks, without what may differ between two attempts at one question."""
    kept = {k: v for k, v in body.items() if k not in VOLATILE}
    return hashlib.blake2b(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def _json(value: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", headers=headers)


def _error(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": code, "code": code, "param": None}}
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers
    )


@asynccontextmanager
async def serving(behaviour: Behaviour | None = None, port: int = 0) -> AsyncIterator[ChatServer]:
    """A running server in this event loop; it is stopped, with whatever hangs, at the end."""
    server = ChatServer(behaviour)
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def _behaviour(arguments: argparse.Namespace) -> Behaviour:
    module, _, name = arguments.answer.partition(":")
    answer = getattr(importlib.import_module(module), name) if name else getattr(behaviours, module)
    faults = tuple(arguments.faults.split(",")) if arguments.rate > 0 else ()
    return Behaviour(
        answer=answer,
        models=tuple(arguments.models.split(",")),
        latency=arguments.latency,
        logprobs=not arguments.no_logprobs,
        usage=not arguments.no_usage,
        context=arguments.context,
        keys=frozenset(arguments.keys.split(",")) if arguments.keys else frozenset(),
        faults=faults,
        rate=arguments.rate,
        seed=arguments.seed,
        retry_after=arguments.retry_after,
        hang=arguments.hang,
        requests_a_window=arguments.requests_a_window,
        window=arguments.window,
        most_at_once=arguments.most_at_once,
    )


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answer", default="sentence", help="sentence, letter, or module:function")
    parser.add_argument("--models", default="test-model", help="names, separated by commas")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--no-logprobs", action="store_true")
    parser.add_argument("--no-usage", action="store_true")
    parser.add_argument("--context", type=int)
    parser.add_argument("--keys", default="", help="accepted keys, separated by commas")
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--retry-after", type=float, default=0.05)
    parser.add_argument("--hang", type=float, default=3600.0)
    parser.add_argument("--requests-a-window", type=int)
    parser.add_argument("--window", type=float, default=1.0)
    parser.add_argument("--most-at-once", type=int)
    arguments = parser.parse_args(words)
    asyncio.run(_serve(_behaviour(arguments), arguments.port))


async def _serve(behaviour: Behaviour, port: int) -> None:
    async with serving(behaviour, port) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
