"""Coroutines run from plain functions: in scripts, in notebooks whose loop is already running, and with Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


def finish(
    work: Coroutine[Any, Any, T],
    interrupt: Callable[[], None] = lambda: None,
    ordinary: Callable[[], bool] = lambda: False,
) -> T:
    """The result of `work`, run on a loop of its own in a thread of its own.

    At the first Ctrl-C `interrupt` is called (it should make `work` end soon, keeping what is under way); at the second the work is
    cancelled. KeyboardInterrupt is raised once the work has ended, unless one Ctrl-C was its `ordinary` end.
    """
    result: list[T] = []
    error: list[BaseException] = []
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def body() -> T:
        task = asyncio.current_task()
        assert task is not None
        handle.append((asyncio.get_running_loop(), task))
        return await work

    # a bare lock that the thread lets go of, and a list that says so. Not Event.wait, whose inner lock a Ctrl-C may leave held for ever,
    # nor Thread.join, which may take a running thread for a finished one once a Ctrl-C has ended it (CPython 3.11).
    running, ended = threading.Lock(), list[bool]()
    running.acquire()

    def thread() -> None:
        try:
            with _fewer_collections():
                result.append(asyncio.run(body()))
        except BaseException as raised:
            error.append(raised)
        finally:
            ended.append(True)
            running.release()

    threading.Thread(target=thread, name="winsome", daemon=True).start()
    interrupted, told = 0, 0
    while True:
        try:
            if told < interrupted and handle:
                loop, task = handle[0]
                told = interrupted
                with suppress(RuntimeError):  # the loop has just ended
                    loop.call_soon_threadsafe(interrupt if interrupted == 1 else task.cancel)
            if ended:
                break
            running.acquire(timeout=0.2)
        except KeyboardInterrupt:
            interrupted += 1
    if interrupted and not (interrupted == 1 and result and ordinary()):
        raise KeyboardInterrupt
    if error:
        raise error[0]
    return result[0]


@contextmanager
def _fewer_collections() -> Generator[None]:
    """Let the cyclic collector run rarely: a run holds 10^5 long-lived records, and scanning them took 14% of its time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
