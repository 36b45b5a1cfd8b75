from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.audit.sheets import sheet, votes
from winsome.audit.people import read_people, said
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.records import Match, Prompt, Side, user


def test_votes_of_one_pair_come_together_also_when_it_is_turned_round(tmp_path: Path) -> None:
    row = {"prompt": "q", "answer_a": "one", "answer_b": "two", "winner": "model_a", "annotator": "ann"}
    turned = row | {"answer_a": "two", "answer_b": "one", "annotator": "bob"}
    people = read_people(sheet(tmp_path / "h.csv", [row, turned, row | {"winner": ""}]))
    assert len(people.pairs) == 1
    assert people.share.tolist() == [1.0, 0.0]
    assert people.annotator == ("ann", "bob")
    assert people.annotators == 2


def test_votes_beside_a_table_of_pairs_are_all_read(shared_data: Path) -> None:
    folder = shared_data / "llmfao"
    people = read_people(folder / "crowd_votes.csv", folder / "pairs.parquet")
    with (folder / "crowd_votes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(people.share) == len(rows) == 6204
    assert people.annotators == len({row["worker"] for row in rows}) == 124
    assert {pair.prompt.facets["category"] for pair in people.pairs} == {
        "reflexion",
        "knowledge",
        "creativity",
        "instruct",
    }
    assert len({pair.prompt.id for pair in people.pairs}) == 9


def test_votes_by_match_follow_the_seats(tmp_path: Path) -> None:
    prompt = Prompt((user("q"),))
    a, b = said(prompt, "a", "from a"), said(prompt, "b", "from b")
    match = Match(prompt, (Side("a", a, 1), Side("b", b, 0)))
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.put_many([prompt, a, b, match])
        path = sheet(tmp_path / "m.csv", [{"match_id": match.id, "winner": "model_a", "annotator": "x"}])
        people = read_people(path, ledger=ledger)
        assert [answer.text for answer in people.pairs[0].answers] == ["from b", "from a"]
        assert people.share.tolist() == [1.0]
        lost = sheet(tmp_path / "lost.csv", [{"match_id": "f" * 32, "winner": "tie"}])
        with pytest.raises(BadInput, match=r"record 1 has match_id .* unknown to this ledger"):
            read_people(lost, ledger=ledger)


def test_bad_sheets_are_told_in_one_line(tmp_path: Path) -> None:
    rows = votes(3)
    with pytest.raises(BadInput, match="fill in at least one"):
        read_people(sheet(tmp_path / "empty.csv", [row | {"winner": ""} for row in rows]))
    with pytest.raises(BadInput, match=r"record 1 .*winner.*use one of"):
        read_people(sheet(tmp_path / "w.csv", [rows[0] | {"winner": "best"}]))
    battles = sheet(tmp_path / "b.csv", [{"model_a": "x", "model_b": "y", "winner": "tie"}])
    with pytest.raises(BadInput, match="without the answers' words"):
        read_people(battles)
    pairs = sheet(tmp_path / "p.csv", [{"id": 1, "prompt": "q", "answer_a": "1", "answer_b": "2"}])
    with pytest.raises(BadInput, match=r'record 1 has id "7", which p\.csv lacks'):
        read_people(sheet(tmp_path / "v.csv", [{"id": 7, "winner": "left"}]), pairs)
    with pytest.raises(BadInput, match="needs a prompt and two answers"):
        read_people(
            sheet(tmp_path / "v2.csv", [{"id": 1, "winner": "left"}]),
            sheet(tmp_path / "p2.csv", [{"id": 1, "prompt": "q"}]),
        )
