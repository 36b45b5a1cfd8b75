"""A chat server on a thread of its own, for the synchronous functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.servers.openai_server import Behaviour, ChatServer, serving

Start = Callable[[Behaviour], ChatServer]


@pytest.fixture
def start_server() -> Iterator[Start]:
    """Start servers that live until the test ends."""
    ends: list[Callable[[], None]] = []

    def start(behaviour: Behaviour) -> ChatServer:
        ready, found = threading.Event(), []

        async def body() -> None:
            stop = asyncio.Event()
            async with serving(behaviour) as server:
                found.append((server, asyncio.get_running_loop(), stop))
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=asyncio.run, args=(body(),), daemon=True)
        thread.start()
        assert ready.wait(10)
        server, loop, stop = found[0]

        def end() -> None:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)

        ends.append(end)
        return server

    yield start
    for end in ends:
        end()
