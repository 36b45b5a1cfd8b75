"""An application served while it is needed: to this machine alone unless told otherwise, up before its address is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from winsome.errors import BadInput

if TYPE_CHECKING:
    from fastapi import FastAPI

PORT = 8765
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Address:
    """Where an application is served. `exposed`: an address that other machines reach is meant."""

    host: str = "127.0.0.1"
    port: int = PORT
    exposed: bool = False

    def __post_init__(self) -> None:
        if not self.exposed and not _local(self.host):
            raise BadInput(
                f"--host {self.host[:60]} lets other machines ask; add --expose if that is meant, or leave --host out"
            )

    @property
    def hosts(self) -> frozenset[str] | None:
        """The names under which the application may be asked; None: any."""
        return None if self.exposed else LOCAL


@dataclass(frozen=True)
class Serving:
    """url: the address, with its `/`; ended: done once the server has stopped, by Ctrl-C or because it was left."""

    url: str
    ended: asyncio.Task[None]


@asynccontextmanager
async def serving(app: FastAPI, address: Address) -> AsyncGenerator[Serving]:
    """Serves while it is entered. Raises BadInput for a port in use and a host that cannot be served."""
    import uvicorn

    bound = _bound(address)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not (server.started or running.done()):  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        host = f"[{address.host}]" if ":" in address.host else address.host
        yield Serving(f"http://{host}:{bound.getsockname()[1]}/", running)
    finally:
        server.should_exit = True
        await asyncio.wait([running])
        bound.close()


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bound(place: Address) -> socket.socket:
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
