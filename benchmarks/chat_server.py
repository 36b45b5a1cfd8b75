"""SmolLM2-135M behind a chat-completions address on this machine; what is asked at the same time is answered as one batch.

    with serving_chat(8971) as base:        # http://127.0.0.1:8971/v1, model smollm2
        generate(f"{base}#smollm2", prompts)

An endpoint's address is part of its id, so a run that is to be gone on with takes the same port again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from winsome.contenders.local import embedded
from winsome.records import Message, Prompt, Response, Sampling, Text
from winsome.server.serving import Address, serving

if TYPE_CHECKING:
    from fastapi import FastAPI

    from winsome.protocols import Contender

MODEL = "smollm2"
GATHERED = 0.05
"""Seconds in which requests become one batch."""


@dataclass
class Batches:
    """Requests wait here; those that are drawn alike are answered together, the oldest first."""

    contender: Contender
    waiting: list[tuple[Prompt, Sampling, asyncio.Future[Response]]] = field(
        default_factory=list[tuple[Prompt, Sampling, asyncio.Future[Response]]]
    )
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Response:
        heard: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.waiting.append((prompt, sampling, heard))
        self.woken.set()
        return await heard

    async def work(self) -> None:
        """Answer until cancelled."""
        while True:
            await self.woken.wait()
            await asyncio.sleep(GATHERED)
            alike = self.waiting[0][1]
            batch = [one for one in self.waiting if one[1] == alike]
            self.waiting = [one for one in self.waiting if one[1] != alike]
            if not self.waiting:
                self.woken.clear()
            await self._together(batch, alike)

    async def _together(
        self, batch: list[tuple[Prompt, Sampling, asyncio.Future[Response]]], sampling: Sampling
    ) -> None:
        prompts = list({prompt.id: prompt for prompt, *_ in batch}.values())
        try:
            async for response in self.contender.answer(prompts, sampling):
                for prompt, _, heard in batch:
                    if prompt.id == response.prompt and not heard.done():
                        heard.set_result(response)
        except Exception as error:  # whoever asked is told
            for *_, heard in batch:
                if not heard.done():
                    heard.set_exception(error)


def app(batches: Batches) -> FastAPI:
    """The two calls of the protocol that an endpoint makes: the models, and a chat completion."""
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    served = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @served.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 8192}]}

    @served.post("/v1/chat/completions")
    async def chat(body: dict[str, Any]) -> JSONResponse:
        if body.get("model") != MODEL:
            return _refused(404, f"The model {body.get('model')} does not exist.", "model_not_found")
        if "response_format" in body:
            return _refused(400, "response_format is not supported", "invalid_request_error")
        response = await batches.answer(prompt_of(body), sampling_of(body))
        if response.finish == "failed":
            return _refused(400, response.error or "failed", "invalid_request_error")
        return JSONResponse(completion(response))

    return served


def prompt_of(body: Mapping[str, Any]) -> Prompt:
    """The chat of a request."""
    said = body["messages"]
    system = next((one["content"] for one in said if one["role"] == "system"), None)
    return Prompt(tuple(Message(one["role"], (Text(one["content"]),)) for one in said if one["role"] != "system"), system)  # fmt: skip


def sampling_of(body: Mapping[str, Any]) -> Sampling:
    """How a request is drawn."""
    return Sampling(
        temperature=body.get("temperature", 0.7), top_p=body.get("top_p"), max_tokens=body.get("max_tokens") or 64,
        seed=body.get("seed") or 0, stop=tuple(body.get("stop") or ()),
        logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
    )  # fmt: skip


def completion(response: Response) -> dict[str, Any]:
    """An answer as the protocol tells it."""
    finish = "length" if response.finish == "length" else "stop"
    choice: dict[str, Any] = {
        "index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": response.text},
    }  # fmt: skip
    if response.tokens is not None:
        told = zip(response.tokens.texts, response.tokens.logprobs, response.tokens.top, strict=True)
        choice["logprobs"] = {
            "content": [
                {"token": text, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in top.items()]}
                for text, value, top in told
            ]
        }  # fmt: skip
    read, written = response.usage.tokens_in, response.usage.tokens_out
    return {
        "id": response.id, "object": "chat.completion", "model": MODEL, "choices": [choice],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }  # fmt: skip


def _refused(status: int, message: str, code: str) -> Any:
    from fastapi.responses import JSONResponse

    return JSONResponse({"error": {"message": message, "type": code, "code": code, "param": None}}, status)


@contextmanager
def serving_chat(port: int = 0, slots: int = 24, contender: Contender | None = None) -> Iterator[str]:
    """The base address, served on a thread of its own while it is entered; `contender`: another model than SmolLM2."""
    answering = contender or embedded(dtype="bfloat16", slots=slots)
    ready, held = threading.Event(), list[Any]()

    async def body() -> None:
        stop, batches = asyncio.Event(), Batches(answering)
        work = asyncio.create_task(batches.work())
        try:
            async with serving(app(batches), Address(port=port)) as one:
                held.extend((f"{one.url}v1", asyncio.get_running_loop(), stop))
                ready.set()
                await stop.wait()
        finally:
            work.cancel()
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(body(),), daemon=True)
    thread.start()
    ready.wait(60)
    if not held:
        raise RuntimeError(f"port {port}: the chat server did not start")
    try:
        yield held[0]
    finally:
        held[1].call_soon_threadsafe(held[2].set)
        thread.join(30)
