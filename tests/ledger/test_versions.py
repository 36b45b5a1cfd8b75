"""New ledgers are made, older ones migrated, newer and strange ones refused in one line."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests import postgres
from tests.ledger.records import contest
from winsome.errors import BadInput
from winsome.ledger import versions
from winsome.ledger.schema import HEAD, METADATA
from winsome.ledger.store import Ledger, engine_of

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{HEAD}"


def upgrade():
    op.add_column("prompts", sa.Column("colour", sa.Text(), nullable=True))
    op.execute("UPDATE prompts SET colour = 'blue'")
    {more}
"""


def rows(where: str, sql: str) -> list[tuple[object, ...]]:
    engine = engine_of(where)
    connection = engine.connect()
    try:
        return engine.rows(connection, sql)
    finally:
        connection.close()


def run(where: str, sql: str) -> None:
    engine = engine_of(where)
    connection = engine.connect()
    engine.run(connection, sql)
    connection.close()


def one_line(where: str | Path) -> str:
    with pytest.raises(BadInput) as caught:
        Ledger.open(where)
    line = str(caught.value)
    assert len(line) <= 200, line
    return line


def test_head_is_the_last_migration() -> None:
    assert ScriptDirectory(str(versions.MIGRATIONS)).get_current_head() == HEAD


def test_migrations_make_the_tables_of_the_schema(where: str) -> None:
    """An empty version table is a ledger before the first migration: every migration runs."""
    run(where, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    with Ledger.open(where) as ledger:
        ledger.put_many(contest(1).records)
        assert ledger.verify().sound
    assert rows(where, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    made = sqlalchemy.create_engine(
        "sqlite://" if "://" not in where else "postgresql+psycopg://", creator=engine_of(where).connect
    )
    with made.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
    made.dispose()


def test_a_ledger_made_at_once_equals_a_migrated_one(where: str) -> None:
    Ledger.open(where).close()
    made = sqlalchemy.create_engine(
        "sqlite://" if "://" not in where else "postgresql+psycopg://", creator=engine_of(where).connect
    )
    with made.connect() as connection:
        assert (
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)
            == []
        )
    made.dispose()


def with_next(folder: Path, more: str = "") -> Path:
    """A copy of the migrations with one more."""
    copied = folder / "migrations"
    shutil.copytree(versions.MIGRATIONS, copied)
    (copied / "versions" / "9999_colour.py").write_text(NEXT.replace("{HEAD}", HEAD).replace("{more}", more))
    return copied


def test_an_older_ledger_is_migrated_and_keeps_its_records(where: str, tmp_path: Path) -> None:
    with Ledger.open(where) as ledger:
        ledger.put_many(contest(1).records)
    versions.settle(engine_of(where), migrations=with_next(tmp_path), head="9999")
    assert rows(where, "SELECT colour FROM prompts") == [("blue",)]
    assert rows(where, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert rows(where, "SELECT id FROM verdicts") == [(contest(1).verdict.id,)]


def test_a_migration_that_breaks_leaves_the_ledger_as_it_was(where: str, tmp_path: Path) -> None:
    with Ledger.open(where) as ledger:
        ledger.put_many(contest(1).records)
    with pytest.raises(ZeroDivisionError):
        versions.settle(engine_of(where), migrations=with_next(tmp_path, "1 / 0"), head="9999")
    with Ledger.open(where) as ledger:
        assert "colour" not in ledger.query("SELECT * FROM prompts").columns
        assert ledger.verify().sound


def test_a_newer_ledger_is_refused(where: str) -> None:
    Ledger.open(where).close()
    run(where, "UPDATE alembic_version SET version_num = '9999'")
    line = one_line(where)
    for part in ("ledger version 9999 is newer", f"({HEAD})", "upgrade winsome", engine_of(where).shown):
        assert part in line


def test_processes_that_open_a_new_ledger_at_once_agree(where: str) -> None:
    command = [
        sys.executable,
        "-c",
        f"from winsome.ledger.store import Ledger; Ledger.open({where!r}).close()",
    ]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert rows(where, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_strange_files_are_refused(tmp_path: Path) -> None:
    text, folder, foreign = tmp_path / "notes.txt", tmp_path / "folder", tmp_path / "other.sqlite"
    text.write_text("this is no database, but it is long enough to be looked at as one\n" * 100)
    folder.mkdir()
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    assert f"{text}: no SQLite file" in one_line(text)
    assert "is a folder; name a file" in one_line(folder)
    assert "holds tables (songs) but no ledger" in one_line(foreign)
    assert "its folder cannot be made" in one_line(text / "ledger.sqlite")
    assert "no ledger address" in one_line("mysql://me:secret@host/db")


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger.open(path) as ledger:
        ledger.put_many(record for n in range(300) for record in contest(n).records)
    content = bytearray(path.read_bytes())
    content[:16] = b"x" * 16
    path.write_bytes(content)
    assert "no SQLite file, or a damaged one" in one_line(path)


def test_an_address_without_a_server_is_told_in_one_line() -> None:
    line = one_line("postgresql://me:hunter2@127.0.0.1:1/none")
    assert "no PostgreSQL there" in line
    assert "hunter2" not in line


def test_a_database_in_another_coding_is_refused(server: postgres.Server) -> None:
    import psycopg

    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    assert "coded in LATIN1" in one_line(server.url("latin"))


def test_the_environment_names_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINSOME_LEDGER", raising=False)
    Ledger.open().close()
    assert (tmp_path / ".winsome" / "ledger.sqlite").is_file()
    monkeypatch.setenv("WINSOME_LEDGER", str(tmp_path / "other.sqlite"))
    with Ledger.open() as ledger:
        assert ledger.url == str(tmp_path / "other.sqlite")
