"""The ledger: one durable place for what was asked, answered and judged, shared by threads, event loops and processes.

with Ledger.open() as ledger:
    await ledger.put(prompt, response)      # back when both are on disk
    ledger.answers([response.key])
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson

from winsome.errors import BadInput, Fatal
from winsome.ledger import rows as kept
from winsome.ledger.reads import CHUNK, Reads, batches
from winsome.ledger.secrets import without_secrets
from winsome.records import Blob, Match, Prompt, Response, Verdict

if TYPE_CHECKING:
    import polars as pl

    from winsome.ledger.bulk import Imported
    from winsome.ledger.check import Verification
    from winsome.ledger.engine import Engine
    from winsome.ledger.lineage import Relative

BATCH = 5_000
"""Records that `put_many` commits at once."""

DEFAULT = Path(".winsome") / "ledger.sqlite"

Seats = tuple[int, ...]


class Ledger:
    """An open ledger; `Ledger.open` makes one. Reads see what was committed when they began; every write is idempotent.

    url: where it is, without a password. Raises Fatal from any write when there is no room, no server or no lock to be had;
    what was committed before stays, and later writes work as soon as the cause is gone.
    """

    def __init__(self, engine: Engine) -> None:
        from winsome.ledger.writer import Writer

        self.url = engine.shown
        self._engine = engine
        self._writer, self._reads = Writer(engine), Reads(engine)

    @staticmethod
    def open(where: str | Path | None = None) -> Ledger:
        """The ledger at `where`: a SQLite path or a postgresql:// address; made if new, brought up to date if older.

        None takes $WINSOME_LEDGER, else ./.winsome/ledger.sqlite. Raises BadInput where there is something else or a newer
        ledger, Unsupported where PostgreSQL's driver is not installed.
        """
        from winsome.ledger import versions

        engine = engine_of(where)
        versions.settle(engine)
        return Ledger(engine)

    def close(self) -> None:
        """Commit what is queued and let go of the database; a second call does nothing."""
        self._writer.close()
        self._reads.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    async def put(self, *records: Prompt | Response | Match | Verdict) -> None:
        """Keep records; returns when their group is on disk. A record already kept stays as it is.

        A verdict that is unparsed or void gives way to a later one with its id. A match names its prompt and responses, which
        are put before it or with it. Raises BadInput for a record that cannot be kept exactly.
        """
        rows: dict[str, list[kept.Row]] = {}
        for record in records:
            kept.add(record, rows)
        await self._writer.submit(rows)

    def put_many(self, records: Iterable[Prompt | Response | Match | Verdict]) -> int:
        """Keep records in transactions of thousands; how many were given."""
        count = 0
        for batch in batches(records, BATCH):
            rows: dict[str, list[kept.Row]] = {}
            for record in batch:
                kept.add(record, rows)
            self._writer.run(rows)
            count += len(batch)
        return count

    def import_frame(self, frame: pl.DataFrame, *, judge: str, name: str = "frame") -> Imported:
        """Keep recorded verdicts, one a row of `frame`, with the judge's name `judge`; see `bulk.import_frame`."""
        from winsome.ledger import bulk

        return bulk.import_frame(self._engine, self._writer, frame, judge=judge, name=name)

    def put_run(self, id: str, record: Mapping[str, Any]) -> None:
        """Keep or replace what is known of a run; what looks like a secret is masked."""
        text = orjson.dumps(without_secrets(record)).decode()
        self._writer.run({"runs": [(id, text, time.time())]})

    # Claims

    async def claim(self, keys: Iterable[str], owner: str, seconds: float = 60) -> set[str]:
        """The keys that `owner` may now ask: neither answered nor held by another; its own are renewed.

        A claim ends when an answer with its key is put, when it is released, or after `seconds` without a beat.
        """
        from winsome.ledger import claims

        wanted = list(keys)
        return await self._writer.submit(
            None, lambda connection: claims.take(self._engine, connection, wanted, owner, seconds)
        )

    def owners(self, keys: Iterable[str]) -> dict[str, str]:
        """Key -> who holds its claim."""
        return {row[0]: row[1] for row in self._reads.by("claims", "key", keys)}

    async def release(self, keys: Iterable[str] | None, owner: str) -> None:
        """Give up claims that `owner` holds; None: all of them."""
        from winsome.ledger import claims

        given = None if keys is None else list(keys)
        await self._writer.submit(
            None, lambda connection: claims.release(self._engine, connection, given, owner)
        )

    async def beat(self, owner: str, seconds: float = 60) -> int:
        """Renew every claim of `owner` for `seconds` from now; how many it holds."""
        from winsome.ledger import claims

        return await self._writer.submit(
            None, lambda connection: claims.beat(self._engine, connection, owner, seconds)
        )

    # Reading

    def prompts(self, ids: Iterable[str]) -> dict[str, Prompt]:
        """The prompts with these ids; those that are not kept are left out."""
        return {row[0]: kept.prompt(row) for row in self._reads.by("prompts", "id", ids)}

    def responses(self, ids: Iterable[str]) -> dict[str, Response]:
        """The responses with these ids, failed ones too."""
        return {row[0]: kept.response(row) for row in self._reads.by("responses", "id", ids)}

    def verdicts(self, ids: Iterable[str]) -> dict[str, Verdict]:
        """The verdicts with these ids."""
        return {row[0]: kept.verdict(row) for row in self._reads.by("verdicts", "id", ids)}

    def matches(self, ids: Iterable[str]) -> dict[str, Match]:
        """The matches with these ids, with their prompts and responses. Raises Fatal where one of those is missing."""
        found: dict[str, Match] = {}
        for chunk in batches(dict.fromkeys(ids), CHUNK):
            found |= self._matches(chunk)
        return found

    def answers(self, keys: Iterable[str]) -> dict[str, Response]:
        """Key -> the first answer kept under it; a failed one never counts."""
        found: dict[str, Response] = {}
        for row in self._reads.by("responses", "key", keys, "AND finish <> 'failed' ORDER BY created"):
            if row[1] not in found:
                found[row[1]] = kept.response(row)
        return found

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` under which an answer is kept; a failed one never counts."""
        sql = f"SELECT DISTINCT key FROM responses WHERE key {self._engine.among} AND finish <> 'failed'"
        return {key for (key,) in self._reads.among(sql, keys)}

    def judged(
        self, judge_id: str, asks: Iterable[tuple[str, int]]
    ) -> dict[tuple[str, int], list[tuple[Seats, Verdict]]]:
        """(shown, repeat) -> what this judge said of it: the seats of the match's sides, and the verdict.

        Unparsed and void verdicts are left out, so that they are asked again.
        """
        wanted = set(asks)
        found: dict[tuple[str, int], list[tuple[Seats, Verdict]]] = {}
        from winsome.ledger.statements import columns

        names = ", ".join(f"v.{column}" for column in columns("verdicts"))
        sql = (
            f"SELECT m.shown, m.repeat, m.sides, {names} FROM matches m JOIN verdicts v ON v.match = m.id "
            f"WHERE m.shown {self._engine.among} AND v.judge_id = ? AND v.outcome NOT IN ('unparsed', 'void') "
            "ORDER BY v.created, v.id"
        )
        for shown, repeat, sides, *row in self._reads.among(sql, (shown for shown, _ in wanted), judge_id):
            if (shown, repeat) in wanted:
                place = kept.seats(kept.sides(sides)), kept.verdict(tuple(row))
                found.setdefault((shown, repeat), []).append(place)
        return found

    def run(self, id: str) -> dict[str, Any] | None:
        """What is known of a run; None if nothing is."""
        found = self._reads.rows("SELECT record FROM runs WHERE id = ?", (id,))
        return orjson.loads(found[0][0]) if found else None

    def runs(self) -> dict[str, dict[str, Any]]:
        """Every run, oldest first."""
        found = self._reads.rows("SELECT id, record FROM runs ORDER BY created, id")
        return {id: orjson.loads(record) for id, record in found}

    def frame(
        self, table: str, columns: Sequence[str] | None = None, where: str | None = None
    ) -> pl.DataFrame:
        """A table as columns, all of them or those named, of the rows for which the SQL condition `where` holds."""
        from winsome.ledger import frames

        with self._reads.telling():
            return frames.frame(self._engine, table, columns, where)

    def query(self, sql: str) -> pl.DataFrame:
        """What one SELECT statement finds. Raises BadInput for anything that would write."""
        from winsome.ledger import frames

        with self._reads.telling():
            return frames.query(self._engine, sql)

    def counts(self) -> dict[str, int]:
        """Table -> rows."""
        tables = ("prompts", "responses", "matches", "verdicts", "runs", "claims", "blobs")
        return {table: self._reads.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def lineage(self, id: str, *, depth: int = 20) -> list[Relative]:
        """Ancestors and descendants of the record `id`, nearest first; see `lineage.walk`."""
        from winsome.ledger import lineage

        return lineage.walk(
            self._reads.rows, lambda ids: (self._engine.among, self._engine.keys(ids)), id, depth
        )

    # Blobs

    def put_blob(self, data: bytes, kind: str, mime: str, shape: Sequence[int] = ()) -> Blob:
        """Keep bytes under their SHA-256, and the part that names them; equal bytes are kept once."""
        from winsome.ledger import blobs

        return blobs.put(self._writer, data, kind, mime, tuple(shape))

    def blob(self, sha256: str) -> bytes:
        """The bytes of a blob. Raises BadInput if they are not kept."""
        from winsome.ledger import blobs

        return blobs.get(self._reads.rows, self.url, sha256)

    # Care

    def verify(self) -> Verification:
        """Every id recomputed, every reference followed, the file's own checks run; see `check.verify`."""
        from winsome.ledger import check

        with self._reads.telling():
            return check.verify(self._engine)

    def vacuum(self, *, orphans: bool = False) -> dict[str, int]:
        """Give unused room back; with `orphans` drop what nothing can use (never a prompt or a response). Rows dropped."""
        from winsome.ledger import check

        dropped = dict[str, int]()
        if orphans:
            dropped = self._writer.run(None, lambda connection: check.drop_orphans(self._engine, connection))
        with self._reads.telling():
            self._engine.compact()
        return dropped

    def merge(self, other: Ledger | str | Path) -> dict[str, int]:
        """Copy into this ledger what `other` (not changed, SQLite or PostgreSQL) holds more. Table -> new rows."""
        from winsome.ledger import merge

        if isinstance(other, Ledger):
            with other._reads.telling():
                return merge.copy(other._engine, self._engine, self._writer)
        if isinstance(other, Path) or "://" not in other:
            path = Path(other)
            if not path.is_file():
                raise BadInput(f"{path}: no ledger there to merge; check the path")
        with Ledger.open(other) as opened:
            return self.merge(opened)

    # Within

    def _matches(self, ids: Sequence[str]) -> dict[str, Match]:
        rows = list(self._reads.by("matches", "id", ids))
        sides = {row[0]: kept.sides(row[9]) for row in rows}
        prompts = self.prompts(row[3] for row in rows)
        responses = self.responses(side["response"] for match in sides.values() for side in match)
        notes = {
            id: orjson.loads(text)
            for id, text in self._reads.by("notes", "id", (row[11] for row in rows if row[11]))
        }
        try:
            return {row[0]: kept.match(row, prompts, responses, notes) for row in rows}
        except KeyError as error:
            raise Fatal(
                f"{self.url}: a match names {error}, which is not kept; run winsome ledger verify"
            ) from None


def engine_of(where: str | Path | None) -> Engine:
    """The engine that `where` names; the folder of a new SQLite file is made."""
    where = where if where is not None else os.environ.get("WINSOME_LEDGER") or DEFAULT
    text = str(where)
    if "://" in text and not text.startswith("sqlite://"):
        from winsome.ledger.postgres import Postgres

        return Postgres(text)
    from winsome.ledger.sqlite import Sqlite

    path = Path(text.removeprefix("sqlite:///")).expanduser()
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name a file in it, such as ledger.sqlite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{path}: its folder cannot be made ({error.strerror}); name another with --ledger"
        ) from None
    return Sqlite(path)
