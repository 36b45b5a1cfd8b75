"""How many calls may be under way at one host: it doubles while all goes well, halves when the host says stop.

Additive increase and multiplicative decrease; explicit caps (`rpm`, `tpm`) and the host's own headers come on top.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

START = 8
WINDOW = 60.0
GLANCE = 0.25
"""Seconds between two looks at whether waiting is over."""


@dataclass
class Limiter:
    """Admits calls to one host. `limit` moves between 1 and `most`; times are in seconds of `clock`.

    Once `over` is true nobody waits for the host any more: there is nothing left to ask.
    """

    most: int = 64
    rpm: int | None = None
    tpm: int | None = None
    clock: Callable[[], float] = time.monotonic
    over: Callable[[], bool] = lambda: False
    limit: float = 0.0
    active: int = 0
    growing: bool = True
    closed_until: float = 0.0
    halved_at: float = -1e9
    waiting_for: str = ""
    _waiters: deque[asyncio.Future[None]] = field(default_factory=deque[asyncio.Future[None]])
    _calls: deque[float] = field(default_factory=deque[float])
    _tokens: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    _token_sum: int = 0

    def __post_init__(self) -> None:
        self.limit = self.limit or float(min(START, self.most))

    def pause(self) -> float:
        """Seconds until the caps and the host's last word allow a further call; 0 where one may go now."""
        now = self.clock()
        if now < self.closed_until:
            return self.closed_until - now
        self.waiting_for = ""
        if self.rpm is not None:
            while self._calls and self._calls[0] <= now - WINDOW:
                self._calls.popleft()
            if len(self._calls) >= self.rpm:
                self.waiting_for = f"limit {self.rpm} calls/min"
                return self._calls[0] + WINDOW - now
        if self.tpm is not None:
            while self._tokens and self._tokens[0][0] <= now - WINDOW:
                self._token_sum -= self._tokens.popleft()[1]
            if self._token_sum >= self.tpm:
                self.waiting_for = f"limit {self.tpm} tokens/min"
                return self._tokens[0][0] + WINDOW - now
        return 0.0

    async def enter(self) -> float:
        """Wait for a place; when it was given. Every `enter` is followed by one `leave` or `leave_limited`."""
        while True:
            if self.active >= int(self.limit):
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                try:
                    await waiter
                except asyncio.CancelledError:
                    if waiter.done() and not waiter.cancelled():
                        self._wake()
                    raise
                continue
            wait = self.pause()
            if wait <= 0.0 or self.over():
                break
            self.active += 1
            try:
                await asyncio.sleep(min(wait, GLANCE))
            finally:
                self.active -= 1
                self._wake()
        self.active += 1
        now = self.clock()
        if self.rpm is not None:
            self._calls.append(now)
        return now

    def leave(self, tokens: int = 0) -> None:
        """Give the place back after a call that went well (or failed for a reason that is not the host's load)."""
        self.active -= 1
        if self.tpm is not None and tokens:
            self._tokens.append((self.clock(), tokens))
            self._token_sum += tokens
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + (1.0 if self.growing else 1.0 / max(1.0, self.limit)))
        self._wake()

    def leave_limited(self, entered: float, retry_after: float | None, why: str) -> None:
        """Give the place back after the host said that it is asked too much.

        Calls that were under way when the limit was last halved say nothing about the new one.
        """
        self.active -= 1
        now = self.clock()
        self.growing = False
        if entered > self.halved_at:
            self.limit = max(1.0, self.limit / 2.0)
            self.halved_at = now
        if retry_after:
            self.closed_until = max(self.closed_until, now + min(retry_after, WINDOW))
        self.waiting_for = why
        self._wake()

    def heed(self, requests_left: int | None, tokens_left: int | None, reset: float | None) -> None:
        """Take the host's own headers: nothing left means closed until the reset (seconds)."""
        if reset and (requests_left == 0 or tokens_left == 0):
            self.closed_until = max(self.closed_until, self.clock() + min(reset, WINDOW))
            self.waiting_for = f"limit of the server, {'requests' if requests_left == 0 else 'tokens'}"

    def _wake(self) -> None:
        room = int(self.limit) - self.active
        while room > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                room -= 1
