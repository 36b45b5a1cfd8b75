"""The first tables: records, what only judges saw, lineage, runs, claims, blobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("blobs_sha256", "blobs", ["sha256"], unique=True)
    op.create_table(
        "claims",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
    )
    op.create_index("claims_key", "claims", ["key"], unique=True)
    op.create_table(
        "links", sa.Column("parent", sa.Text(), nullable=False), sa.Column("child", sa.Text(), nullable=False)
    )
    op.create_index("links_parent", "links", ["parent", "child"], unique=True)
    op.create_table(
        "matches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("a", sa.Text(), nullable=True),
        sa.Column("b", sa.Text(), nullable=True),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("sides", sa.Text(), nullable=False),
        sa.Column("facets", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("parents", sa.Text(), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("matches_id", "matches", ["id"], unique=True)
    op.create_index("matches_shown", "matches", ["shown"], unique=False)
    op.create_table(
        "meta", sa.Column("name", sa.Text(), nullable=False), sa.Column("value", sa.Text(), nullable=False)
    )
    op.create_index("meta_name", "meta", ["name"], unique=True)
    op.create_table(
        "notes", sa.Column("id", sa.Text(), nullable=False), sa.Column("notes", sa.Text(), nullable=False)
    )
    op.create_index("notes_id", "notes", ["id"], unique=True)
    op.create_table(
        "prompts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("facets", sa.Text(), nullable=True),
        sa.Column("for_judges", sa.Text(), nullable=True),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("parents", sa.Text(), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("prompts_id", "prompts", ["id"], unique=True)
    op.create_table(
        "responses",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("contender", sa.Text(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("finish", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("messages", sa.Text(), nullable=True),
        sa.Column("thinking", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=True),
        sa.Column("served_by", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("money", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("parents", sa.Text(), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("responses_id", "responses", ["id"], unique=True)
    op.create_index("responses_key", "responses", ["key"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("runs_id", "runs", ["id"], unique=True)
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("judge", sa.Text(), nullable=False),
        sa.Column("judge_id", sa.Text(), nullable=False),
        sa.Column("aspect", sa.Text(), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("share", sa.Double(), nullable=True),
        sa.Column("scores", sa.Text(), nullable=True),
        sa.Column("places", sa.Text(), nullable=True),
        sa.Column("extent", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("served_by", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("money", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("verdicts_id", "verdicts", ["id"], unique=True)
    op.create_index("verdicts_match", "verdicts", ["match"], unique=False)
