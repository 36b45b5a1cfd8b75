"""What the ledger needs of a database; `sqlite.Sqlite` and `postgres.Postgres` are the two that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from winsome.ledger.rows import Row
from winsome.ledger.statements import Fixed

Trouble = Literal["busy", "lost", "full", "broken", "bad"]
"""busy: another writer is at it; lost: the server is away; full: no room; broken: the file is damaged; bad: the row."""

Connection = Any
"""A DBAPI connection of either kind."""


class Engine(Protocol):
    """One database. Statements are portable SQL with `?` marks; `among` and `listed` take a parameter from `keys`."""

    shown: str
    among: str
    listed: str

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]: ...

    def connect(self) -> Connection:
        """A connection that writes."""
        ...

    def reader(self) -> Connection:
        """A connection that only reads and may be used by any thread in turn."""
        ...

    def begin(self, connection: Connection) -> None: ...

    def insert(self, connection: Connection, table: str, rows: Sequence[Row]) -> None:
        """Write rows by the table's idempotent statement."""
        ...

    def load(
        self, connection: Connection, table: str, rows: Iterable[Row], fixed: Mapping[str, Fixed]
    ) -> None:
        """Write new rows the quickest way; those already there stay. `fixed`: columns, not in `rows`, that are equal in all."""
        ...

    def rows(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[Row]: ...

    def run(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> None:
        """A statement that gives no rows."""
        ...

    def stream(
        self, connection: Connection, sql: str, parameters: Sequence[Any], size: int
    ) -> Iterator[list[Row]]:
        """Rows in lists of at most `size`, without holding the others."""
        ...

    def keys(self, keys: Iterable[str]) -> Any:
        """The parameter for `among` and `listed`."""
        ...

    def clock(self, connection: Connection) -> float:
        """Seconds since 1970, the same for every process that shares the database."""
        ...

    def trouble(self, error: BaseException) -> Trouble:
        """What kind of failure `error` is."""
        ...

    def select_only(self, sql: str, size: int) -> tuple[list[str], Iterator[list[Row]]]:
        """Column names and rows of one statement on a connection that cannot write."""
        ...

    def compact(self) -> None:
        """Give unused room back."""
        ...

    def faults(self) -> list[str]:
        """What the database itself finds wrong with its files."""
        ...
