"""Coroutines from plain functions: results, errors, a loop that already runs, Ctrl-C once and twice."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading

import pytest

from winsome.errors import BadInput
from winsome.matchmaking.loops import finish


def press(after: float) -> None:
    """Ctrl-C in `after` seconds."""
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()


async def value() -> int:
    await asyncio.sleep(0)
    return 7


async def mistake() -> int:
    raise BadInput("no such thing")


def test_results_and_errors_come_back() -> None:
    before = gc.get_threshold()
    assert finish(value()) == 7
    with pytest.raises(BadInput, match="no such thing"):
        finish(mistake())
    assert gc.get_threshold() == before


async def test_within_a_loop_that_runs() -> None:
    assert finish(value()) == 7
    assert asyncio.get_running_loop().is_running()


def test_ctrl_c_lets_the_work_end_and_is_told_afterwards() -> None:
    order: list[str] = []
    stop = threading.Event()

    async def work() -> None:
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        order.append("kept")

    press(0.3)
    with pytest.raises(KeyboardInterrupt):
        finish(work(), lambda: (order.append("told"), stop.set())[0])
    assert order == ["told", "kept"]


def test_a_second_ctrl_c_cancels_and_still_cleans_up() -> None:
    order: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            order.append("closed")

    press(0.3)
    press(0.8)
    with pytest.raises(KeyboardInterrupt):
        finish(work(), lambda: order.append("told"))
    assert order == ["told", "closed"]
