"""A ledger in one SQLite file: write-ahead log, every commit on disk before it counts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from winsome.errors import BadInput
from winsome.ledger.engine import Trouble
from winsome.ledger.rows import Row
from winsome.ledger.statements import Fixed, split, statements

WAIT = 5.0
"""Seconds that one attempt waits for another process's transaction."""

CACHE = 64_000
"""Kibibytes of pages that the writer keeps, so that random index pages are not read again."""

CHECKPOINT = 8_000
"""Pages in the write-ahead log before they are copied into the file: many commits change the same page."""

FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


class Sqlite:
    """The engine over `path`; the file need not exist."""

    among = "IN (SELECT value FROM json_each(?))"
    listed = "json_each(?)"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)
        self._insert = statements("sqlite").insert

    @property
    def dialect(self) -> Literal["sqlite"]:
        return "sqlite"

    def connect(self) -> sqlite3.Connection:
        connection = self._open()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        return connection

    def reader(self) -> sqlite3.Connection:
        connection = self._open()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)

    def begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def insert(self, connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
        connection.executemany(self._insert[table], rows)

    def load(
        self, connection: sqlite3.Connection, table: str, rows: Iterable[Row], fixed: Mapping[str, Fixed]
    ) -> None:
        """Indexes are dropped and built again afterwards where the table is empty.

        The unique index goes too, so the caller gives rows that differ; those already there make the rebuild fail, which
        is why a table with rows keeps its indexes.
        """
        varied, alike, literals = split(table, fixed)
        insert = (
            f"INSERT INTO {table} ({', '.join([*varied, *alike])}) "
            f"VALUES ({', '.join(['?'] * len(varied) + literals)})"
        )
        if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]:
            connection.executemany(f"{insert} {statements('sqlite').conflict[table]}", rows)
            return
        indexes = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
                (table,),
            )
        ]
        for name in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.executemany(insert, rows)
        for name in indexes:
            connection.execute(statements("sqlite").create_index[name])

    def rows(self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return connection.execute(sql, parameters).fetchall()

    def run(self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> None:
        connection.execute(sql, parameters)

    def stream(
        self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any], size: int
    ) -> Iterator[list[Row]]:
        cursor = connection.execute(sql, parameters)
        try:
            while rows := cursor.fetchmany(size):
                yield rows
        finally:
            cursor.close()

    def keys(self, keys: Iterable[str]) -> str:
        return orjson.dumps(list(keys)).decode()

    def clock(self, connection: sqlite3.Connection) -> float:
        return time.time()

    def trouble(self, error: BaseException) -> Trouble:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in BUSY:
            return "busy"
        if code in FULL:
            return "full"
        return "broken" if code in BROKEN else "bad"

    def select_only(self, sql: str, size: int) -> tuple[list[str], Iterator[list[Row]]]:
        connection = self.reader()
        connection.set_authorizer(_only_reading)
        try:
            cursor = connection.execute(sql)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise BadInput(_refused(sql, error)) from None
        except (sqlite3.Warning, sqlite3.ProgrammingError) as error:
            connection.close()
            raise BadInput(f"query: {error}; give one SELECT statement") from None
        names = [column[0] for column in cursor.description or ()]
        return names, _drained(connection, cursor, size)

    def compact(self) -> None:
        connection = self.connect()
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def faults(self) -> list[str]:
        connection = self.reader()
        try:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
        finally:
            connection.close()
        return [] if found == ["ok"] else found


def _drained(connection: sqlite3.Connection, cursor: sqlite3.Cursor, size: int) -> Iterator[list[Row]]:
    try:
        while rows := cursor.fetchmany(size):
            yield rows
    except sqlite3.DatabaseError as error:
        raise BadInput(f"query: {error}; change the statement") from None
    finally:
        connection.close()


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "writefile", "edit"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY


def _refused(sql: str, error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH:
        return f"query: {_head(sql)} would do more than read; give one SELECT statement"
    return f"query: {error}; change the statement (tables and columns: winsome ledger show)"


def _head(sql: str) -> str:
    return '"' + " ".join(sql.split())[:40] + '"'
