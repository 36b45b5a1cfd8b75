"""Real files, changed by a byte or a field: read in full or refused in one line, never a traceback, never fewer records."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winsome.errors import WinsomeError
from winsome.ledger import formats

KEPT = 6
PLAIN = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _prompts(path: Path) -> int:
    return len(formats.prompts(path))


def _answers(path: Path) -> int:
    return len({answer.record for answer in formats.answers(path)})


def _verdicts(path: Path) -> int:
    return formats.verdicts(path).height


def _grades(path: Path) -> int:
    return formats.grades(path).height


FILES: dict[str, tuple[str, Callable[[Path], int]]] = {
    "mt_bench/mt_bench_question.jsonl": ("q.jsonl", _prompts),
    "mt_bench/mt_bench_reference_gpt-4.jsonl": ("r.jsonl", _answers),
    "arena_hard/v2.0_question.jsonl.gz": ("v.jsonl", _prompts),
    "arena_hard/v0.1_answer_gpt-4-0314.jsonl.gz": ("g.jsonl", _answers),
    "alpaca_eval_2/alpaca-7b.model_outputs.json.gz": ("o.json", _answers),
    "alpaca_eval_2/FuseChat-Llama-3.1-8B-Instruct.annotations.json.gz": ("n.json", _verdicts),
    "alpaca_farm/multisamples_sft.json": ("s.json", _answers),
    "bpo/self_instruct_eval.json": ("i.json", _prompts),
    "llmfao/crowd_votes.csv": ("c.csv", _verdicts),
}


@cache
def small(shared_data: Path, name: str) -> bytes:
    """The first records of a published file, in its own form, with texts cut to keep the mutations near the structure."""
    data = (shared_data / name).read_bytes()
    data = gzip.decompress(data) if name.endswith(".gz") else data
    if name.endswith(".csv"):
        return b"".join(line + b"\n" for line in data.splitlines()[: KEPT + 1])
    rows = (
        json.loads(data) if ".jsonl" not in name else [json.loads(line) for line in data.splitlines()[:KEPT]]
    )
    rows = [_cut(row) for row in rows[:KEPT]]
    if ".jsonl" in name:
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(v) for key, v in value.items() if key != "raw_completion"}
    if isinstance(value, list):
        return [_cut(v) for v in value]
    return value[:60] if isinstance(value, str) else value


def changed(data: bytes, how: str, at: int, byte: int) -> bytes:
    at %= len(data)
    if how == "replace":
        return data[:at] + bytes([byte]) + data[at + 1 :]
    if how == "insert":
        return data[:at] + bytes([byte]) + data[at:]
    return data[:at] + data[at + 1 :] if how == "delete" else data[:at]


def outcome(count: Callable[[Path], int], path: Path) -> tuple[int, str | None]:
    """How many records were read, or the line that refused them; any other error is a fault and goes on up."""
    try:
        return count(path), None
    except WinsomeError as error:
        return 0, str(error)


def expected(name: str, data: bytes) -> int:
    """How many records the changed file claims to have: its lines, or all of a JSON list."""
    filled = [line for line in data.split(b"\n") if line.strip(b"\xef\xbb\xbf \t\r")]
    return len(filled) - 1 if name.endswith(".csv") else len(filled) if name.endswith(".jsonl") else KEPT


@pytest.mark.parametrize("name", FILES)
@PLAIN
@given(
    how=st.sampled_from(["replace", "insert", "delete", "cut"]),
    at=st.integers(0, 1 << 20),
    byte=st.one_of(st.sampled_from(b'"\\{}[],:\n\r\t #\x00\xff0-'), st.integers(0, 255)),
)
def test_a_changed_byte(shared_data: Path, tmp_path: Path, name: str, how: str, at: int, byte: int) -> None:
    local, count = FILES[name]
    data = changed(small(shared_data, name), how, at, byte)
    path = tmp_path / local
    path.write_bytes(data)
    found, line = outcome(count, path)
    if line is None:
        assert found >= expected(local, data)
    else:
        assert len(line) <= 200
        assert local in line


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["", "nan", "model_a", "A>B", "[", "[]", "\ud7ff\u202e"]),
    st.lists(
        st.one_of(
            st.none(), st.text(max_size=2), st.dictionaries(st.text(max_size=2), st.none(), max_size=1)
        ),
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(["content", "answer", "turns", "role", "score"]),
        st.none() | st.text(max_size=2),
        max_size=2,
    ),
)


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".csv")])
@PLAIN
@given(
    record=st.integers(0, KEPT - 1),
    field=st.integers(0, 20),
    action=st.sampled_from(["set", "drop", "rename"]),
    value=VALUES,
)
def test_a_changed_field(
    shared_data: Path, tmp_path: Path, name: str, record: int, field: int, action: str, value: Any
) -> None:
    local, count = FILES[name]
    data = small(shared_data, name)
    lined = local.endswith(".jsonl")
    rows = [json.loads(line) for line in data.splitlines()] if lined else json.loads(data)
    row = rows[record]
    key = list(row)[field % len(row)]
    if action == "set":
        row[key] = value
    else:
        taken = row.pop(key)
        if action == "rename":
            row[key + "_"] = taken
    path = tmp_path / local
    path.write_text("\n".join(map(json.dumps, rows)) if lined else json.dumps(rows), "utf-8")
    found, line = outcome(count, path)
    if line is None:
        assert found == len(rows)
    else:
        assert len(line) <= 200
        assert local in line
