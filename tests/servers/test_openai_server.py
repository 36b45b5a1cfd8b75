"""The test server itself: what other tests rely on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.servers.behaviour import prebuilt
from tests.servers.openai_server import (
    FAULTS,
    Behaviour,
    Reply,
    completion,
    letter,
    question_of,
    serving,
)

ROOT = Path(__file__).resolve().parent.parent.parent


def body(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "test-model", "messages": [{"role": "user", "content": text}], **fields}


async def ask(base: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{base}/chat/completions", json=asked) as reply,
    ):
        return reply.status, orjson.loads(await reply.read())


async def test_equal_questions_get_equal_answers_and_are_counted_once() -> None:
    async with serving() as server:
        first, again, other = [await ask(server.base, body(text)) for text in ("a", "a", "b")]
        seeded = await ask(server.base, body("a", seed=1))
        assert first == again
        assert first[1]["choices"][0]["message"] != other[1]["choices"][0]["message"]
        assert first[1]["choices"][0]["message"] != seeded[1]["choices"][0]["message"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(server.base.replace("/v1", "/stats")) as reply,
        ):
            stats = await reply.json()
        assert (stats["requests"], stats["questions"], stats["answered"], stats["answered_again"]) == (
            4,
            3,
            4,
            1,
        )


def test_a_question_is_what_is_asked_not_by_whom() -> None:
    assert question_of(body("a", user="x")) == question_of(body("a"))
    assert question_of(body("a", temperature=1)) != question_of(body("a"))


async def test_faults_come_at_the_rate_by_seed_and_whatever_the_order() -> None:
    async def statuses(texts: list[str]) -> dict[str, int]:
        async with serving(Behaviour(faults=("500",), rate=0.2, seed=3)) as server:
            return {text: (await ask(server.base, body(text)))[0] for text in texts}

    texts = [str(i) for i in range(400)]
    forward, backward = await statuses(texts), await statuses(texts[::-1])
    assert forward == backward
    # 400 draws at 0.2: the standard deviation is 8
    assert 48 <= Counter(forward.values())[500] <= 112


def test_a_letter_is_the_likelier_of_two_that_sum_to_one() -> None:
    reply = letter(body("which?"))
    assert reply.top is not None
    (first, second) = (2.718281828459045**p for p in reply.top.values())
    assert first + second == pytest.approx(1.0)
    assert first >= second
    assert next(iter(reply.top)) == reply.text


def test_prebuilt_bodies_equal_those_that_are_built_on_demand() -> None:
    (built,) = prebuilt((Reply("m", top={"m": -0.1, "M": -2.3}),), logprobs=2)
    demanded = completion(
        body("x" * 3000, logprobs=True, top_logprobs=2),
        Behaviour(answer=lambda _: Reply("m", top={"m": -0.1, "M": -2.3})),
    )
    assert orjson.loads(built) == demanded


async def test_it_runs_as_a_process_and_prints_its_port() -> None:
    words = [
        "-m",
        "tests.servers.openai_server",
        "--port",
        "0",
        "--rate",
        "1",
        "--faults",
        FAULTS[0],
        "--keys",
        "k1,k2",
    ]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        base = f"http://127.0.0.1:{int(await process.stdout.readline())}/v1"
        status, error = await ask(base, body("a"))
        assert (status, error["error"]["code"]) == (401, "invalid_api_key")
    finally:
        process.terminate()
        await process.wait()
