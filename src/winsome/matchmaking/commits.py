"""Commits in the background: what comes in while one group is being written makes the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from winsome.ledger.store import Ledger
from winsome.records import Match, Prompt, Response, Verdict

Record = Prompt | Response | Match | Verdict
T = TypeVar("T")


class Commits(Generic[T]):
    """`keep(item, records)` returns at once; `done` gets the items of a group once their records are on disk."""

    def __init__(
        self, ledger: Ledger, done: Callable[[list[T]], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._ledger, self._done, self._failed = ledger, done, failed
        self._items: list[T] = []
        self._records: dict[str, Record] = {}
        self._writing: asyncio.Task[None] | None = None

    def keep(self, item: T, *records: Record) -> None:
        """Commit `records` soon, each id once, then hand `item` to `done`."""
        self._items.append(item)
        for record in records:
            self._records[record.id] = record
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def flush(self) -> None:
        """Wait until everything kept so far is on disk or has failed."""
        if self._writing is not None:
            # waited for, not awaited: whoever is cancelled here must not cancel the commit
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        while self._items:
            items, records = self._items, list(self._records.values())
            self._items, self._records = [], {}
            try:
                await self._ledger.put(*records)
            except Exception as error:
                self._failed(error)
            else:
                self._done(items)
