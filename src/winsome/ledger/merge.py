"""What one ledger holds and another does not, copied row by row; ids are content, so equal rows meet."""

from __future__ import annotations

from winsome.ledger.engine import Connection, Engine
from winsome.ledger.rows import Row
from winsome.ledger.schema import KEPT
from winsome.ledger.statements import columns
from winsome.ledger.writer import Writer

PIECE = 5_000
"""Rows a transaction."""


def copy(source: Engine, target: Engine, writer: Writer) -> dict[str, int]:
    """Table -> rows that `target` had not held before. Interrupted and repeated, it goes on where it was.

    A verdict of the target that is unparsed or void gives way to the source's; a run that both hold stays as it is.
    """
    new: dict[str, int] = {}
    reading = source.reader()
    try:
        for table in KEPT:
            name, size = table.name, 1 if table.name == "blobs" else PIECE
            held = f"SELECT count(*) FROM {name}"
            before = writer.run(None, lambda connection, sql=held: target.rows(connection, sql)[0][0])
            for piece in source.stream(reading, f"SELECT {', '.join(columns(name))} FROM {name}", (), size):
                rows = _unknown_runs(target, writer, piece) if name == "runs" else piece
                writer.run({name: rows})
            new[name] = (
                writer.run(None, lambda connection, sql=held: target.rows(connection, sql)[0][0]) - before
            )
    finally:
        reading.close()
    return new


def _unknown_runs(target: Engine, writer: Writer, piece: list[Row]) -> list[Row]:
    ids = [row[0] for row in piece]

    def known(connection: Connection) -> set[str]:
        found = target.rows(connection, f"SELECT id FROM runs WHERE id {target.among}", (target.keys(ids),))
        return {id for (id,) in found}

    held: set[str] = writer.run(None, known)
    return [row for row in piece if row[0] not in held]
