"""Tables as columns, and questions that cannot write."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from tests.ledger.records import contest
from winsome.errors import BadInput
from winsome.ledger.store import Ledger


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.put_many(record for n in range(25) for record in contest(n).records)
    return ledger


def test_a_frame_has_the_types_of_its_table(filled: Ledger) -> None:
    frame = filled.frame("verdicts")
    assert frame.height == 25
    assert frame.schema["share"] == pl.Float64
    assert frame.schema["extent"] == pl.Float64  # though every value is null
    assert frame.schema["tokens_in"] == pl.Int64
    assert frame.schema["reason"] == pl.String
    assert sorted(frame["share"].to_list()) == sorted([0, 0.25, 0.5, 0.75, 1.0] * 5)


def test_a_frame_takes_columns_and_a_condition(filled: Ledger) -> None:
    frame = filled.frame("matches", ["order", "id"], "a = 'left' AND repeat = 0 -- and no more")
    assert frame.columns == ["order", "id"]
    assert frame.height == 25
    assert filled.frame("verdicts", ["id"], "share > 2").schema == {"id": pl.String}
    with pytest.raises(BadInput, match='no table "verdict"; did you mean "verdicts"'):
        filled.frame("verdict")
    with pytest.raises(BadInput, match='no column of verdicts "shar"; did you mean "share"'):
        filled.frame("verdicts", ["shar"])
    with pytest.raises(BadInput, match="query: "):
        filled.frame("verdicts", where="nonsense (")


def test_a_query_answers(filled: Ledger) -> None:
    sql = "SELECT outcome, count(*) AS n, avg(share) AS share FROM verdicts GROUP BY outcome ORDER BY outcome"
    assert filled.query(sql).rows() == [("loss", 10, 0.125), ("tie", 5, 0.5), ("win", 10, 0.875)]
    assert filled.query("SELECT id FROM prompts WHERE item LIKE '50%'").height == 0


WRITES = [
    "DELETE FROM verdicts",
    "UPDATE verdicts SET share = 0",
    "INSERT INTO meta (name, value) VALUES ('a', 'b')",
    "DROP TABLE verdicts",
    "CREATE TABLE t (x INTEGER)",
    "WITH gone AS (DELETE FROM verdicts RETURNING id) SELECT * FROM gone",
    "SELECT 1; DELETE FROM verdicts",
    "COMMIT; DELETE FROM verdicts",
    "ROLLBACK; BEGIN READ WRITE; DELETE FROM verdicts; COMMIT",
    "PRAGMA query_only = OFF",
    "PRAGMA user_version = 7",
    "ATTACH DATABASE 'stolen.sqlite' AS s",
    "VACUUM INTO 'copy.sqlite'",
    "COPY verdicts TO '/dev/null'",
    "TRUNCATE verdicts",
    "SELECT",
    "",
]


@pytest.mark.parametrize("sql", WRITES)
def test_a_query_cannot_write(
    filled: Ledger, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = filled.frame("verdicts").sort("id")
    with suppress(BadInput):  # a statement without rows may pass, as COMMIT does; what counts is what it did
        filled.query(sql)
    assert filled.frame("verdicts").sort("id").equals(before)
    assert filled.query("SELECT name FROM meta ORDER BY name")["name"].to_list() == ["created", "winsome"]
    assert not (tmp_path / "stolen.sqlite").exists()
    assert not (tmp_path / "copy.sqlite").exists()
    filled.put_many(contest(99).records)  # and the ledger still works
    assert filled.counts()["verdicts"] == 26


READER = """
import resource, sys
import numpy as np, polars as pl
from winsome.ledger.store import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    ledger.frame("verdicts", ["outcome"], "share > 2")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    share = ledger.frame("verdicts", ["share"])["share"]
    problems = ledger.verify().problems
    print(share.len(), len(problems), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat_on_large_reads(tmp_path: Path) -> None:
    """Verdicts of 400 MB in all are verified, and a column of them read, in far less memory than that."""
    path = tmp_path / "l.sqlite"
    with Ledger.open(path) as ledger:
        ledger.put_many(contest(1).records)
    import sqlite3

    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(verdicts)")]
        chosen = ", ".join(
            {"id": "printf('%032d', value)", "reason": "printf('%.*c', 8000, 'x')"}.get(c, c) for c in columns
        )
        connection.execute(
            "INSERT INTO verdicts WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 50000) "
            f"SELECT {chosen} FROM verdicts, n"
        )
    connection.close()
    out = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True
    ).stdout
    rows, problems, kibibytes = map(int, out.split())
    assert rows == 50_001
    assert problems == 21  # twenty forged ids named, the others counted
    assert kibibytes < 150_000
