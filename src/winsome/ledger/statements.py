"""SQL for one dialect, compiled from the tables once per process, so that the hot path runs prepared text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite import dialect as sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from winsome.ledger.schema import KEY, METADATA, VERDICTS

Name = Literal["sqlite", "postgresql"]
Fixed = str | int | float | None
"""A value that all rows of a bulk import share."""
REPLACED = ("unparsed", "void")
"""Outcomes that a later verdict with the same id replaces."""


@dataclass(frozen=True)
class Statements:
    """Texts by table: `insert` takes a whole row in the order of the table's columns and is idempotent."""

    create: tuple[str, ...]
    insert: Mapping[str, str]
    conflict: Mapping[str, str]
    create_index: Mapping[str, str]


@cache
def statements(name: Name) -> Statements:
    """The statements of a dialect."""
    dialect = _dialect(name)
    mark = "?" if name == "sqlite" else "%s"
    quoted = dialect.identifier_preparer.quote
    insert: dict[str, str] = {}
    conflict: dict[str, str] = {}
    for table in METADATA.sorted_tables:
        columns = ", ".join(quoted(column.name) for column in table.columns)
        marks = ", ".join(mark for _ in table.columns)
        conflict[table.name] = (
            f"ON CONFLICT ({', '.join(map(quoted, KEY[table.name]))}) {_rule(table.name, quoted)}"
        )
        insert[table.name] = f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) {conflict[table.name]}"
    indexes = {
        str(index.name): str(CreateIndex(index).compile(dialect=dialect))
        for table in METADATA.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    }
    tables = (str(CreateTable(table).compile(dialect=dialect)) for table in METADATA.sorted_tables)
    return Statements((*tables, *indexes.values()), insert, conflict, indexes)


def _dialect(name: Name) -> Dialect:
    if name == "sqlite":
        return sqlite()
    from sqlalchemy.dialects import postgresql

    return postgresql.dialect()


def _rule(table: str, quoted: object) -> str:
    if table == "runs":
        return "DO UPDATE SET record = excluded.record"
    if table != "verdicts":
        return "DO NOTHING"
    assert callable(quoted)
    kept = KEY["verdicts"]
    sets = ", ".join(
        f"{quoted(c.name)} = excluded.{quoted(c.name)}" for c in VERDICTS.columns if c.name not in kept
    )
    outcomes = ", ".join(f"'{outcome}'" for outcome in REPLACED)
    return f"DO UPDATE SET {sets} WHERE verdicts.outcome IN ({outcomes})"


@cache
def columns(table: str) -> tuple[str, ...]:
    """The names of a table's columns, quoted where SQL needs it (alike in both dialects)."""
    quoted = _dialect("sqlite").identifier_preparer.quote
    return tuple(quoted(column.name) for column in METADATA.tables[table].columns)


def split(table: str, fixed: Mapping[str, Fixed]) -> tuple[list[str], list[str], list[str]]:
    """The columns of `table` that are not in `fixed`, those that are, and their values as literals of SQL; names quoted."""
    names = [column.name for column in METADATA.tables[table].columns]
    by_name = dict(zip(names, columns(table), strict=True))
    varied = [by_name[name] for name in names if name not in fixed]
    return varied, [by_name[name] for name in fixed], [_literal(value) for value in fixed.values()]


def _literal(value: Fixed) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else repr(value)
