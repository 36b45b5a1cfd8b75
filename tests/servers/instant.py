"""A chat server for benchmarks that answers at once and costs next to nothing: HTTP/1.1 straight on a socket, bodies made before.

    python -m tests.servers.instant [--answer module:function]        prints its port on one line

It says one letter with its probabilities, or what the function says to nothing, whatever it is asked. Requests are read to their
end and not otherwise: what matters of a real server, that it takes time, is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys

from tests.servers.behaviour import Reply, first_token, prebuilt

LENGTH = b"content-length:"


class Instant(asyncio.Protocol):
    """One connection. `replies` are whole HTTP messages; which of them is sent follows from the request's last bytes."""

    def __init__(self, replies: tuple[bytes, ...]) -> None:
        self.replies = replies
        self.read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while (head := self.read.find(b"\r\n\r\n")) >= 0:
            fields = self.read[:head].lower()
            at = fields.find(LENGTH)
            end = head + 4 + (int(fields[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
            if len(self.read) < end:
                return
            asked, self.read = self.read[max(head, end - 200) : end], self.read[end:]
            self.transport.write(self.replies[sum(asked) % len(self.replies)])


def message(body: bytes) -> bytes:
    """A whole HTTP reply around a JSON body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def bodies(answer: str | None) -> tuple[bytes, ...]:
    """What is said: two letters with probabilities, or what `module:function` says to an empty request."""
    if answer is None:
        return prebuilt((first_token("m"), first_token("M")))
    module, _, name = answer.partition(":")
    said = getattr(importlib.import_module(module), name)({})
    return prebuilt((Reply(said) if isinstance(said, str) else said,), logprobs=None)


async def serve(replies: tuple[bytes, ...]) -> None:
    """Serve for ever on a free port of this machine, which is printed first."""
    server = await asyncio.get_running_loop().create_server(lambda: Instant(replies), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answer", metavar="module:function")
    try:
        asyncio.run(serve(tuple(map(message, bodies(parser.parse_args().answer)))))
    except KeyboardInterrupt:
        sys.exit(130)
