"""Serving a board to people: on this machine alone unless told otherwise, under a token that outlives the run."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from winsome.errors import BadInput
from winsome.matchmaking.board import Board

PORT = 8765
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN = Path(".winsome") / "annotate.token"


@dataclass(frozen=True)
class Address:
    """Where the page is served. `exposed`: an address that other machines reach is meant."""

    host: str = "127.0.0.1"
    port: int = PORT
    exposed: bool = False

    def __post_init__(self) -> None:
        if not self.exposed and not _local(self.host):
            raise BadInput(
                f"--host {self.host[:60]} lets other machines ask; add --expose if that is meant, or leave --host out"
            )


def annotate(
    address: Address | None = None,
    *,
    token: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Callable[[Board], AbstractAsyncContextManager[None]]:
    """What `People.serve` takes: serves a board while it is entered, and tells the page's address once it can be opened.

    token: who has it may label (default one that is made once and kept in .winsome/annotate.token, so that links stay good).
    Raises BadInput for a port in use and a host that cannot be served.
    """
    place = address or Address()

    @asynccontextmanager
    async def serve(board: Board) -> AsyncIterator[None]:
        import uvicorn

        from winsome.server.app import app

        secret = token or kept_token()
        bound = listening(place)
        hosts = None if place.exposed else LOCAL
        config = uvicorn.Config(
            app(board, secret, hosts),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            while not (server.started or running.done()):  # noqa: ASYNC110 (uvicorn has no event for it)
                await asyncio.sleep(0.01)
            host = f"[{place.host}]" if ":" in place.host else place.host
            tell(
                f"label pairs at http://{host}:{bound.getsockname()[1]}/#token={quote(secret)}  (Ctrl-C ends)"
            )
            yield
        finally:
            server.should_exit = True
            await asyncio.wait([running])
            bound.close()

    return serve


def kept_token(place: Path = TOKEN) -> str:
    """The token kept in `place`, made on first use, readable by its owner alone."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = place.read_text("utf-8").strip()
        if len(kept) < 16:
            raise BadInput(f"{place}: holds no token; delete it, and a new one is made") from None
        return kept
    made = secrets.token_urlsafe(24)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(made)
    return made


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listening(place: Address) -> socket.socket:
    """A socket bound to an address; BadInput for a port in use and a host that cannot be served."""
    try:
        family, kind, proto, _, where = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError as error:
        raise BadInput(
            f"{place.host[:60]} port {place.port}: cannot be served ({error.strerror}); give another --port, or --port 0 for any"
        ) from None
    return bound
