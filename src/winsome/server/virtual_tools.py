"""Virtual tools over HTTP in the original protocol of StableToolBench, so that official agents can use them as they are.

POST /virtual {category, tool_name, api_name, tool_input, ..} -> {error, response}; a header says whether the answer is real, simulated or
rejected. Instead of the three names a call may give `function`,
the name by which a suite's prompts offer the API. GET /counts tells how many calls each tier answered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from winsome.agents.tool_search import ORIGIN
from winsome.errors import WinsomeError
from winsome.given import is_mapping
from winsome.server.serving import LOCAL, Address, Serving, serving
from winsome.suites.stable_tool_bench import function_name
from winsome.suites.virtual_tools import ToolAnswer, VirtualTools, call_of

LONGEST_BODY = 200_000


def app(tools: VirtualTools, hosts: frozenset[str] | None = LOCAL) -> FastAPI:
    """The application; hosts: names under which it may be asked (None: any)."""
    served = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    functions = {
        function_name(*place.split("/", 2)[1:]): place for place in sorted(tools.documents, reverse=True)
    }

    @served.post("/virtual")
    async def virtual(request: Request) -> JSONResponse:
        if hosts is not None and (request.url.hostname or "").lower() not in hosts:
            return JSONResponse({"error": "this server answers only to the address that it printed", "response": ""}, 403)  # fmt: skip
        read = bytearray()
        async for chunk in request.stream():
            read += chunk
            if len(read) > LONGEST_BODY:
                return _told(ToolAnswer("The request is too long", "", "rejected"), 413)
        try:
            body: Any = orjson.loads(bytes(read))
        except ValueError:
            body = None
        if not is_mapping(body):
            return _told(ToolAnswer("The request is no JSON object", "", "rejected"), 422)
        call = call_of(_named(body, functions))
        try:
            return _told(call if isinstance(call, ToolAnswer) else await tools.answer(call))
        except WinsomeError as error:
            return _told(ToolAnswer(str(error), "", "rejected"), 503)

    @served.get("/counts")
    async def counts() -> dict[str, int]:
        return tools.counts

    return served


def _named(body: Mapping[str, Any], functions: Mapping[str, str]) -> Mapping[str, Any]:
    place = functions.get(str(body.get("function")))
    if place is None:
        return body
    category, tool, api = place.split("/", 2)
    return {**body, "category": category, "tool_name": tool, "api_name": api}


def _told(answer: ToolAnswer, status: int = 200) -> JSONResponse:
    return JSONResponse(answer.payload(), status, {ORIGIN: answer.origin})


@asynccontextmanager
async def serving_tools(tools: VirtualTools, address: Address) -> AsyncGenerator[Serving]:
    """Serves while it is entered; url: where calls are posted. Raises as `serving` does."""
    async with serving(app(tools, address.hosts), address) as held:
        yield Serving(f"{held.url}virtual", held.ended)
