"""What a record came from and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from winsome.ledger.rows import Row, sides

Rows = Callable[[str, Sequence[Any]], list[Row]]
Among = Callable[[Iterable[str]], tuple[str, Any]]
TABLES = ("prompts", "responses", "matches", "verdicts")


@dataclass(frozen=True)
class Relative:
    """A record `steps` links away from the one asked about: an ancestor below 0, a descendant above.

    table: "" where the ledger holds no record of that id. link: what the nearer record calls it: parent, prompt, response,
    match or evidence.
    """

    id: str
    table: str
    steps: int
    link: str


def walk(rows: Rows, among: Among, id: str, depth: int) -> list[Relative]:
    """The record first, then ancestors by references and parents, then descendants, each once, nearest first.

    Descendants of a prompt or a response are found by reading whole tables, a second or so a million rows.
    """
    own = _tables(rows, among, [id])
    found = [Relative(id, own.get(id, ""), 0, "itself")]
    for direction, step in ((-1, _above), (1, _below)):
        seen, generation = {id}, {id: own.get(id, "")}
        for distance in range(1, depth + 1):
            links = {other: link for other, link in step(rows, among, generation) if other not in seen}
            if not links:
                break
            seen |= links.keys()
            tables = _tables(rows, among, links)
            generation = {other: tables.get(other, "") for other in links}
            found += [
                Relative(other, generation[other], direction * distance, link)
                for other, link in links.items()
            ]
    return found


def _tables(rows: Rows, among: Among, ids: Iterable[str]) -> dict[str, str]:
    """The table of each id that is kept."""
    wanted = list(ids)
    found: dict[str, str] = {}
    for table in TABLES:
        fragment, keys = among(wanted)
        found |= {id: table for (id,) in rows(f"SELECT id FROM {table} WHERE id {fragment}", (keys,))}
    return found


def _above(rows: Rows, among: Among, generation: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    fragment, keys = among(generation)
    for evidence, match in rows(f"SELECT evidence, match FROM verdicts WHERE id {fragment}", (keys,)):
        yield match, "match"
        yield from ((response, "evidence") for response in orjson.loads(evidence or "[]"))
    for prompt, text in rows(f"SELECT prompt, sides FROM matches WHERE id {fragment}", (keys,)):
        yield prompt, "prompt"
        yield from ((side["response"], "response") for side in sides(text))
    for (prompt,) in rows(f"SELECT prompt FROM responses WHERE id {fragment}", (keys,)):
        yield prompt, "prompt"
    for table in TABLES[:3]:
        for (parents,) in rows(
            f"SELECT parents FROM {table} WHERE id {fragment} AND parents IS NOT NULL", (keys,)
        ):
            yield from ((parent, "parent") for parent in orjson.loads(parents))


def _below(rows: Rows, among: Among, generation: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    fragment, keys = among(generation)
    yield from ((id, "parent") for (id,) in rows(f"SELECT child FROM links WHERE parent {fragment}", (keys,)))
    yield from ((id, "match") for (id,) in rows(f"SELECT id FROM verdicts WHERE match {fragment}", (keys,)))
    fragment, keys = among(id for id, table in generation.items() if table == "prompts")
    if "prompts" in generation.values():
        yield from (
            (id, "prompt") for (id,) in rows(f"SELECT id FROM responses WHERE prompt {fragment}", (keys,))
        )
        yield from (
            (id, "prompt") for (id,) in rows(f"SELECT id FROM matches WHERE prompt {fragment}", (keys,))
        )
    for id in (id for id, table in generation.items() if table == "responses"):
        like = (f'%"{id}"%',)
        yield from (
            (match, "response") for (match,) in rows("SELECT id FROM matches WHERE sides LIKE ?", like)
        )
        yield from (
            (verdict, "evidence")
            for (verdict,) in rows("SELECT id FROM verdicts WHERE evidence LIKE ?", like)
        )
