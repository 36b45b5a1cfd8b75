"""The instant server says what the full server would, request after request on one connection."""

from __future__ import annotations

import asyncio

import orjson

from tests.servers.behaviour import Behaviour, completion, first_token
from tests.servers.instant import Instant, bodies, message


async def test_requests_in_pieces_and_in_one_piece_are_answered_in_turn() -> None:
    loop = asyncio.get_running_loop()
    replies = tuple(map(message, bodies(None)))
    server = await loop.create_server(lambda: Instant(replies), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])

    async def said() -> dict[str, object]:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        return orjson.loads(
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        )

    request = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-LENGTH: 4\r\n\r\nabcd"
    writer.write(request[:50])
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(request[50:] + request + request[:-1] + b"e")
    first, second, third = [await said() for _ in range(3)]
    assert first == second != third
    writer.close()
    server.close()


def test_its_letters_are_those_of_the_full_server() -> None:
    body = {
        "model": "test-model", "messages": [{"role": "user", "content": "x" * 3000}], "logprobs": True, "top_logprobs": 5,
    }  # fmt: skip
    for built, letter in zip(bodies(None), "mM", strict=True):
        assert orjson.loads(built) == completion(
            body, Behaviour(answer=lambda _, letter=letter: first_token(letter))
        )
