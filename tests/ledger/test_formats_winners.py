"""Winners and names as people type them: blanks and case do not make another outcome or another contender."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from winsome.errors import BadInput
from winsome.ledger import formats

SHARES = {
    "tie": 0.5, "Tie": 0.5, "TIE": 0.5, " draw ": 0.5, "tie (bothbad)": 0.5, "Both Bad": 0.5,
    "model_a ": 1.0, "Model_A": 1.0, "A": 1.0, "Left": 1.0, "x": 1.0, " x": 1.0,
    "MODEL_B": 0.0, "b ": 0.0, "right": 0.0, "y ": 0.0,
}  # fmt: skip


def _file(path: Path, winners: list[str]) -> Path:
    if path.suffix == ".csv":
        path.write_text("model_a,model_b,winner\n" + "".join(f'x,y,"{winner}"\n' for winner in winners))
    else:
        rows = [{"model_a": "x", "model_b": "y", "winner": winner} for winner in winners]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_case_and_blanks_of_winners_are_set_aside(tmp_path: Path, ending: str) -> None:
    for winner, share in SHARES.items():  # alone, as one odd word must not need another
        frame = formats.verdicts(_file(tmp_path / f"one{ending}", ["model_a", winner]))
        assert frame["share"].to_list() == [1.0, share], winner
    frame = formats.verdicts(_file(tmp_path / f"all{ending}", list(SHARES)))
    assert frame["share"].to_list() == list(SHARES.values())
    said = ["both bad" if "bad" in winner.lower() else None for winner in SHARES]
    assert frame["reason"].to_list() == said


@pytest.mark.parametrize("winner", ["=", "equal", "0.5", "X", "model a", "?"])
def test_other_words_are_refused_with_the_way_out(tmp_path: Path, winner: str) -> None:
    path = _file(tmp_path / "battles.jsonl", ["tie", winner])
    expected = f'record 2 has "{winner}" in "winner"; use model_a, model_b, tie, tie (bothbad) or a contender\'s name'
    with pytest.raises(BadInput) as caught:
        formats.verdicts(path)
    assert expected in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_blanks_around_a_name_make_no_other_contender(tmp_path: Path) -> None:
    path = tmp_path / "battles.csv"
    path.write_text("model_a,model_b,winner\nx ,y,x\n x,y , y\nx, y,tie\n")
    frame = formats.verdicts(path)
    assert frame["model_a"].to_list() == ["x"] * 3
    assert frame["model_b"].to_list() == ["y"] * 3
    assert frame["share"].to_list() == [1.0, 0.0, 0.5]


def test_a_contender_called_left_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "battles.jsonl"
    path.write_text('{"model_a": "x", "model_b": "Left", "winner": "Left"}\n')
    assert formats.verdicts(path)["share"].to_list() == [0.0]


@pytest.mark.parametrize(("winner", "share"), [("Tie", 0.5), (" model_a", 1.0), ("MODEL_B ", 0.0)])
def test_sheets_of_people_are_read_alike(tmp_path: Path, winner: str, share: float) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(f"prompt,answer_a,answer_b,winner\np,one,two,{winner}\n")
    assert formats.verdicts(path)["share"].to_list() == [share]
