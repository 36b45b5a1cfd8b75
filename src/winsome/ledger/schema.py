"""The tables of a ledger. Names and types hold for SQLite and PostgreSQL alike; `HEAD` is their version.

Columns of JSON are text: NULL stands for an empty value. Times are seconds since 1970. Ids are digests in hexadecimal.
Every key is a unique index and no constraint, so that a bulk import can drop it and build it again afterwards.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

HEAD = "0001"
"""The newest version; it equals the last revision in `migrations/versions`."""

METADATA = MetaData()


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _usage() -> tuple[Column[int], Column[int], Column[int], Column[float], Column[float]]:
    return (
        Column("calls", Integer, nullable=False),
        Column("tokens_in", BigInteger, nullable=False),
        Column("tokens_out", BigInteger, nullable=False),
        Column("money", Double, nullable=True),
        Column("seconds", Double, nullable=False),
    )


def _created() -> Column[float]:
    return Column("created", Double, nullable=False)


PROMPTS = Table(
    "prompts",
    METADATA,
    _text("id"),
    _text("seen"),  # JSON: what contenders see
    _text("facets", null=True),  # JSON object
    _text("for_judges", null=True),  # JSON object
    _text("item", null=True),
    _text("parents", null=True),  # JSON list
    _created(),
    Index("prompts_id", "id", unique=True),
)

RESPONSES = Table(
    "responses",
    METADATA,
    _text("id"),
    _text("key"),
    _text("prompt"),
    _text("contender"),
    Column("sample", Integer, nullable=False),
    _text("finish"),
    _text("error", null=True),
    _text("content"),
    _text("messages", null=True),  # JSON list
    _text("thinking"),
    _text("tokens", null=True),  # JSON object
    _text("served_by"),
    _text("fingerprint"),
    _text("provenance"),
    *_usage(),
    _text("parents", null=True),  # JSON list
    _created(),
    Index("responses_id", "id", unique=True),
    Index("responses_key", "key"),
)

MATCHES = Table(
    "matches",
    METADATA,
    _text("id"),
    _text("contest"),
    _text("shown"),
    _text("prompt"),
    _text("a", null=True),  # the first side's contender
    _text("b", null=True),  # the second side's contender
    Column("order", Integer, nullable=False),
    Column("repeat", Integer, nullable=False),
    _text("cluster"),
    _text("sides"),  # JSON list of {contender, response, seat}
    _text("facets", null=True),  # JSON object
    _text("notes", null=True),  # the id of what only the judge saw
    _text("parents", null=True),  # JSON list
    _created(),
    Index("matches_id", "id", unique=True),
    Index("matches_shown", "shown"),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    _text("id"),
    _text("match"),
    _text("judge"),
    _text("judge_id"),
    _text("aspect"),
    _text("annotator"),
    _text("outcome"),
    Column("share", Double, nullable=True),
    _text("scores", null=True),  # JSON list
    _text("places", null=True),  # JSON list
    Column("extent", Double, nullable=True),
    _text("reason"),
    _text("evidence", null=True),  # JSON list
    _text("served_by"),
    *_usage(),
    _created(),
    Index("verdicts_id", "id", unique=True),
    Index("verdicts_match", "match"),
)

NOTES = Table(
    "notes",
    METADATA,
    _text("id"),
    _text("notes"),  # JSON object: the for_judges of a match's prompt
    Index("notes_id", "id", unique=True),
)

LINKS = Table(
    "links",
    METADATA,
    _text("parent"),
    _text("child"),
    Index("links_parent", "parent", "child", unique=True),
)

RUNS = Table(
    "runs",
    METADATA,
    _text("id"),
    _text("record"),  # JSON object, secrets masked
    _created(),
    Index("runs_id", "id", unique=True),
)

CLAIMS = Table(
    "claims",
    METADATA,
    _text("key"),
    _text("owner"),
    Column("until", Double, nullable=False),
    Index("claims_key", "key", unique=True),
)

BLOBS = Table(
    "blobs",
    METADATA,
    _text("sha256"),
    _text("kind"),
    _text("mime"),
    _text("shape", null=True),  # JSON list
    Column("size", BigInteger, nullable=False),  # bytes
    Column("bytes", LargeBinary, nullable=False),
    _created(),
    Index("blobs_sha256", "sha256", unique=True),
)

META = Table(
    "meta",
    METADATA,
    _text("name"),
    _text("value"),
    Index("meta_name", "name", unique=True),
)

RECORDS = (PROMPTS, RESPONSES, MATCHES, VERDICTS)
"""The tables of records, parents before children."""

KEPT = (*RECORDS, NOTES, LINKS, RUNS, BLOBS)
"""The tables that a merge copies."""

KEY = {
    table.name: next(tuple(c.name for c in index.columns) for index in table.indexes if index.unique)
    for table in METADATA.sorted_tables
}
"""Table -> columns of its unique index."""
