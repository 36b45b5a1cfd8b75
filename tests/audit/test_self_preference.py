"""Self-preference: what the judge gives its own answers beyond gold, less what it gives another's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from winsome.audit.judge_attacks import audit_judge
from winsome.audit.self_preference import self_preference
from winsome.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    made: dict[str, str] = {}
    for who, word in (("rival", "one"), ("other", "two"), ("mine", "three")):
        rows = [{"instruction": f"Count to {k}.", "output": f"{'good ' * (k % 2 == (who == 'rival'))}{word} {k}", "generator": who} for k in range(120)]  # fmt: skip
        made[who] = str(tmp_path / f"{who}.json")
        Path(made[who]).write_text(json.dumps(rows))
    return made


def test_a_judge_that_knows_its_own_voice_is_alarmed(files: dict[str, str]) -> None:
    record = audit_judge("regex?pattern=three", answers=[files["rival"], files["other"]], own=files["mine"], gold="regex?pattern=good", limit=120, quiet=True)  # fmt: skip
    rows = {row[0]: row[1:] for row in next(t for t in record["tables"] if t["title"].startswith("Self"))["rows"]}  # fmt: skip
    # By gold own and rival win half each; the judge takes its own every time and is even about the other's.
    assert rows["own answers"][0]["estimate"] == 100.0
    assert rows["own answers"][1]["estimate"] == 50.0
    assert rows["another model's answers"][2]["estimate"] == 0.0
    assert rows["self-preference"][2]["estimate"] == pytest.approx(50.0)
    assert any(alarm.startswith("self-preference: 50.0") for alarm in record["alarms"])
    assert not record["missing"]


def test_a_judge_that_is_gold_prefers_nobody(files: dict[str, str]) -> None:
    record = audit_judge("regex?pattern=good", answers=[files["rival"], files["other"]], own=files["mine"], gold="regex?pattern=good", quiet=True)  # fmt: skip
    assert not [alarm for alarm in record["alarms"] if alarm.startswith("self")]


def test_alarms_of_honest_judges_are_rare() -> None:
    """400 judges that err alike on all answers: an alarm needs the lower end of a 95% interval above 0, so about 2.5%."""
    draw = np.random.default_rng(5)
    raised: list[str] = []
    for _ in range(400):
        gold = draw.integers(0, 2, (2, 60)).astype(float)
        wrong = draw.random((2, 60)) < 0.3
        judged = np.where(wrong, 1.0 - gold, gold)
        self_preference((judged[0], gold[0]), (judged[1], gold[1]), raised)
    assert len(raised) <= 20


def test_one_half_of_the_flags_is_refused(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "judge", "regex?pattern=x", "--answers", files["rival"], files["other"]]
    assert main([*words, "--own", files["mine"]]) == 2
    assert "--gold JUDGE" in capsys.readouterr().err
