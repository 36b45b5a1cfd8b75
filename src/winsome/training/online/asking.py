"""A session beside the run's own, on an event loop that lasts as long as the training: whoever is asked meanwhile keeps its connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Run

T = TypeVar("T")


class Asking:
    """The run's ledger, seed, folder, budget and limits; a loop in a thread of its own."""

    def __init__(self, run: Run) -> None:
        self._ledger = Ledger.open(getattr(getattr(run, "ledger", None), "url", None))
        door: Any = getattr(run, "door", None)
        own = Door(self._ledger) if door is None else Door(
            self._ledger, door.budget, door.concurrency, door.rpm, door.tpm
        )  # fmt: skip
        self.session = Session(own, run.seed, run.folder)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="winsome-asking", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                # A wait without an end could not be interrupted.
                return future.result(0.5)
            except TimeoutError:
                if future.done():
                    return future.result()
            except KeyboardInterrupt:
                future.cancel()
                raise

    def close(self) -> None:
        """Close what was opened, then the loop and the ledger."""
        try:
            self.run(self.session.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._ledger.close()
