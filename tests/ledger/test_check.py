"""Verification finds what is wrong, vacuum drops only what it may, merge loses nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests import postgres
from tests.ledger.records import answer, contest
from winsome.errors import BadInput
from winsome.ledger.store import Ledger, engine_of
from winsome.records import Blob, Message, Prompt


def tamper(ledger: Ledger, where: str, sql: str) -> None:
    engine = engine_of(where)
    connection = engine.connect()
    engine.run(connection, sql)
    connection.close()


def test_a_sound_ledger_is_sound(ledger: Ledger) -> None:
    ledger.put_many(record for n in range(20) for record in contest(n).records)
    ledger.put_blob(b"bytes", "file", "text/plain")
    found = ledger.verify()
    assert found.problems == ()
    assert found.counts == {
        "prompts": 20,
        "responses": 40,
        "matches": 20,
        "verdicts": 20,
        "notes": 20,
        "blobs": 1,
    }


ONE = contest(1)
TAMPERED = [
    ("UPDATE prompts SET seen = replace(seen, 'question', 'answer')", f"prompts {ONE.prompt.id}: its id is not that of its words"),
    ("UPDATE responses SET messages = replace(messages, 'yes', 'no')", f"responses {ONE.responses[0].id}: its id is not"),
    ("UPDATE responses SET finish = 'length' WHERE contender = 'left'", f"responses {ONE.responses[0].id}: its id is not"),
    ("UPDATE matches SET sides = replace(sides, '\"seat\":1', '\"seat\":0')", f"matches {ONE.match.id}: its id is not that of its sides"),
    ("UPDATE matches SET shown = id", f"matches {ONE.match.id}: what its judge saw"),
    ("UPDATE verdicts SET judge_id = 'another'", f"verdicts {ONE.verdict.id}: its id is not"),
    ("DELETE FROM prompts", f"matches {ONE.match.id}: its prompt is not kept"),
    ("DELETE FROM responses WHERE contender = 'right'", f"matches {ONE.match.id}: a response of its sides is not kept"),
    ("DELETE FROM responses WHERE contender = 'left'", f"verdicts {ONE.verdict.id}: a response that it names as evidence"),
    ("DELETE FROM matches", f"verdicts {ONE.verdict.id}: its match is not kept"),
    ("DELETE FROM notes", f"matches {ONE.match.id}: the judge's notes are not kept"),
    ("UPDATE notes SET notes = '{}'", ": its id is not that of its text"),
    ("UPDATE blobs SET sha256 = 'x'", "blobs x: its bytes have another SHA-256"),
    ("UPDATE prompts SET seen = '{\"mess'", f"prompts {ONE.prompt.id}: cannot be read"),
    ("UPDATE matches SET sides = '[{}]'", f"matches {ONE.match.id}: cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "said"), TAMPERED)
def test_what_was_tampered_with_is_named(ledger: Ledger, where: str, sql: str, said: str) -> None:
    ledger.put_many(ONE.records)
    ledger.put_blob(b"bytes", "file", "text/plain")
    tamper(ledger, where, sql)
    problems = ledger.verify().problems
    assert any(said in problem for problem in problems), problems


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger.open(path) as ledger:
        ledger.put_many(record for n in range(500) for record in contest(n, size=500).records)
    content = bytearray(path.read_bytes())
    content[200_000:208_000] = bytes(8_000)
    path.write_bytes(content)
    with Ledger.open(path) as ledger:
        assert not ledger.verify().sound


def test_vacuum_drops_orphans_only_when_asked_and_never_an_answer(ledger: Ledger, where: str) -> None:
    one, other = contest(1), contest(2)
    used = ledger.put_blob(b"used", "image", "image/png", (1, 1))
    unused = ledger.put_blob(b"unused", "image", "image/png", (1, 1))
    with_image = Prompt((Message("user", (Blob("image", used.sha256, "image/png", (1, 1)),)),))
    loose = answer(with_image, "left", "nobody judged this")
    ledger.put_many([*one.records, *other.records, with_image, loose])
    tamper(ledger, where, f"DELETE FROM matches WHERE id = '{other.match.id}'")
    assert ledger.vacuum() == {}
    assert ledger.counts()["verdicts"] == 2
    assert ledger.vacuum(orphans=True) == {"matches": 0, "verdicts": 1, "notes": 1, "claims": 0, "blobs": 1}
    assert ledger.verify().sound
    assert ledger.counts()["responses"] == 5
    assert ledger.blob(used.sha256) == b"used"
    with pytest.raises(BadInput, match="no blob"):
        ledger.blob(unused.sha256)


def test_merge_copies_what_is_missing(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put_many(record for n in range(10) for record in contest(n).records)
    ledger.put_run("mine", {"n": 1})
    ledger.put_run("both", {"n": 1})
    hostile = answer(contest(3).prompt, "c", "nul \0 and \ue000", parents=("p",), thinking="\0")
    with Ledger.open(tmp_path / "other.sqlite") as other:
        other.put_many(record for n in range(5, 15) for record in contest(n).records)
        other.put_many([hostile, replace(contest(1).verdict, judge_id="x", outcome="unparsed", scores=())])
        other.put_run("both", {"n": 2})
        part = other.put_blob(b"\0\1", "file", "x/y")
        new = ledger.merge(other)
    assert {table: n for table, n in new.items() if n} == {
        "prompts": 5, "responses": 11, "matches": 5, "verdicts": 6, "notes": 5, "links": 1, "blobs": 1
    }  # fmt: skip
    assert ledger.runs() == {"mine": {"n": 1}, "both": {"n": 1}}
    assert ledger.responses([hostile.id]) == {hostile.id: hostile}
    assert ledger.blob(part.sha256) == b"\0\1"
    assert sum(ledger.merge(tmp_path / "other.sqlite").values()) == 0
    every = [contest(n) for n in range(15)]
    assert ledger.matches(c.match.id for c in every) == {c.match.id: c.match for c in every}
    assert ledger.verify().sound
    with pytest.raises(BadInput, match="no ledger there to merge"):
        ledger.merge(tmp_path / "missing.sqlite")


def test_postgresql_merges_into_sqlite(server: postgres.Server, tmp_path: Path) -> None:
    with (
        Ledger.open(server.new(f"t{uuid.uuid4().hex[:12]}")) as source,
        Ledger.open(tmp_path / "l.sqlite") as target,
    ):
        source.put_many(record for n in range(8) for record in contest(n).records)
        target.merge(source)
        assert target.verify().sound
        for table in ("prompts", "responses", "matches", "verdicts"):
            assert target.frame(table).sort("id").equals(source.frame(table).sort("id"))
