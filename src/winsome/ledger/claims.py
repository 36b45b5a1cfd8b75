"""Leases on keys, so that of two processes only one asks a question. Each function runs inside a writer's transaction.

A claim ends when an answer with its key is stored (in the same transaction), when it is released, or when it expires because
its owner no longer beats. Times are the database's, so that machines need not agree on the hour.
"""

from __future__ import annotations

from collections.abc import Iterable

from winsome.ledger.engine import Connection, Engine


def take(engine: Engine, connection: Connection, keys: Iterable[str], owner: str, seconds: float) -> set[str]:
    """The keys of `keys` that `owner` now holds: free, expired or held already, and not answered."""
    wanted = engine.keys(sorted(set(keys)))
    now = engine.clock(connection)
    taken = engine.rows(
        connection,
        f"INSERT INTO claims (key, owner, until) SELECT value, ?, ? FROM {engine.listed} WHERE true "
        "ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until "
        "WHERE claims.until < ? OR claims.owner = excluded.owner RETURNING key",
        (owner, now + seconds, wanted, now),
    )
    held = {key for (key,) in taken}
    # Asked after the claim is held: an answer committed by another owner just before is seen here, and nobody asks twice.
    answered = engine.rows(
        connection,
        f"SELECT DISTINCT key FROM responses WHERE key {engine.among} AND finish <> 'failed'",
        (engine.keys(held),),
    )
    if answered:
        done = {key for (key,) in answered}
        settle(engine, connection, done)
        held -= done
    return held


def settle(engine: Engine, connection: Connection, keys: Iterable[str]) -> None:
    """End the claims on keys that have been answered."""
    engine.run(connection, f"DELETE FROM claims WHERE key {engine.among}", (engine.keys(sorted(keys)),))


def release(engine: Engine, connection: Connection, keys: Iterable[str] | None, owner: str) -> None:
    """End the claims that `owner` holds on `keys`, or all of them."""
    if keys is None:
        engine.run(connection, "DELETE FROM claims WHERE owner = ?", (owner,))
        return
    sql = f"DELETE FROM claims WHERE key {engine.among} AND owner = ?"
    engine.run(connection, sql, (engine.keys(sorted(keys)), owner))


def beat(engine: Engine, connection: Connection, owner: str, seconds: float) -> int:
    """Renew all claims of `owner` from now; how many there are."""
    until = engine.clock(connection) + seconds
    return len(
        engine.rows(connection, "UPDATE claims SET until = ? WHERE owner = ? RETURNING key", (until, owner))
    )
