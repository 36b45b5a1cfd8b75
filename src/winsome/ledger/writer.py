"""Group commit: one thread writes, and whatever arrives within a few milliseconds becomes one transaction.

A future is resolved only after the commit that holds its rows. A group that meets another writer or a restarting server is
repeated (every statement is idempotent); one that meets a bad row is split, so that only that row's future fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from winsome.errors import BadInput, Fatal, WinsomeError
from winsome.ledger import claims
from winsome.ledger.engine import Connection, Engine
from winsome.ledger.rows import TABLES, Row

LINGER = 0.01
"""Seconds that the writer gathers after a group's first item: every commit costs 0.5 ms of CPU, and `put` promises 20 ms."""

ENOUGH = 1_000
"""Items that make a group full."""

PATIENCE = 60.0
"""Seconds that a group waits for another writer or for the server to come back."""

Rows = dict[str, list[Row]]
Work = Callable[[Connection], Any]
Target = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]"] | Future[Any]


@dataclass(slots=True)
class Item:
    """Rows to write, or work to do within the group's transaction, and who waits for it."""

    rows: Rows | None
    work: Work | None
    target: Target


@dataclass(slots=True)
class Done:
    """How an item ended."""

    item: Item
    result: Any
    error: BaseException | None


class Writer:
    """The thread that writes; `submit` from a coroutine, `run` from any other thread."""

    def __init__(self, engine: Engine, patience: float = PATIENCE) -> None:
        self._engine = engine
        self._patience = patience
        self._queue: deque[Item] = deque()
        self._wake = threading.Condition()
        self._waiting = False
        self._closed = False
        self._connection: Connection = None
        self._thread = threading.Thread(target=self._serve, name="winsome-ledger", daemon=True)
        self._thread.start()

    def submit(self, rows: Rows | None, work: Work | None = None) -> asyncio.Future[Any]:
        """A future of the running loop, done when the rows are on disk or the work is committed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._add(Item(rows, work, (loop, future)))
        return future

    def run(self, rows: Rows | None, work: Work | None = None) -> Any:
        """The same for a thread without a loop: waits, and gives back what the work gave."""
        future: Future[Any] = Future()
        self._add(Item(rows, work, future))
        return future.result()

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _add(self, item: Item) -> None:
        with self._wake:
            if self._closed:
                raise Fatal(f"{self._engine.shown}: the ledger is closed; open it again")
            self._queue.append(item)
            if self._waiting:
                self._wake.notify()

    def _serve(self) -> None:
        while self._gather():
            items = [self._queue.popleft() for _ in range(min(len(self._queue), ENOUGH))]
            _tell(self._write(items))
        self._forget()

    def _gather(self) -> bool:
        """Wait for a first item and then for company; False when closed and nothing is left."""
        if not self._queue:
            with self._wake:
                self._waiting = True
                while not self._queue and not self._closed:
                    self._wake.wait()
                self._waiting = False
        if not self._closed and len(self._queue) < ENOUGH:
            time.sleep(LINGER)
        return bool(self._queue)

    def _write(self, items: Sequence[Item]) -> list[Done]:
        deadline: float | None = None
        pause = 0.02
        while True:
            try:
                results = self._transaction(items)
                return [Done(item, result, None) for item, result in zip(items, results, strict=True)]
            except Exception as error:
                self._forget()
                trouble = "bad" if isinstance(error, WinsomeError) else self._engine.trouble(error)
                if trouble in ("busy", "lost"):
                    now = time.monotonic()
                    deadline = now + self._patience if deadline is None else deadline
                    if now < deadline:
                        time.sleep(pause * random.uniform(0.5, 1.5))
                        pause = min(2 * pause, 1.0)
                        continue
                if trouble == "bad" and len(items) > 1:
                    return [done for item in items for done in self._write([item])]
                failure = failure_of(error, trouble, self._engine.shown, self._patience)
                return [Done(item, None, failure) for item in items]

    def _transaction(self, items: Sequence[Item]) -> list[Any]:
        engine = self._engine
        connection = self._connection = self._connection or engine.connect()
        gathered: Rows = {}
        for item in items:
            for table, rows in (item.rows or {}).items():
                gathered.setdefault(table, []).extend(rows)
        engine.begin(connection)
        for table in TABLES:
            if table in gathered:
                engine.insert(connection, table, gathered[table])
        answered = [row[1] for row in gathered.get("responses", ()) if row[5] != "failed"]
        if answered:
            claims.settle(engine, connection, answered)
        results = [item.work(connection) if item.work is not None else None for item in items]
        connection.commit()
        return results

    def _forget(self) -> None:
        """Drop the connection; an open transaction is rolled back with it."""
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None


def failure_of(error: Exception, trouble: str, place: str, patience: float) -> WinsomeError:
    """The one line that says what is wrong with the ledger at `place` after `patience` seconds, and the way out."""
    if isinstance(error, WinsomeError):
        return error
    said = " ".join(str(error).split())[: max(15, 100 - len(place))]  # one line of at most 200 characters
    long = f" for {patience:.0f} s" if patience else ""
    if trouble == "busy":
        return Fatal(f"{place}: locked by another process{long}; end that process, then go on")
    if trouble == "lost":
        return Fatal(f"{place}: no server{long} ({said}); start it and run the command again")
    if trouble == "full":
        return Fatal(
            f"{place}: no room on the disk ({said}); free some and run again, all that was committed is kept"
        )
    if trouble == "broken":
        return Fatal(f"{place}: the file is damaged ({said}); restore a copy or name another with --ledger")
    return BadInput(f"{place}: a record cannot be kept ({type(error).__name__}: {said}); correct its fields")


def _tell(done: Sequence[Done]) -> None:
    """Resolve the futures, with one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Done]] = {}
    for one in done:
        target = one.item.target
        if isinstance(target, Future):
            _settle(target, one)
        else:
            by_loop.setdefault(target[0], []).append(one)
    for loop, ones in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, ones)


def _settle_all(ones: Sequence[Done]) -> None:
    for one in ones:
        target = one.item.target
        assert isinstance(target, tuple)
        _settle(target[1], one)


def _settle(future: asyncio.Future[Any] | Future[Any], one: Done) -> None:
    if future.done():
        return
    if one.error is not None:
        future.set_exception(one.error)
    else:
        future.set_result(one.result)
