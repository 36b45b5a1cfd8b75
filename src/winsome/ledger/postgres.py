"""A ledger in a PostgreSQL database, shared by many machines.

PostgreSQL's text cannot hold NUL: it is written as U+E000 U+E002 and U+E000 itself as U+E000 U+E001, and read back. Whoever
reads the tables by SQL sees these marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Literal

from winsome.errors import BadInput, Unsupported
from winsome.ledger.engine import Connection, Trouble
from winsome.ledger.rows import Row
from winsome.ledger.secrets import masked
from winsome.ledger.statements import Fixed, split, statements

try:
    import psycopg
except ImportError:  # pragma: no cover
    raise Unsupported("a PostgreSQL ledger needs psycopg; pip install 'winsome[postgres]'") from None

LOST = ("57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006")
BUSY = ("40001", "40P01", "55P03")
FULL = ("53100", "53200", "58030")

_cursors = count()


class Postgres:
    """The engine over the database at `url`, which must exist and be coded in UTF-8."""

    among = "= ANY(?)"
    listed = "unnest(?::text[]) AS listed(value)"

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise BadInput(
                f"{masked(url)}: no ledger address; give a path or postgresql://user@host/database"
            )
        self.url = f"postgresql://{rest}"
        self.shown = masked(self.url)
        self._insert = statements("postgresql").insert

    @property
    def dialect(self) -> Literal["postgresql"]:
        return "postgresql"

    def connect(self) -> Connection:
        connection: Connection = psycopg.connect(self.url, autocommit=True, connect_timeout=10)
        connection.execute("SET synchronous_commit = on")
        connection.execute("SET client_min_messages = warning")
        return connection

    def reader(self) -> Connection:
        connection = self.connect()
        connection.execute("SET default_transaction_read_only = on")
        return connection

    def begin(self, connection: Connection) -> None:
        connection.execute("BEGIN")

    def insert(self, connection: Connection, table: str, rows: Sequence[Row]) -> None:
        # Two processes that insert the same rows in one order wait for each other, in two orders they deadlock.
        ordered = sorted((_escaped(row) for row in rows), key=lambda row: row[0])
        with connection.cursor() as cursor:
            cursor.executemany(self._insert[table], ordered)

    def load(
        self, connection: Connection, table: str, rows: Iterable[Row], fixed: Mapping[str, Fixed]
    ) -> None:
        """By COPY into a table of the transaction's own, then in one statement into `table`."""
        varied, alike, literals = split(table, fixed)
        given, all_columns = ", ".join(varied), ", ".join([*varied, *alike])
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {given} FROM {table} WITH NO DATA"
            )
            with cursor.copy("COPY incoming FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_escaped(row))
            cursor.execute(
                f"INSERT INTO {table} ({all_columns}) SELECT {', '.join([*varied, *literals])} FROM incoming "
                f"{statements('postgresql').conflict[table]}"
            )
            cursor.execute("DROP TABLE incoming")
            cursor.execute(f"ANALYZE {table}")  # else look-ups are planned for the empty table that it was

    def rows(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        found = connection.execute(_marked(sql), _escaped(parameters) or None)
        return [_restored(row) for row in found.fetchall()]

    def run(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> None:
        connection.execute(_marked(sql), _escaped(parameters) or None)

    def stream(
        self, connection: Connection, sql: str, parameters: Sequence[Any], size: int
    ) -> Iterator[list[Row]]:
        with connection.transaction(), connection.cursor(name=f"winsome_{next(_cursors)}") as cursor:
            cursor.execute(_marked(sql), _escaped(parameters) or None)
            while rows := cursor.fetchmany(size):
                yield [_restored(row) for row in rows]

    def keys(self, keys: Iterable[str]) -> list[str]:
        return [_without_nul(key) for key in keys]

    def clock(self, connection: Connection) -> float:
        return connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()[0]

    def trouble(self, error: BaseException) -> Trouble:
        state = getattr(error, "sqlstate", None)
        if state in BUSY:
            return "busy"
        if state in FULL:
            return "full"
        if state in LOST or (
            state is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        ):
            return "lost"
        return "bad"

    def select_only(self, sql: str, size: int) -> tuple[list[str], Iterator[list[Row]]]:
        connection = self.reader()
        try:
            connection.execute("BEGIN READ ONLY")
            # prepare=True sends one statement: "COMMIT; DELETE .." is refused by the server.
            cursor = connection.execute(sql.encode(), prepare=True)
        except psycopg.Error as error:
            connection.close()
            said = str(error).splitlines()[0][:100]
            raise BadInput(f"query: {said}; give one SELECT statement") from None
        names = [column.name for column in cursor.description or ()]
        return names, _drained(connection, cursor, size)

    def compact(self) -> None:
        connection = self.connect()
        try:
            connection.execute("VACUUM (ANALYZE)")
        finally:
            connection.close()

    def faults(self) -> list[str]:
        """PostgreSQL checks its pages itself as they are read (`data_checksums`)."""
        return []


def _drained(connection: Connection, cursor: Any, size: int) -> Iterator[list[Row]]:
    try:
        while cursor.description is not None and (rows := cursor.fetchmany(size)):
            yield [_restored(row) for row in rows]
    finally:
        connection.close()


def _marked(sql: str) -> str:
    return sql.replace("?", "%s")


def _escaped(row: Sequence[Any]) -> Row:
    if any(type(value) is str and ("\0" in value or "\ue000" in value) for value in row):
        return tuple(_without_nul(value) if type(value) is str else value for value in row)
    return tuple(row)


def _without_nul(text: str) -> str:
    return text.replace("\ue000", "\ue000\ue001").replace("\0", "\ue000\ue002")


def _restored(row: Row) -> Row:
    if any(type(value) is str and "\ue000" in value for value in row):
        return tuple(_with_nul(value) if type(value) is str else value for value in row)
    return row


def _with_nul(text: str) -> str:
    return text.replace("\ue000\ue002", "\0").replace("\ue000\ue001", "\ue000")
