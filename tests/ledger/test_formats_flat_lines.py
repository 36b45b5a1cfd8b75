"""The fast reading of flat JSON lines: equal to the parser's where it answers, silent where a line looks otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.ledger.formats.flat_lines import flat_lines

ROW = {"id": 7, "model_a": "älpha", "model_b": "b c", "winner": "tie", "length_a": 1.5}
NAMES = ["model_b", "model_a", "id", "length_a"]


def write(folder: Path, rows: list[dict[str, object]], separators: tuple[str, str] = (", ", ": ")) -> Path:
    path = folder / "battles.jsonl"
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False, separators=separators) + "\n" for row in rows), "utf-8"
    )
    return path


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("count", [3, 30_000])
def test_values_are_those_of_the_parser(tmp_path: Path, separators: tuple[str, str], count: int):
    rows = [ROW | {"id": i, "model_b": f"b{i}", "length_a": i / 4} for i in range(count)]
    found = flat_lines(write(tmp_path, rows, separators), NAMES)
    assert found is not None
    assert found.columns == NAMES
    assert found.rows() == [tuple(str(row[name]) for name in NAMES) for row in rows]


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 7, "model_a": "a, b", "model_b": "b", "winner": "tie", "length_a": 1}',
        '{"id": 7, "model_a": "a\\"", "model_b": "b", "winner": "tie", "length_a": 1}',
        '{"id": 7, "model_a": "a"x", "model_b": "b", "winner": "tie", "length_a": 1}',
        '{"id": 7, "model_a": null, "model_b": "b", "winner": "tie", "length_a": 1}',
        '{"id": 7, "model_b": "b", "model_a": "a", "winner": "tie", "length_a": 1}',
        '{"id": 7, "model_a": "a", "model_b": "b", "winner": "tie"}',
        '{"id": 7, "model_a": "a", "model_b": "b", "winner": "tie", "length_a": 1, "more": 1}',
        '{"id": 7, "model_a": "a", "model_b": "b", "winner": "tie", "length_a": 1',
        '{"id": 7, "model_a": "a", "model_b": "b", "winner": "tie", "length_a": NaN}',
        '{"id": 7, "model_a": "a", "model_b": "b", "winner": {"x": "tie"}, "length_a": 1}',
        '{"id": 7, "model_a": "a", "model_b": ", "winner": "tie", "length_a": 1}',
        '{"id": "7", "model_a": "a", "model_b": "b", "winner": "tie", "length_a": 1}',
        '{"id": 007, "model_a": "a", "model_b": "b", "winner": "tie", "length_a": 1}',
        "# a comment, with, four, commas, in it",
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_line_of_another_layout_is_left_to_the_parser(tmp_path: Path, line: str, first: bool):
    usual = json.dumps(ROW)
    path = tmp_path / "battles.jsonl"
    path.write_text("\n".join([line, usual] if first else [usual, line]) + "\n", "utf-8")
    assert flat_lines(path, NAMES) is None


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_no_text_is_changed(tmp_path_factory: pytest.TempPathFactory, texts: list[str]):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    path = write(tmp_path_factory.mktemp("flat"), [{"model_a": text, "model_b": "b"} for text in texts])
    found = flat_lines(path, ["model_a", "model_b"])
    assert found is None or found["model_a"].to_list() == texts
