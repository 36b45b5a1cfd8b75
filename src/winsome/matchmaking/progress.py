"""Live progress on standard error: rate, cost, time left, what is waited for; without a terminal a line from time to time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from winsome.matchmaking.door import Door

FIRST, EVERY = 10.0, 30.0
"""Seconds before the first line and between two lines where no terminal shows bars."""


def console() -> Console:
    """The console of everything that is not a result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def short(title: str, width: int = 44) -> str:
    """`title` in at most `width` characters; a long one loses its middle, since names often differ at their end."""
    head = width // 2 - 1
    return title if len(title) <= width else f"{title[:head]}…{title[head + 1 - width :]}"


class Live:
    """Bars by stage; lines every so often where standard error is no terminal. `quiet` shows nothing at all."""

    def __init__(self, door: Door, *, quiet: bool = False) -> None:
        self.door = door
        self.quiet = quiet
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=console(),
            disable=quiet or not console().is_terminal,
        )

    @asynccontextmanager
    async def shown(self) -> AsyncGenerator[None]:
        """Draw the bars and refresh what they say while the block runs."""
        with self.bars:
            task = asyncio.create_task(self._refresh())
            try:
                yield
            finally:
                task.cancel()

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """A new bar; call the result to move it on."""
        if self.quiet:
            return lambda n: None
        task = self.bars.add_task(short(title), total=total, rate="", note="")
        return lambda n: self.bars.advance(task, n)

    async def _refresh(self) -> None:
        due = time.monotonic() + FIRST
        stopped = ""
        while not self.quiet:
            await asyncio.sleep(0.5)
            if self.door.stopped and not stopped:
                stopped = self.door.stopped
                way = ", Ctrl-C again leaves them" if stopped == "interrupted" else ""
                self.bars.console.print(f"{stopped}; calls under way are waited for{way}", markup=False)
            note = self._note()
            for task in self.bars.tasks:
                rate = f"{task.speed:.1f}/s" if task.speed else ""
                self.bars.update(task.id, rate=rate, note="" if task.finished else note[:90])
            if self.bars.disable and time.monotonic() >= due:
                due = time.monotonic() + EVERY
                for task in self.bars.tasks:
                    if not task.finished:
                        self.bars.console.print(_line(task, note), markup=False)

    def _note(self) -> str:
        """What was spent, what is waited for, and why nothing more is bought."""
        spent = self.door.budget.spent_usd
        waiting = [
            f"waiting: {limiter.waiting_for}"
            for limiter in self.door.limiters.values()
            if limiter.waiting_for
        ]
        stopped = [self.door.stopped] if self.door.stopped else []
        return " · ".join([*([f"{spent:.2f} usd"] if spent else []), *waiting, *stopped])


def _line(task: Task, note: str) -> str:
    """Where a stage stands, without a terminal."""
    left = f"{task.time_remaining:.0f} s left" if task.time_remaining else ""
    more = [told for told in (task.fields["rate"], left, note) if told]
    return f"{task.description}: {task.completed:.0f} of {task.total or 0:.0f}{''.join(f' · {told}' for told in more)}"
