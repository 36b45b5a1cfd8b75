"""The one small call before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from tests.servers.behaviour import Behaviour
from tests.servers.openai_server import serving
from winsome.contenders.endpoint import Endpoint, http
from winsome.errors import BadInput, Fatal, Transient


def at(base: str, model: str = "test-model", **settings: Any) -> Endpoint:
    return http(f"{base}#{model}", name="x", **settings)


async def test_a_probe_tells_model_log_probs_seed_window_and_cost() -> None:
    async with serving(Behaviour(context=8192, served_as="test-model-v2")) as server:
        seen = await at(server.base, price_in=1.0, price_out=1.0).probe()
        assert (seen.model, seen.logprobs, seen.seed, seen.window) == ("test-model-v2", True, True, 8192)
        assert seen.usage.calls == 1
        assert seen.usage.money is not None
        assert seen.usage.money > 0
        assert server.stats.requests == 1


async def test_a_proxy_that_drops_log_probs_is_found_out() -> None:
    async with serving(Behaviour(logprobs=False)) as server:
        seen = await at(server.base).probe()
        assert (seen.logprobs, seen.window) == (False, None)


@pytest.mark.parametrize(("refused", "logprobs", "seed"), [("logprobs", False, True), ("seed", True, False)])
async def test_a_server_that_refuses_an_optional_field_is_asked_without_it(
    refused: str, logprobs: bool, seed: bool
) -> None:
    def answer(body: Mapping[str, Any]) -> str:
        if refused in body:
            raise web.HTTPBadRequest(
                text=f'{{"error": {{"message": "Unrecognized request argument supplied: {refused}"}}}}'
            )
        return "ready"

    async with serving(Behaviour(answer=answer)) as server:
        seen = await at(server.base).probe()
        assert (seen.logprobs, seen.seed, seen.usage.calls) == (logprobs, seed, 2)


async def test_a_server_that_is_not_there_is_final_before_a_run() -> None:
    async with serving() as server:
        base = server.base
    with pytest.raises(Fatal, match=r"cannot be reached .* check the address"):
        await at(base).probe()


async def test_wrong_model_and_missing_key_are_told_by_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        with pytest.raises(Fatal, match='did you mean "test-model"'):
            await at(server.base, "test-mode").probe()
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        with pytest.raises(BadInput, match="NO_SUCH_KEY"):
            await at(server.base, key="env:NO_SUCH_KEY").probe()


async def test_a_passing_fault_may_be_probed_again() -> None:
    async with serving(Behaviour(faults=("500",), rate=1.0)) as server:
        with pytest.raises(Transient):
            await at(server.base).probe()


async def test_a_window_too_small_for_the_probe_is_final() -> None:
    async with serving(Behaviour(context=2)) as server:
        with pytest.raises(Fatal, match="context window"):
            await at(server.base).probe()
