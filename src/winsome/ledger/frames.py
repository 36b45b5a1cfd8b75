"""Tables as columns: read in pieces, so that memory holds the columns and never a million rows of objects."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy

from winsome.errors import BadInput
from winsome.ledger.engine import Engine
from winsome.ledger.schema import METADATA
from winsome.ledger.statements import columns as quoted_columns

PIECE = 2_000
"""Rows read at once: few enough to stay in the processor's cache while they are turned into columns."""


def frame(engine: Engine, table: str, columns: Sequence[str] | None, where: str | None) -> pl.DataFrame:
    """The named columns of a table's rows for which the SQL condition `where` holds, typed as the table is."""
    types = _types(_named(table, list(METADATA.tables), "table"))
    chosen = (
        list(types)
        if columns is None
        else [_named(name, list(types), f"column of {table}") for name in columns]
    )
    quoted = dict(zip(types, quoted_columns(table), strict=True))
    sql = f"SELECT {', '.join(quoted[name] for name in chosen)} FROM {table}"
    if where is not None:
        sql += f" WHERE ({where}\n)"
    _, pieces = engine.select_only(sql, PIECE)
    schema = {name: types[name] for name in chosen}
    frames = [
        pl.DataFrame(
            [pl.Series(n, v, schema[n]) for n, v in zip(chosen, zip(*rows, strict=True), strict=True)]
        )
        for rows in pieces
    ]
    return pl.concat(frames, rechunk=True) if frames else pl.DataFrame(schema=schema)


def query(engine: Engine, sql: str) -> pl.DataFrame:
    """What one SELECT finds; the type of a column is that of its values. Raises BadInput for anything that would write."""
    names, pieces = engine.select_only(sql, PIECE)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f'query: column "{twice[0]}" is named twice; rename one by AS')
    try:
        frames = [pl.DataFrame(r, schema=names, orient="row", infer_schema_length=None) for r in pieces]
        return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame(schema=names)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise BadInput(f"query: a column mixes types ({str(error).splitlines()[0][:80]}); CAST it") from None


def _named(name: str, known: list[str], what: str) -> str:
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise BadInput(f'ledger: no {what} "{name}"{hint} (known: {", ".join(known)[:120]})')


def _types(table: str) -> dict[str, Any]:
    return {column.name: _type(column.type) for column in METADATA.tables[table].columns}


def _type(kind: Any) -> Any:
    if isinstance(kind, sqlalchemy.Double):
        return pl.Float64
    if isinstance(kind, sqlalchemy.Integer):
        return pl.Int64
    return pl.Binary if isinstance(kind, sqlalchemy.LargeBinary) else pl.String
