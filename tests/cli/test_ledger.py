"""winsome ledger: what is shown, what goes out comes back, what is broken is found."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from tests.cli.typed import arithmetic, typed


@pytest.fixture
def compared(tmp_path: Path) -> dict[str, object]:
    """A ledger with one comparison: six contests, of which two tie by rule or share."""
    arithmetic(tmp_path, a={"1"}, b={"2", "3"})
    return typed(
        "compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", "numeric", "--json", cwd=tmp_path
    ).json()


def test_show_counts_what_the_run_kept(compared: dict[str, object], tmp_path: Path) -> None:
    found = typed("ledger", "show", "--json", cwd=tmp_path).json()
    assert found["counts"]["prompts"] == 6
    assert found["counts"]["responses"] == 12
    assert found["counts"]["verdicts"] == sum(found["outcomes"].values()) == 6
    assert [run["id"] for run in found["runs"]] == [compared["id"]]
    shown = typed("ledger", "show", cwd=tmp_path)
    assert (shown.code, shown.err) == (0, "")
    assert "12 responses" in shown.out


def test_show_follows_a_verdict_to_its_prompt(compared: dict[str, object], tmp_path: Path) -> None:
    rows = typed("ledger", "query", "SELECT id, match FROM verdicts", "--json", cwd=tmp_path).json()["rows"]
    verdict, match = rows[0]
    found = typed("ledger", "show", verdict[:10], "--json", cwd=tmp_path).json()
    assert (found["id"], found["table"]) == (verdict, "verdicts")
    tables = {relative["table"]: relative["id"] for relative in found["lineage"]}
    assert tables["matches"] == match
    assert {"prompts", "responses"} <= set(tables)
    assert (
        typed("ledger", "show", str(compared["id"]), "--json", cwd=tmp_path).json()["record"]["contests"] == 6
    )


def test_queries_only_read(compared: dict[str, object], tmp_path: Path) -> None:
    refused = typed("ledger", "query", "DELETE FROM verdicts", cwd=tmp_path)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert typed("ledger", "query", "SELECT count(*) AS n FROM verdicts", "--json", cwd=tmp_path).json()[
        "rows"
    ] == [[6]]
    assert typed("ledger", "query", "SELECT outcome FROM verdicts", "--out", "o.csv", cwd=tmp_path).code == 0
    assert len((tmp_path / "o.csv").read_text("utf-8").splitlines()) == 7


@pytest.mark.parametrize("file", ["v.csv", "v.jsonl", "v.parquet"])
def test_exported_verdicts_rank_as_in_the_run(file: str, compared: dict[str, object], tmp_path: Path) -> None:
    assert typed("ledger", "export", "--out", file, cwd=tmp_path).code == 0
    ranked = typed("rank", file, "--json", cwd=tmp_path)
    assert ranked.code == 0, ranked.err
    assert ranked.json()["rows"] == compared["standings"]["rows"]  # type: ignore[index]


def test_an_export_may_keep_to_one_run(compared: dict[str, object], tmp_path: Path) -> None:
    words = ("b.jsonl", "a.jsonl", "--suite", "sums.jsonl", "--judge", "regex?pattern=4", "--limit", "2")
    other = typed("compare", *words, "--json", cwd=tmp_path).json()
    typed("ledger", "export", "--out", "all.csv", cwd=tmp_path)
    typed("ledger", "export", "--out", "one.csv", "--run", str(other["id"]), cwd=tmp_path)
    assert pl.read_csv(tmp_path / "all.csv").height == 8
    assert pl.read_csv(tmp_path / "one.csv").height == 2


def test_alpaca_eval_annotations_come_back_with_their_words(
    compared: dict[str, object], tmp_path: Path
) -> None:
    assert typed("ledger", "export", "--out", "ann.json", "--format", "alpaca_eval", cwd=tmp_path).code == 0
    rows = json.loads((tmp_path / "ann.json").read_text("utf-8"))
    assert {(row["generator_2"], row["generator_1"]) for row in rows} == {
        ("recorded:a.jsonl", "recorded:b.jsonl")
    }
    wins = {row["instruction"]: row["preference"] for row in rows}
    assert (wins["What is 17 + 26?"], wins["What is 12 times 13?"], wins["What is 64 - 39?"]) == (
        1.0,
        2.0,
        1.5,
    )
    assert next(row for row in rows if row["preference"] == 1.0)["output_1"] == "It is 43 for b."


def test_answers_come_back_as_a_contender(compared: dict[str, object], tmp_path: Path) -> None:
    words = ("--out", "again.jsonl", "--format", "answers", "--contender", "recorded:a.jsonl")
    assert typed("ledger", "export", *words, cwd=tmp_path).code == 0
    rows = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text("utf-8").splitlines()]
    assert {row["id"]: row["output"] for row in rows}["2"] == "It is 156 for a."
    assert len(rows) == 6
    unknown = typed(
        "ledger",
        "export",
        "--out",
        "x.jsonl",
        "--format",
        "answers",
        "--contender",
        "recorded:a.json",
        cwd=tmp_path,
    )
    assert unknown.code == 2
    assert 'did you mean "recorded:a.jsonl"?' in unknown.err


def test_a_human_sheet_is_blind_and_comes_back_by_seat(compared: dict[str, object], tmp_path: Path) -> None:
    assert typed("ledger", "export", "--format", "human", "--out", "sheet.csv", cwd=tmp_path).code == 0
    with (tmp_path / "sheet.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert set(rows[0]) == {"match_id", "prompt", "answer_a", "answer_b", "winner", "annotator"}
    assert {row["answer_a"].rstrip(".")[-1] for row in rows} == {"a", "b"}, "seats are drawn"
    for row in rows:  # this person prefers b's answers wherever they stand, and skips the last
        row["winner"] = "model_a" if row["answer_a"].endswith("b.") else "model_b"
        row["annotator"] = "ann"
    rows[-1]["winner"] = ""
    with (tmp_path / "filled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert typed("ledger", "import", "filled.csv", "--json", cwd=tmp_path).json()["rows"] == 5
    said = "SELECT outcome, annotator, share FROM verdicts WHERE judge = 'human'"
    assert typed("ledger", "query", said, "--json", cwd=tmp_path).json()["rows"] == [["loss", "ann", 0.0]] * 5
    elsewhere = typed("ledger", "import", "filled.csv", "--ledger", "other.sqlite", cwd=tmp_path)
    assert elsewhere.code == 2
    assert "record 1, field match_id" in elsewhere.err


def test_imported_verdicts_are_ranked_like_their_file(shared_data: Path, tmp_path: Path) -> None:
    file = str(shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz")
    assert typed("ledger", "import", file, "--json", cwd=tmp_path).json()["rows"] == 805
    typed("ledger", "export", "--out", "v.parquet", cwd=tmp_path)
    own = typed("rank", file, "--method", "win-rate", "--json", cwd=tmp_path).json()["rows"]
    back = typed("rank", "v.parquet", "--baseline", "gpt4_1106_preview", "--json", cwd=tmp_path).json()[
        "rows"
    ]
    names = ("contender", "n", "win", "loss", "tie")
    assert [[row[name] for name in names] for row in back] == [[row[name] for name in names] for row in own]
    assert back[1]["estimate"] == pytest.approx(own[1]["estimate"], abs=1e-9)


def test_merge_copies_once_and_verify_finds_what_was_changed(
    compared: dict[str, object], tmp_path: Path
) -> None:
    words = ("ledger", "merge", ".winsome/ledger.sqlite", "--ledger", "whole.sqlite", "--json")
    assert typed(*words, cwd=tmp_path).json()["new"]["verdicts"] == 6
    assert sum(typed(*words, cwd=tmp_path).json()["new"].values()) == 0
    sound = typed("ledger", "verify", "--ledger", "whole.sqlite", "--json", cwd=tmp_path)
    assert (sound.code, sound.json()["sound"]) == (0, True)
    with sqlite3.connect(tmp_path / "whole.sqlite") as database:
        database.execute("UPDATE responses SET messages = replace(messages, '43', '44')")
    database.close()
    broken = typed("ledger", "verify", "--ledger", "whole.sqlite", "--json", cwd=tmp_path)
    assert (broken.code, broken.json()["sound"]) == (2, False)
    assert broken.json()["problems"]
    assert (
        typed("ledger", "vacuum", "--orphans", "--ledger", "whole.sqlite", "--json", cwd=tmp_path).code == 0
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "zz"), "is no id"),
        (("show", "abcdef0123"), "no record"),
        (("merge", "nowhere.sqlite"), "no ledger there"),
        (("export", "--out", "x.csv", "--ledger", "new.sqlite"), "no verdicts to export"),
        (
            ("export", "--out", "x.csv", "--format", "human", "--ledger", "new.sqlite"),
            "no match with two answers",
        ),
        (("export", "--out", "x.csv", "--run", "nothing"), "no finished run"),
        (("show", "--ledger", "."), "is a folder"),
        (("query", "SELECT x FROM nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    done = typed("ledger", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert done.err.count("\n") == 1
    assert len(done.err) <= 201
