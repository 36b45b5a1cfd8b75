"""winsome tools serve: virtual tools in the original protocol of StableToolBench."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share, whole_number
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.suites.virtual_tools import Call


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    serve = actions.add_parser(
        "serve",
        help="a cache first, then the live tools where allowed, then a model that plays the tool",
        description="Serve virtual tools: cached answers, live ones where allowed, then a model that plays the tool from its documentation.",
    )
    serve.add_argument(
        "--cache",
        required=True,
        metavar="FILE.sqlite",
        help="answers that are kept; made where it is missing",
    )
    serve.add_argument(
        "--documents",
        required=True,
        metavar="PATH",
        help="task files of StableToolBench, whose APIs are served",
    )
    serve.add_argument("--simulator", metavar="NAME", help="the model that plays tools (default none)")
    serve.add_argument(
        "--live", metavar="URL", help="a server of the same protocol that calls the real tools (default off)"
    )
    serve.add_argument(
        "--fail-tools",
        type=share,
        default=None,
        metavar="SHARE",
        help="switch off this share of the live APIs",
    )
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="NAME", help="default 127.0.0.1, this machine alone"
    )
    serve.add_argument(
        "--port", type=whole_number(0), default=8080, metavar="N", help="default 8080; 0 takes any"
    )
    serve.add_argument("--expose", action="store_true", help="let other machines ask")
    options.asking(serve)
    options.everywhere(serve)


def run(args: Namespace) -> int:
    from winsome.ledger.store import Ledger
    from winsome.matchmaking.budget import Budget
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.session import Session
    from winsome.protocols import Contender
    from winsome.server.serving import Address
    from winsome.server.virtual_tools import serving_tools
    from winsome.suites.stable_tool_bench import documents
    from winsome.suites.virtual_tools import VirtualTools, switched_off

    if args.fail_tools is not None and args.live is None:
        raise BadInput("--fail-tools switches live tools off, and none are on; give --live URL too")
    address = Address(args.host, args.port, args.expose)
    known = documents(args.documents)
    with Ledger.open(args.ledger) as store:
        session = Session(
            Door(store, Budget.of(args.budget), args.concurrency, args.rpm, args.tpm), args.seed, Path(".winsome"), args.engine
        )  # fmt: skip
        tools = VirtualTools(
            Path(args.cache), known, live=None if args.live is None else _live(args.live),
            simulator=None if args.simulator is None else session.open(args.simulator, Contender),
            fail=switched_off(known, args.fail_tools or 0.0, args.seed),
        )  # fmt: skip

        async def work() -> None:
            try:
                async with serving_tools(tools, address) as held:
                    output.tell(f"virtual tools at {held.url}  (Ctrl-C ends)")
                    await held.ended
            finally:
                await session.close()
                tools.close()

        asyncio.run(work())
    if args.json:
        output.emit({"counts": tools.counts})
    return 0


def _live(url: str) -> Callable[[Call], Awaitable[Mapping[str, Any]]]:
    async def live(call: Call) -> Mapping[str, Any]:
        import aiohttp

        body = {
            "category": call.category,
            "tool_name": call.tool,
            "api_name": call.api,
            "tool_input": dict(call.arguments),
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as web,
                web.post(url, json=body) as reply,
            ):
                return await reply.json(content_type=None)
        except (aiohttp.ClientError, ValueError, TimeoutError) as error:
            return {"error": f"live call failed: {type(error).__name__}", "response": ""}

    return live
