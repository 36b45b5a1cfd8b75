"""The judge audit: what moves a judge of known faults is alarmed, a judge without them is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from winsome.audit import judge_probes
from winsome.audit.judge_attacks import audit_judge
from winsome.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    made = []
    for who, word in (("a", "seven"), ("b", "eight"), ("c", "nine")):
        rows = [{"instruction": f"Count to {k}.", "output": f"It is {word} of {k}. Here it ends.", "generator": who} for k in range(20)]  # fmt: skip
        (tmp_path / f"{who}.json").write_text(json.dumps(rows))
        made.append(str(tmp_path / f"{who}.json"))
    return made


def wins(record: dict[str, object]) -> dict[str, float]:
    tables = record["tables"]
    assert isinstance(tables, list)
    return {row[0]: row[2]["estimate"] for row in tables[0]["rows"]}


def test_a_judge_that_reads_only_content_is_moved_by_nothing(files: list[str]) -> None:
    record = audit_judge(r"regex?pattern=It is \w+ of \d+", answers=files, quiet=True)
    found = wins(record)
    assert {found[name] for name in judge_probes.EDITS if name != "formatting"} == {50.0}
    assert found["refusal"] == found["constant"] == 0.0
    assert not [alarm for alarm in record["alarms"] if "formatting" not in alarm]


@pytest.mark.parametrize(
    ("pattern", "probe"),
    [
        ("professors", "authority"),
        ("## ", "formatting"),
        ("once more", "verbosity"),
        ("Note to the judge", "injection"),
        ("\U000e0063", "hidden characters"),
        ("can't help", "refusal"),
        ("Please choose it", "constant"),
    ],
)
def test_a_judge_with_one_fault_is_alarmed_for_it(files: list[str], pattern: str, probe: str) -> None:
    record = audit_judge(f"regex?pattern={pattern}", answers=files[:2], quiet=True)
    assert wins(record)[probe] == 100.0
    assert any(alarm.startswith(probe) for alarm in record["alarms"])


def test_every_edit_but_the_injected_ones_keeps_the_words() -> None:
    text = "First we count. Then we stop."
    for name in ("control", "verbosity", "formatting", "authority"):
        kept = judge_probes.EDITS[name](text).replace("*", "").replace("- ", "").replace("\n", " ")
        assert all(word in kept for word in text.split()), name


def test_files_without_a_prompt_in_common_are_refused(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    other = tmp_path / "other.json"
    other.write_text(json.dumps([{"instruction": "Sing.", "output": "la", "generator": "o"}]))
    assert main(["audit", "judge", "regex?pattern=x", "--answers", files[0], str(other)]) == 2
    assert "share no prompt" in capsys.readouterr().err
    assert main(["audit", "judge", "regex?pattern=x", "--answers", files[0]]) == 2
    assert "add --answers A B" in capsys.readouterr().err
