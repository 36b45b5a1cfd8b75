"""Live progress on standard error: rate, cost, time left, what is waited for; silent without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from winsome.matchmaking.door import Door


def console() -> Console:
    """The console of everything that is not a result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def short(title: str, width: int = 44) -> str:
    """`title` in at most `width` characters; a long one loses its middle, since names often differ at their end."""
    head = width // 2 - 1
    return title if len(title) <= width else f"{title[:head]}…{title[head + 1 - width :]}"


class Live:
    """Bars by stage. `quiet` shows nothing at all."""

    def __init__(self, door: Door, *, quiet: bool = False) -> None:
        self.door = door
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
        if self.bars.disable:
            return lambda n: None
        task = self.bars.add_task(short(title), total=total, rate="", note="")
        return lambda n: self.bars.advance(task, n)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            spent = self.door.budget.spent_usd
            waiting = [
                f"waiting: {limiter.waiting_for}"
                for limiter in self.door.limiters.values()
                if limiter.waiting_for
            ]
            note = " · ".join(
                [
                    *([f"{spent:.2f} usd"] if spent else []),
                    *waiting,
                    *([self.door.stopped] if self.door.stopped else []),
                ]
            )
            for task in self.bars.tasks:
                rate = f"{task.speed:.1f}/s" if task.speed else ""
                self.bars.update(task.id, rate=rate, note="" if task.finished else note[:90])
