"""Whether a ledger holds together: every id recomputed, every reference followed, the database's own checks run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from winsome.ledger import rows as kept
from winsome.ledger.engine import Connection, Engine
from winsome.ledger.rows import Row
from winsome.ledger.statements import columns
from winsome.records import digest

Check = Callable[[list[Row]], Iterator[tuple[str, str]]]
"""Rows of a table -> (id, problem)."""

PIECE = 5_000
"""Rows held at once."""

SHOWN = 20
"""Problems of one kind that are named; the others are counted."""

ORPHANS = {
    "verdicts": "NOT EXISTS (SELECT 1 FROM matches WHERE matches.id = verdicts.match)",
    "matches": "NOT EXISTS (SELECT 1 FROM prompts WHERE prompts.id = matches.prompt)",
    "notes": "NOT EXISTS (SELECT 1 FROM matches WHERE matches.notes = notes.id)",
}
"""What nothing can use, children last. Prompts and responses were bought and are never among them."""


@dataclass(frozen=True)
class Verification:
    """`counts` of rows read by table, and `problems`, one line each; none: the ledger is sound."""

    counts: dict[str, int]
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(engine: Engine) -> Verification:
    """Read every row once, in pieces; memory does not grow with the ledger."""
    faults = engine.faults()
    if faults:
        return Verification({}, tuple(f"{engine.shown}: {fault}" for fault in faults[:SHOWN]))
    rows, looking = engine.reader(), engine.reader()
    counts: dict[str, int] = {}
    problems: list[str] = []
    checks: dict[str, Check] = {
        "prompts": _prompts,
        "responses": lambda piece: _responses(engine, looking, piece),
        "matches": lambda piece: _matches(engine, looking, piece),
        "verdicts": lambda piece: _verdicts(engine, looking, piece),
        "notes": _noted,
        "blobs": _blobs,
    }
    try:
        for table, check in checks.items():
            counts[table], found = 0, Counter[str]()
            size = 1 if table == "blobs" else PIECE
            for piece in engine.stream(rows, f"SELECT {', '.join(columns(table))} FROM {table}", (), size):
                counts[table] += len(piece)
                for id, problem in _checked(check, piece):
                    found[problem] += 1
                    if found[problem] <= SHOWN:
                        problems.append(f"{table} {id}: {problem}")
            problems += [f"{table}: {problem}: {n - SHOWN} more" for problem, n in found.items() if n > SHOWN]
    finally:
        rows.close()
        looking.close()
    return Verification(counts, tuple(problems))


def drop_orphans(engine: Engine, connection: Connection) -> dict[str, int]:
    """Delete verdicts without a match, matches without a prompt, notes, blobs that no record names, expired claims."""
    dropped: dict[str, int] = {}
    for table in ("matches", "verdicts", "notes"):
        gone = engine.rows(connection, f"DELETE FROM {table} WHERE {ORPHANS[table]} RETURNING id")
        dropped[table] = len(gone)
    now = engine.clock(connection)
    dropped["claims"] = len(
        engine.rows(connection, "DELETE FROM claims WHERE until < ? RETURNING key", (now,))
    )
    named: set[str] = set()
    for table, column in (("prompts", "seen"), ("responses", "messages")):
        for (text,) in engine.rows(
            connection, f"SELECT {column} FROM {table} WHERE {column} LIKE '%\"sha256\"%'"
        ):
            named |= _named_blobs(orjson.loads(text))
    held = [key for (key,) in engine.rows(connection, "SELECT sha256 FROM blobs")]
    unnamed = [key for key in held if key not in named]
    engine.run(connection, f"DELETE FROM blobs WHERE sha256 {engine.among}", (engine.keys(unnamed),))
    return dropped | {"blobs": len(unnamed)}


def _named_blobs(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["sha256"]} if isinstance(value.get("sha256"), str) else set[str]()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return own.union(*(_named_blobs(v) for v in value.values()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return set[str]().union(*(_named_blobs(v) for v in value)) if isinstance(value, list) else set()  # pyright: ignore[reportUnknownVariableType]


# A record read from its row carries the ids that the row tells; `replace` makes a copy that computes its own.


def _checked(check: Check, piece: list[Row]) -> list[tuple[str, str]]:
    """(id, problem) of a piece; a row that is not even what the table should hold is a problem too."""
    try:
        return list(check(piece))
    except (ValueError, TypeError, KeyError, AttributeError):
        if len(piece) == 1:
            return [(str(piece[0][0]), "cannot be read")]
        return [found for row in piece for found in _checked(check, [row])]


def _noted(piece: list[Row]) -> Iterator[tuple[str, str]]:
    return (
        (row[0], "its id is not that of its text") for row in piece if digest(orjson.loads(row[1])) != row[0]
    )


def _blobs(piece: list[Row]) -> Iterator[tuple[str, str]]:
    return (
        (row[0], "its bytes have another SHA-256") for row in piece if sha256(row[5]).hexdigest() != row[0]
    )


def _prompts(piece: list[Row]) -> Iterator[tuple[str, str]]:
    for row in piece:
        if replace(kept.prompt(row)).id != row[0]:
            yield row[0], "its id is not that of its words"


def _responses(engine: Engine, looking: Connection, piece: list[Row]) -> Iterator[tuple[str, str]]:
    prompts = _present(engine, looking, "prompts", (row[2] for row in piece))
    for row in piece:
        response = replace(kept.response(row))
        if response.id != row[0] or response.content != row[7]:
            yield row[0], "its id is not that of its words"
        if row[2] not in prompts:
            yield row[0], "its prompt is not kept"


def _matches(engine: Engine, looking: Connection, piece: list[Row]) -> Iterator[tuple[str, str]]:
    sides = [kept.sides(row[9]) for row in piece]
    prompts = _present(engine, looking, "prompts", (row[3] for row in piece))
    contents = _contents(engine, looking, {side["response"] for match in sides for side in match})
    notes = _notes(engine, looking, {row[11] for row in piece if row[11]})
    for row, match in zip(piece, sides, strict=True):
        contest = digest([row[3], [[side["contender"], side["response"]] for side in match]])
        if contest != row[1] or digest([contest, [side["seat"] for side in match], row[6], row[7]]) != row[0]:
            yield row[0], "its id is not that of its sides"
        if row[3] not in prompts:
            yield row[0], "its prompt is not kept"
        if not all(side["response"] in contents for side in match):
            yield row[0], "a response of its sides is not kept"
        elif row[11] and row[11] not in notes:
            yield row[0], "the judge's notes are not kept"
        else:
            seated = sorted(match, key=lambda side: side["seat"])
            shown = digest([row[3], notes.get(row[11], {}), [contents[side["response"]] for side in seated]])
            if shown != row[2]:
                yield row[0], "what its judge saw is not what it names"


def _verdicts(engine: Engine, looking: Connection, piece: list[Row]) -> Iterator[tuple[str, str]]:
    matches = _present(engine, looking, "matches", (row[1] for row in piece))
    evidence: list[list[str]] = [orjson.loads(row[12] or "[]") for row in piece]
    responses = _present(engine, looking, "responses", (id for ids in evidence for id in ids))
    for row, ids in zip(piece, evidence, strict=True):
        if replace(kept.verdict(row)).id != row[0]:
            yield row[0], "its id is not that of its match and judge"
        if row[1] not in matches:
            yield row[0], "its match is not kept"
        if not responses.issuperset(ids):
            yield row[0], "a response that it names as evidence is not kept"


def _present(engine: Engine, connection: Connection, table: str, ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    wanted = iter(dict.fromkeys(ids))
    while chunk := list(islice(wanted, PIECE)):
        sql = f"SELECT id FROM {table} WHERE id {engine.among}"
        found |= {id for (id,) in engine.rows(connection, sql, (engine.keys(chunk),))}
    return found


def _contents(engine: Engine, connection: Connection, ids: set[str]) -> dict[str, str]:
    sql = f"SELECT id, content FROM responses WHERE id {engine.among}"
    return dict(engine.rows(connection, sql, (engine.keys(ids),)))  # pyright: ignore[reportArgumentType]


def _notes(engine: Engine, connection: Connection, ids: set[str]) -> dict[str, Any]:
    found = engine.rows(
        connection, f"SELECT id, notes FROM notes WHERE id {engine.among}", (engine.keys(ids),)
    )
    return {id: orjson.loads(text) for id, text in found}
