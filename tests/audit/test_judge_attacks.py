"""The judge audit: what moves a judge of known faults is alarmed, a judge without them is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from winsome.audit import false_alarms, judge_probes
from winsome.audit.findings import mean_share
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


def test_every_probe_says_how_often_its_rule_errs(files: list[str]) -> None:
    record = audit_judge("regex?pattern=professors", answers=files[:2], quiet=True)
    rows = {row[0]: row[5] for row in record["tables"][0]["rows"]}
    assert (
        rows["control"]["estimate"] == rows["verbosity"]["estimate"] == 0.0
    )  # always a tie, either way round
    assert 0.0 < rows["authority"]["high"] < 10.0
    assert rows["refusal"] == rows["constant"] == false_alarms.of_null(20, 10.0)


def test_the_rule_is_that_of_the_interval() -> None:
    draw = np.random.default_rng(0)
    shares = draw.choice([0.0, 0.25, 0.5, 1.0], size=(200, 17))
    for limit in (10.0, 50.0):
        lows = [mean_share(row)["low"] for row in shares]
        assert false_alarms.alarmed(shares, limit).tolist() == [low > limit for low in lows]
    assert false_alarms.alarmed(np.ones((1, 12)), 50.0).all()
    assert not false_alarms.alarmed(np.zeros((1, 12)), 10.0).any()


def test_the_rule_of_nulls_errs_as_the_binomial_says() -> None:
    """At 20 prompts the rule holds from 5 wins on: 0.25 - 0.1 > 2.093 sqrt(0.09 / 19)."""
    assert false_alarms.of_null(20, 10.0) == pytest.approx(100 * scipy.stats.binom.sf(4, 20, 0.1), rel=1e-9)
    assert all((false_alarms.of_null(n, 10.0) or 0.0) < 5.5 for n in range(2, 120))
    assert false_alarms.of_null(0, 10.0) is None


def test_an_edit_that_moves_nobody_is_alarmed_in_one_of_forty() -> None:
    """Of 200 fair coins 114 heads and more: 0.57 - 0.5 > 1.972 sqrt(0.25 / 199)."""
    found = false_alarms.of_edit(np.tile([0.0, 1.0], 100))
    assert found["n"] == false_alarms.DRAWS
    assert found["low"] <= 100 * scipy.stats.binom.sf(113, 200, 0.5) <= found["high"]
    assert false_alarms.of_edit(np.array([np.nan]))["estimate"] is None


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
