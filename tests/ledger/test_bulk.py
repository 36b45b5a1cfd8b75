"""A frame's verdicts get the ids that their records have, all of them or none."""

from __future__ import annotations

import uuid
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.ledger.bulk import judge_id
from winsome.ledger.store import Ledger
from winsome.records import (
    Match,
    Prompt,
    Response,
    Sampling,
    Side,
    Verdict,
    assistant,
    response_key,
    shares,
    user,
)

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8) | st.sampled_from(
    ['"', "\\", "{}", "\n", "é", "\0"]
)
rows = st.lists(
    st.tuples(words, words, words, st.none() | words, st.none() | words, st.none() | st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 1), words),
    min_size=1, max_size=8,
)  # fmt: skip


def as_records(
    row: tuple[str, str, str, str | None, str | None, float | None, int, str], repeat: int, judge: str
) -> tuple[Match, Verdict]:
    """A row as records, made one by one."""
    words_, a, b, answer_a, answer_b, share, order, annotator = row
    prompt = Prompt((user(words_),))
    responses: list[Response] = []
    for name, answer in ((a, answer_a), (b, answer_b)):
        key = response_key(prompt.id, name, Sampling(), 0)
        if answer is None:
            responses.append(
                Response(
                    prompt.id, name, key, finish="failed", error="words not recorded", provenance="recorded"
                )
            )
        else:
            responses.append(
                Response(prompt.id, name, key, messages=(assistant(answer),), provenance="recorded")
            )
    sides = (Side(a, responses[0], order % 2), Side(b, responses[1], (order + 1) % 2))
    match = Match(prompt, sides, order=order, repeat=repeat, cluster=prompt.id)
    outcome, scores = ("unparsed", ()) if share is None else shares(share)
    return match, Verdict(match.id, judge, judge_id(judge), outcome, scores, annotator=annotator)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_bulk_ids_and_records_equal_those_made_one_by_one(ledger: Ledger, given_rows: list[tuple]) -> None:
    names = ["prompt", "model_a", "model_b", "answer_a", "answer_b", "share", "order", "annotator"]
    frame = pl.DataFrame(given_rows, schema=names, orient="row")
    judge = uuid.uuid4().hex  # examples share a ledger, not their verdicts
    assert ledger.import_frame(frame, judge=judge).rows == len(given_rows)
    seen: dict[tuple, int] = {}
    for row in given_rows:
        alike = (*row[:5], *row[6:])
        repeat = seen[alike] = seen.get(alike, -1) + 1
        match, verdict = as_records(row, repeat, judge)
        assert ledger.matches([match.id]) == {match.id: match}
        assert ledger.verdicts([verdict.id]) == {verdict.id: verdict}
    assert ledger.verify().sound


def frame(**more: list[object]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_a": ["x", "x", "y"],
            "model_b": ["y", "z", "z"],
            "winner": ["model_a", "tie", "model_b"],
            **more,
        }
    )


def test_an_import_is_complete_and_repeatable(ledger: Ledger) -> None:
    table = frame(
        prompt_id=["1", "1", "2"],
        category=["math", None, "code"],
        extent=[1.5, None, 2.0],
        reason=["r", "", "s"],
    )
    first = ledger.import_frame(table, judge="people", name="arena.csv")
    assert first.new == {"prompts": 2, "responses": 5, "matches": 3, "verdicts": 3}
    again = ledger.import_frame(table, judge="people", name="arena.csv")
    assert again.new == {"prompts": 0, "responses": 0, "matches": 0, "verdicts": 0}
    kept = ledger.frame("verdicts", ["outcome", "share", "extent", "reason", "judge"]).sort("outcome")
    assert kept.rows() == [
        ("loss", 0.0, 2.0, "s", "people"), ("tie", 0.5, None, "", "people"), ("win", 1.0, 1.5, "r", "people")
    ]  # fmt: skip
    match = next(iter(ledger.matches(ledger.frame("matches", ["id"], "a = 'y'")["id"]).values()))
    assert match.facets == {"category": "code"}
    assert match.prompt.text == "[prompt 2 of arena.csv: words not recorded]"
    assert ledger.answers(ledger.frame("responses", ["key"])["key"]) == {}


def test_rows_without_a_prompt_stay_apart(ledger: Ledger) -> None:
    table = pl.concat([frame(), frame()])
    assert ledger.import_frame(table, judge="people").new == {
        "prompts": 6,
        "responses": 12,
        "matches": 6,
        "verdicts": 6,
    }


def test_equal_rows_become_repeats(ledger: Ledger) -> None:
    table = pl.concat([frame(prompt_id=["1", "1", "1"])] * 4)
    assert ledger.import_frame(table, judge="j").new["verdicts"] == 12
    assert sorted(ledger.frame("matches", ["repeat"])["repeat"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_indexes_stand_again_after_an_import_into_an_empty_ledger(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a.sqlite") as empty, Ledger.open(tmp_path / "b.sqlite") as untouched:
        empty.import_frame(frame(), judge="j")
        sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
        assert empty.query(sql).equals(untouched.query(sql))


CASES = [
    ({"model_a": ["x"]}, 'no column "model_b"'),
    ({"model_a": ["x"], "model_b": ["y"]}, 'no column "share" or "winner"'),
    ({"model_a": ["x", None], "model_b": ["y", "y"], "share": [1, 0]}, 'record 2, field "model_a"'),
    (
        {"model_a": ["x"], "model_b": ["y"], "share": [1.5]},
        "record 1, field \"share\": '1.5' lies outside [0, 1]",
    ),
    ({"model_a": ["x"], "model_b": ["y"], "share": ["much"]}, "give a number"),
    ({"model_a": ["x"], "model_b": ["y"], "winner": ["X"]}, "is unknown; use model_a, model_b or tie"),
    ({"model_a": ["x"], "model_b": ["y"], "share": [1.0], "outcome": ["victory"]}, "is no outcome"),
    (
        {
            "model_a": ["x"] * 2,
            "model_b": ["y"] * 2,
            "share": [1.0] * 2,
            "prompt": ["p"] * 2,
            "repeat": [0, 0],
        },
        "number the repeats",
    ),
    ({"model_a": [], "model_b": [], "share": []}, "no verdicts"),
]


@pytest.mark.parametrize(("columns", "said"), CASES)
def test_bad_frames_are_refused_in_one_line_and_leave_nothing(
    ledger: Ledger, columns: dict[str, list[object]], said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        ledger.import_frame(pl.DataFrame(columns), judge="j", name="file.csv")
    assert said in str(caught.value)
    assert str(caught.value).startswith("file.csv: ")
    assert len(str(caught.value)) <= 200
    assert sum(ledger.counts().values()) == 0
