"""Questions to a ledger's database: connections that are kept, one column's values looked up in chunks, and trouble told in one line."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from winsome.ledger.rows import Row

if TYPE_CHECKING:
    from winsome.ledger.engine import Connection, Engine

T = TypeVar("T")
CHUNK = 2_000
"""Keys that one read looks up."""


class Reads:
    """Reads of `engine` by any thread; each sees what was committed when it began."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the kept connections; a later read opens a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds; asked again while the server restarts or another process holds the file."""
        from winsome.ledger.writer import PATIENCE, failure_of

        deadline, pause = time.monotonic() + PATIENCE, 0.02
        while True:
            try:
                with self._reading() as connection:
                    return self._engine.rows(connection, sql, parameters)
            except Exception as error:
                trouble = self._engine.trouble(error)
                if trouble == "bad":
                    raise
                if trouble not in ("busy", "lost") or time.monotonic() > deadline:
                    raise failure_of(error, trouble, self._engine.shown, PATIENCE) from None
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def among(self, sql: str, values: Iterable[str], *more: Any) -> Iterator[Row]:
        """The rows of `sql` for all `values`, each once, a chunk at a time. `sql`: the chunk is its first parameter, `more` the rest."""
        for chunk in batches(dict.fromkeys(values), CHUNK):
            yield from self.rows(sql, (self._engine.keys(chunk), *more))

    def by(self, table: str, column: str, values: Iterable[str], more: str = "") -> Iterator[Row]:
        """Whole rows of `table` whose `column` is among `values`; `more` is SQL that stands after the condition."""
        from winsome.ledger.statements import columns

        names = ", ".join(columns(table))
        return self.among(f"SELECT {names} FROM {table} WHERE {column} {self._engine.among} {more}", values)

    @contextmanager
    def telling(self) -> Generator[None]:
        """Whatever the database refuses within becomes one line; what is no trouble of the database passes."""
        from winsome.ledger.writer import failure_of

        try:
            yield
        except Exception as error:
            trouble = self._engine.trouble(error)
            if trouble == "bad":
                raise
            raise failure_of(error, trouble, self._engine.shown, 0) from None

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._engine.reader()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`, in order."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
