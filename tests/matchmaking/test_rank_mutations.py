"""Real verdict files, changed by a byte or a field, through `winsome.rank`: standings or one line, never a traceback."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import winsome
from tests.ledger.test_formats_mutations import VALUES, changed, small
from winsome.errors import WinsomeError
from winsome.matchmaking.methods import METHODS

SOME = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PUBLISHED = {
    "alpaca_eval_2/FuseChat-Llama-3.1-8B-Instruct.annotations.json.gz": "n.json",
    "llmfao/crowd_votes.csv": "c.csv",
}
BATTLES = [
    {"model_a": a, "model_b": b, "winner": w, "prompt_id": f"p{n // 2}", "annotator": f"u{n % 3}", "weight": 1.0,
     "category": "even" if n % 2 else "odd", "tstamp": 1.5 * n, "length_a": 10 + n, "length_b": 30 - n, "judge": "j"}
    for n, (a, b, w) in enumerate(
        [("x", "y", "model_a"), ("y", "z", "tie"), ("z", "x", "model_b"), ("y", "x", "model_a"),
         ("x", "z", "tie (bothbad)"), ("z", "y", "model_a"), ("x", "y", "model_b"), ("z", "x", "model_a")]
    )
]  # fmt: skip
PAIRS = [
    {
        "question_id": 81 + n,
        "model_1": "x",
        "model_2": "y",
        "g1_winner": w,
        "g2_winner": v,
        "judge": ["j", "pair"],
        "turn": 1,
    }
    for n, (w, v) in enumerate(
        [("model_1", "model_1"), ("model_2", "tie"), ("tie", "tie"), ("model_1", "model_2")]
    )
]
GAMES = [
    {
        "uid": str(n),
        "model": "m",
        "judge": "j",
        "category": "hard_prompt",
        "games": [{"score": s}, {"score": t}],
    }
    for n, (s, t) in enumerate([("A>B", "B>A"), ("A>>B", "A=B"), ("B>A", "A>B"), ("A=B", "B>>A")])
]
WRITTEN: dict[str, list[dict[str, Any]]] = {"b.jsonl": BATTLES, "p.jsonl": PAIRS, "a.jsonl": GAMES}


def ranked(path: Path, method: Any) -> None:
    """Standings whose figures are whole, or one line that names the file; any other error goes on up."""
    extra: dict[str, Any] = {"baseline": "z"} if method == "lc" else {}
    try:
        standings = winsome.rank(path, method=method, **extra)
    except WinsomeError as error:
        line = str(error)
        assert len(line) <= 200, line
        assert "\n" not in line
        return
    json.loads(standings.to_json())
    for row in standings.rows:
        told = (row.estimate, row.low, row.high)
        assert all(value is None or math.isfinite(value) for value in told)
        if row.estimate is None:
            assert any(row.contender in warning for warning in standings.warnings)
        elif row.contender != standings.baseline and row.low is not None and row.high is not None:
            assert row.low <= row.estimate <= row.high
            assert row.low < row.high


@pytest.mark.parametrize("local", [*PUBLISHED.values(), *WRITTEN])
@SOME
@given(
    how=st.sampled_from(["replace", "insert", "delete", "cut"]),
    at=st.integers(0, 1 << 20),
    byte=st.one_of(st.sampled_from(b'"\\{}[],:\n\r\t #\x00\xff0-'), st.integers(0, 255)),
)
def test_a_changed_byte(shared_data: Path, tmp_path: Path, local: str, how: str, at: int, byte: int) -> None:
    if local in WRITTEN:
        data = b"".join(json.dumps(row).encode() + b"\n" for row in WRITTEN[local])
    else:
        data = small(shared_data, next(name for name, short in PUBLISHED.items() if short == local))
    path = tmp_path / local
    path.write_bytes(changed(data, how, at, byte))
    ranked(path, None)


@pytest.mark.parametrize("local", [*WRITTEN, "n.json"])
@SOME
@given(
    record=st.integers(0, 3),
    field=st.integers(0, 20),
    action=st.sampled_from(["set", "drop", "rename"]),
    value=VALUES,
)
def test_a_changed_field(
    shared_data: Path, tmp_path: Path, local: str, record: int, field: int, action: str, value: Any
) -> None:
    rows = (
        json.loads(json.dumps(WRITTEN[local]))
        if local in WRITTEN
        else json.loads(small(shared_data, next(iter(PUBLISHED))))
    )
    row = rows[record]
    key = list(row)[field % len(row)]
    taken = row.pop(key)
    if action != "drop":
        row[key if action == "set" else key + "_"] = value if action == "set" else taken
    path = tmp_path / local
    path.write_text("\n".join(map(json.dumps, rows)) if local.endswith("l") else json.dumps(rows), "utf-8")
    ranked(path, None)


@pytest.mark.parametrize(
    "method", [method for method in METHODS if method not in ("grade-mean", "wb-score", "wb-reward")]
)
@settings(SOME, max_examples=25)
@given(
    record=st.integers(0, len(BATTLES) - 1),
    key=st.sampled_from(list(BATTLES[0])),
    value=st.one_of(
        st.sampled_from(["", "nan", "inf", "-1", "0", "1e308", "x", "y", "tie", "model_b", "\u202e"]),
        st.text(max_size=3),
    ),
)
def test_a_changed_cell_of_a_table(tmp_path: Path, method: Any, record: int, key: str, value: str) -> None:
    rows = [dict(row) for row in BATTLES]
    rows[record][key] = value
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "b.csv"
    path.write_text(out.getvalue(), "utf-8")
    ranked(path, method)
