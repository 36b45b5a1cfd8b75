"""Which version a ledger is: made new at the head, brought up by Alembic when older, refused when newer or no ledger at all.

Opening at the head reads one row and never imports Alembic.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Literal

from winsome import __version__
from winsome.errors import BadInput, Fatal
from winsome.ledger.engine import Connection, Engine
from winsome.ledger.schema import HEAD
from winsome.ledger.statements import statements

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
LOCK = 7_464_093_118
"""Any number: the advisory lock under which processes on PostgreSQL make or migrate tables."""

State = Literal["new", "older", "head"]


def settle(engine: Engine, *, migrations: Path = MIGRATIONS, head: str = HEAD) -> None:
    """Bring the database to `head`. Raises BadInput for a newer ledger, a damaged file and whatever is no ledger."""
    connection = _connected(engine)
    try:
        if state(engine, connection, migrations, head) == "new":
            _create(engine, connection, migrations, head)
        older = state(engine, connection, migrations, head) == "older"
    except sqlite3.DatabaseError as error:
        raise _unreadable(engine, error) from None
    finally:
        connection.close()
    if older:
        migrate(engine, migrations)


def state(engine: Engine, connection: Connection, migrations: Path, head: str) -> State:
    """new: no tables; older: Alembic has work to do; head: ready."""
    tables = _tables(engine, connection)
    if "alembic_version" not in tables:
        if tables:
            raise BadInput(
                f"{engine.shown}: holds tables ({', '.join(sorted(tables))[:60]}) but no ledger; name another file"
            )
        return "new"
    found = [version for (version,) in engine.rows(connection, "SELECT version_num FROM alembic_version")]
    if found == [head]:
        return "head"
    known = {path.name.partition("_")[0] for path in (migrations / "versions").glob("[0-9]*.py")}
    if set(found) <= known:
        return "older"
    newer = ", ".join(sorted(set(found) - known))
    raise BadInput(
        f"{engine.shown}: ledger version {newer} is newer than this winsome {__version__} reads ({head}); "
        "upgrade winsome or name another with --ledger"
    )


def migrate(engine: Engine, migrations: Path = MIGRATIONS) -> None:
    """Run the migrations that the ledger lacks, in one transaction."""
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import event

    url = "sqlite://" if engine.dialect == "sqlite" else "postgresql+psycopg://"
    made: Any = sqlalchemy.create_engine(url, creator=engine.connect, poolclass=sqlalchemy.NullPool)
    # The drivers would commit after each statement; begun by hand, an interrupted migration leaves nothing behind.
    event.listen(made, "begin", _begin_at_once if engine.dialect == "sqlite" else _begin)
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with made.begin() as connection:
        if engine.dialect == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    made.dispose()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_at_once(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _create(engine: Engine, connection: Connection, migrations: Path, head: str) -> None:
    engine.begin(connection)
    if engine.dialect == "postgresql":
        engine.run(connection, f"SELECT pg_advisory_xact_lock({LOCK})")
    if state(engine, connection, migrations, head) == "new":  # no other process was quicker
        for statement in statements(engine.dialect).create:
            engine.run(connection, statement)
        engine.run(connection, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        engine.run(connection, "INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))
        engine.insert(connection, "meta", [("created", f"{time.time():.3f}"), ("winsome", __version__)])
    connection.execute("COMMIT")


def _tables(engine: Engine, connection: Connection) -> set[str]:
    if engine.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    else:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    return {str(name) for (name,) in engine.rows(connection, sql)}


def _connected(engine: Engine) -> Connection:
    try:
        connection = engine.connect()
    except sqlite3.DatabaseError as error:
        raise _unreadable(engine, error) from None
    except Exception as error:
        said = " ".join(str(error).split())[: max(15, 130 - len(engine.shown))]
        raise BadInput(f"{engine.shown}: no PostgreSQL there ({said}); check address and server") from None
    if engine.dialect == "postgresql":
        coding = engine.rows(connection, "SHOW server_encoding")[0][0]
        if coding != "UTF8":
            raise BadInput(
                f"{engine.shown}: the database is coded in {coding}; create one with ENCODING 'UTF8'"
            )
    return connection


def _unreadable(engine: Engine, error: sqlite3.DatabaseError) -> BadInput | Fatal:
    trouble = engine.trouble(error)
    if trouble == "full":
        return Fatal(f"{engine.shown}: no room on the disk ({error}); free some and try again")
    if trouble == "busy":
        return Fatal(f"{engine.shown}: locked by another process; end that process and try again")
    if trouble == "broken":
        return BadInput(
            f"{engine.shown}: no SQLite file, or a damaged one ({error}); name another file with --ledger"
        )
    return BadInput(f"{engine.shown}: cannot be opened ({error}); check folder and permissions")
