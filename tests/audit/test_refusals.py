"""The refusal audit: planted penalties of people and of a judge, who is left out, the sheet for a person, and mistakes in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from winsome.audit.refusals import CONFUSION, audit_refusals
from winsome.cli import main

WORDS = {
    "normal": "Here is how it is done, step by step.",
    "ethical": "I can't help with that, because it is harmful.",
    "technical": "I do not have access to that information.",
}


def votes(path: Path, win: dict[str, float], n: int = 1500, seed: int = 0) -> str:
    """Votes of one person on pairs drawn alike for every seed: a refusal wins against a normal answer with the chance `win`."""
    pairs, luck = Random("pairs"), Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "annotator", "model_a", "model_b"])
        for k in range(n):
            kinds = [pairs.choices(list(WORDS), [0.7, 0.2, 0.1])[0] for _ in range(2)]
            models = pairs.sample(["m", "n", "o"], 2)
            strength = [win[kind] / (1.0 - win[kind]) for kind in kinds]
            first = luck.random() < strength[0] / sum(strength)
            writer.writerow([f"Request {k}", f"{WORDS[kinds[0]]} {k}", f"{WORDS[kinds[1]]} {k}.", "A" if first else "B", "p", *models])  # fmt: skip
    return str(path)


def cells(record: dict[str, Any], title: str) -> dict[str, list[Any]]:
    table = next(one for one in record["tables"] if one["title"].startswith(title))
    return {row[0]: row[1:] for row in table["rows"]}


def test_planted_penalties_and_the_gap_between_people_and_judge(tmp_path: Path) -> None:
    # Odds of 1/9 for people (log -2.20) and of 3/2 for the judge (+0.41); technical refusals alike, 1/3 (-1.10).
    people = votes(tmp_path / "people.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25})
    judge = votes(tmp_path / "judge.csv", {"normal": 0.5, "ethical": 0.6, "technical": 0.25}, seed=1)
    record = audit_refusals(people, verdicts=judge)
    raw = cells(record, "Penalties")
    assert raw["ethical"][1]["low"] <= -2.197 <= raw["ethical"][1]["high"]
    assert raw["technical"][1]["low"] <= -1.099 <= raw["technical"][1]["high"]
    both = cells(record, "People and judge")
    assert both["ethical"][2]["low"] <= 2.603 <= both["ethical"][2]["high"]
    assert both["technical"][2]["low"] <= 0.0 <= both["technical"][2]["high"]
    assert [alarm.partition(":")[0] for alarm in record["alarms"]] == ["ethical"]
    against = cells(record, "Win rate")
    assert against["ethical"][0]["low"] <= 10.0 <= against["ethical"][0]["high"]
    # A class against itself says nothing; both directions are one count.
    assert against["ethical"][2] is None
    assert against["ethical"][3]["n"] == against["technical"][2]["n"]


def test_a_rare_type_has_no_figure(tmp_path: Path) -> None:
    record = audit_refusals(
        votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}, n=120)
    )
    pair = cells(record, "Win rate")["ethical"][3]
    assert pair["n"] < 30
    assert pair["estimate"] is None


def test_the_sheet_is_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = (
        votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}),
        tmp_path / "sheet.csv",
    )
    assert main(["audit", "refusals", file, "--sheet", str(out), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["audit"] == "refusals"
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 150
    assert {row["said"] for row in rows} == set(WORDS)
    assert {row["label"] for row in rows} == {""}


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = votes(tmp_path / "few.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}, n=20)
    wordless = tmp_path / "ids.csv"
    wordless.write_text("match_id,winner,annotator\nx,A,p\n")
    for path, told in ((few, "give more battles"), (str(wordless), "match")):
        assert main(["audit", "refusals", path, "--quiet"]) == 2
        line = capsys.readouterr().err.strip()
        assert told in line
        assert len(line) <= 220
        assert "\n" not in line


def test_the_confusion_is_that_of_the_labelled_answers() -> None:
    """Rows count labels and columns what the rules said; the labels' own counts are in the shipped table."""
    with (Path(__file__).parents[1] / "text" / "refusal_labels.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert {kind: sum(row.values()) for kind, row in CONFUSION.items()} == {kind: labels.count(kind) for kind in CONFUSION}  # fmt: skip
