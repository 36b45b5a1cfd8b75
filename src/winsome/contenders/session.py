"""One HTTP session a running event loop, closed with its loop at the latest."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import ClientSession

CONNECT_SECONDS = 30.0


class Sessions:
    """Sessions by loop: connections belong to the loop that made them, and one object may serve several runs."""

    def __init__(self, open_: Callable[[], ClientSession]) -> None:
        self._open = open_
        self._kept: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[ClientSession, AsyncGenerator[None]]
        ]
        self._kept = weakref.WeakKeyDictionary()

    async def get(self) -> ClientSession:
        """The running loop's session."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None:
            session = self._open()
            # a loop that ends closes its unfinished async generators, and with this one the session
            keeper = _until_end(session)
            self._kept[loop] = session, keeper
            await anext(keeper)
            return session
        return kept[0]

    async def close(self) -> None:
        """Close the running loop's session; the next `get` opens another."""
        kept = self._kept.pop(asyncio.get_running_loop(), None)
        if kept is not None:
            await kept[1].aclose()


async def _until_end(session: ClientSession) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await session.close()


def open_session(base: str, secret: str | None, timeout: float) -> ClientSession:
    """A session for JSON calls below `base`: no cookies, no redirects followed by itself, as many connections as wanted.

    A proxy named by the environment is used, but never for this machine's own addresses.
    """
    import aiohttp

    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(CONNECT_SECONDS, timeout)),
        proxy=_proxy(base),
    )


def _proxy(base: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    address = urlsplit(base)
    host = address.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(host):
        return None
    return getproxies().get(address.scheme)
