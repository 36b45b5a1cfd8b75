"""A card against votes with planted properties, and its figures against second implementations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import winsome
from tests.audit.sheets import sheet, votes
from winsome.audit.cards import card, recorded_card
from winsome.audit.people import read_people
from winsome.errors import BadInput
from winsome.matchmaking.judge_cards import card_of, read_card

FAIR = "tests.audit.own_judges:fair"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(people: Path, judge: str, **given: Any) -> dict[str, Any]:
    return dict(card(judge, against=people, ledger="ledger.sqlite", quiet=True, **given).record)


def test_agreement_equals_scikit_learn_and_a_count_by_hand(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rows = votes(80, right=0.75, seed=1)
    found = made(sheet(tmp_path / "h.csv", rows), FAIR)["agreement"]
    truth = ["model_a" if "good" in row["answer_a"] else "model_b" for row in rows]
    said = [row["winner"] for row in rows]
    named = [(t, s) for t, s in zip(truth, said, strict=True) if s != "tie"]
    assert found["accuracy"]["estimate"] == pytest.approx(np.mean([t == s for t, s in named]))
    assert found["accuracy"]["items"] == len(named)
    assert found["same_label"]["estimate"] == pytest.approx(metrics.accuracy_score(said, truth))
    assert found["cohen_kappa"]["estimate"] == pytest.approx(metrics.cohen_kappa_score(truth, said))
    pairs = [
        (rows[i]["winner"], rows[j]["winner"])
        for start in range(0, len(rows), 3)
        for i, j in ((start, start + 1), (start, start + 2), (start + 1, start + 2))
    ]
    assert found["people"]["same_label"]["estimate"] == pytest.approx(np.mean([a == b for a, b in pairs]))
    sides = [(a, b) for a, b in pairs if "tie" not in (a, b)]
    assert found["people"]["accuracy"]["estimate"] == pytest.approx(np.mean([a == b for a, b in sides]))
    for figure in (
        found["accuracy"],
        found["same_label"],
        found["cohen_kappa"],
        found["people"]["fleiss_kappa"],
    ):
        assert figure["low"] < figure["estimate"] < figure["high"]
    assert found["same_label"]["n"] == 80


def test_fleiss_kappa_of_people_equals_a_second_implementation(tmp_path: Path) -> None:
    rows = votes(40, annotators=4, seed=2)
    found = made(sheet(tmp_path / "h.csv", rows), FAIR)["agreement"]["people"]["fleiss_kappa"]["estimate"]
    table = np.array(
        [
            [sum(r["winner"] == w for r in rows[4 * n : 4 * n + 4]) for w in ("model_a", "model_b", "tie")]
            for n in range(40)
        ]
    )
    within = ((table**2).sum(1) - 4) / (4 * 3)
    chance = ((table.sum(0) / table.sum()) ** 2).sum()
    assert found == pytest.approx((within.mean() - chance) / (1 - chance))


def test_a_judge_that_likes_the_first_seat_is_seen_to(tmp_path: Path) -> None:
    people = sheet(tmp_path / "h.csv", votes(300, annotators=1))
    fair, leaning = made(people, FAIR), made(people, f"{FAIR}?lean=0.4")
    assert fair["position"]["first_seat"]["estimate"] == 0.5
    assert fair["position"]["flips"] == {"count": 0, "of": 300}
    seat = leaning["position"]["first_seat"]
    assert seat["low"] < 0.7 < seat["high"]
    # A pair flips where exactly one of its two asks leant towards the seat that the good answer was not in.
    share = leaning["position"]["flips"]["count"] / 300
    assert 0.3 < share < 0.5
    assert leaning["ties"]["judge"]["estimate"] == pytest.approx(share)


def test_noise_between_repeats_is_measured(tmp_path: Path) -> None:
    people = sheet(tmp_path / "h.csv", votes(300, annotators=1))
    assert made(people, FAIR)["consistency"] is None
    found = made(people, f"{FAIR}?noise=0.2", repeats=2)
    figure = found["consistency"]
    assert figure["items"] == 600
    assert figure["low"] < 0.2**2 + 0.8**2 < figure["high"]
    assert found["repeats"] == 2


def test_calibration_bins_hold_what_was_said_and_how_often_it_was_right(tmp_path: Path) -> None:
    people = sheet(tmp_path / "h.csv", votes(200, right=0.9, ties=0.0))
    found = made(people, FAIR)["calibration"]
    assert [b["said"] for b in found["bins"]] == [1.0]
    (only,) = found["bins"]
    assert only["items"] == 600
    assert only["low"] < 0.9 < only["high"]
    assert found["error"] == pytest.approx(1.0 - only["estimate"])


def test_graded_shares_make_bins(tmp_path: Path) -> None:
    rows = votes(200, ties=0.0)
    found = made(sheet(tmp_path / "h.csv", rows), "by_score?scorer=tests.audit.own_judges:length")
    assert found["position"] is None
    assert 3 <= len(found["calibration"]["bins"]) <= 5
    assert found["length"]["judge"]["estimate"] == 1.0
    difference = found["length"]["judge_minus_people"]
    assert difference["estimate"] == pytest.approx(1.0 - found["length"]["people"]["estimate"], abs=0.02)
    said = [b["said"] for b in found["calibration"]["bins"]]
    assert said == sorted(said)


def test_groups_are_the_categories(tmp_path: Path) -> None:
    rows = votes(120, annotators=2)
    found = made(sheet(tmp_path / "h.csv", rows), FAIR)
    assert [(g["by"], g["label"]) for g in found["groups"]] == [("category", "even"), ("category", "odd")]
    even = [row for row in rows if row["category"] == "even" and row["winner"] != "tie"]
    right = np.mean([("good" in row["answer_a"]) == (row["winner"] == "model_a") for row in even])
    assert found["groups"][0]["accuracy"]["estimate"] == pytest.approx(right)


def test_verdicts_are_kept_and_not_asked_again(tmp_path: Path) -> None:
    people = sheet(tmp_path / "h.csv", votes(30))
    first, second = made(people, FAIR), made(people, FAIR)
    assert first["cost"]["seconds"] is not None
    assert second["cost"]["seconds"] is None
    assert {k: v for k, v in first.items() if k not in ("made", "cost")} == {
        k: v for k, v in second.items() if k not in ("made", "cost")
    }


def test_answers_that_a_rule_decides_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = votes(20, annotators=1)
    rows[3] |= {"answer_a": ""}
    rows[4] |= {"answer_b": rows[4]["answer_a"]}
    found = made(sheet(tmp_path / "h.csv", rows), FAIR)
    assert found["outcomes"] == {"judged": 18, "by rule": 2, "unparsed": 0, "void": 0, "not asked": 0}


def test_a_report_shows_the_card_of_its_judge_or_says_unmeasured(tmp_path: Path) -> None:
    rows = votes(12, annotators=1)
    for side in "ab":
        lines = [{"prompt": row["prompt"], "output": row[f"answer_{side}"], "model": side} for row in rows]
        (tmp_path / f"{side}.json").write_text(json.dumps(lines), "utf-8")
    found = winsome.compare("a.json", "b.json", judge=FAIR, quiet=True)
    assert found.record["judge"]["card"] is None
    page = found.folder / "report.html"
    assert "judge unmeasured" in page.read_text("utf-8")
    kept = card(FAIR, against=sheet(tmp_path / "h.csv", rows), quiet=True)
    assert kept.path == Path(".winsome/cards") / f"{found.record['judge']['id']}.json"
    assert card_of(found.record["judge"]["id"]) == str(kept.path)
    assert read_card(kept.path) == kept.record
    winsome.write_report(found)
    text = page.read_text("utf-8")
    assert "judge unmeasured" not in text
    assert "12 votes by 1 people on 12 pairs" in text
    again = winsome.compare("a.json", "b.json", judge=FAIR, quiet=True)
    assert again.record["judge"]["card"] == str(kept.path)


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    people = sheet(tmp_path / "h.csv", votes(3))
    with pytest.raises(BadInput, match='cluster "town" is unknown'):
        made(people, FAIR, cluster="town")
    with pytest.raises(BadInput, match="level 2 is not between"):
        made(people, FAIR, level=2)
    with pytest.raises(BadInput, match="nothing was asked"):
        made(people, FAIR, confirm=lambda planned: planned.asks != 6)
    (tmp_path / "bad.json").write_text("{", "utf-8")
    with pytest.raises(BadInput, match="is no readable card"):
        read_card(tmp_path / "bad.json")


def test_limits_take_the_first_pairs(tmp_path: Path) -> None:
    people = read_people(sheet(tmp_path / "h.csv", votes(10))).limited(4)
    assert len(people.pairs) == 4
    assert len(people.share) == len(people.annotator) == 12
    assert made(tmp_path / "h.csv", FAIR, limit=4)["against"]["pairs"] == 4


def test_recorded_votes_of_a_judge_have_the_kappa_of_scikit_learn(shared_data: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    folder = shared_data / "llmfao"
    found = recorded_card(
        folder / "gpt4_votes.csv",
        against=folder / "crowd_votes.csv",
        pairs=folder / "pairs.parquet",
        ledger="l.sqlite",
    ).record
    votes_of = {name: pl.read_csv(folder / f"{name}_votes.csv") for name in ("crowd", "gpt4")}
    both = votes_of["crowd"].join(votes_of["gpt4"].select("id", said="winner"), on="id")
    agreed = found["agreement"]
    assert agreed["cohen_kappa"]["estimate"] == pytest.approx(
        metrics.cohen_kappa_score(both["winner"], both["said"])
    )
    assert agreed["same_label"]["estimate"] == pytest.approx((both["winner"] == both["said"]).mean())
    assert (found["against"]["votes"], found["against"]["pairs"]) == (6204, 1479)
    assert found["position"] is None
    assert agreed["people"]["same_label"]["estimate"] > agreed["same_label"]["estimate"]


def test_recorded_verdicts_follow_pairs_that_are_turned_round(tmp_path: Path) -> None:
    rows = votes(10, annotators=1, ties=0.0)
    turned = [
        row | {"answer_a": row["answer_b"], "answer_b": row["answer_a"], "winner": {"model_a": "model_b"}.get(row["winner"], "model_a")}
        for row in rows[:8]
    ]  # fmt: skip
    found = recorded_card(
        sheet(tmp_path / "judge.csv", turned), against=sheet(tmp_path / "h.csv", rows), ledger="l.sqlite"
    ).record
    assert found["agreement"]["same_label"]["estimate"] == 1.0
    assert found["outcomes"]["not asked"] == 2
    other = sheet(tmp_path / "o.csv", [row | {"prompt": "another"} for row in rows])
    with pytest.raises(BadInput, match="no pair in common"):
        recorded_card(other, against=tmp_path / "h.csv", ledger="l.sqlite")


def test_equal_answers_under_two_ids_are_two_pairs(tmp_path: Path) -> None:
    pair = {"prompt": "q", "answer_a": "a good one", "answer_b": "one", "model_a": "x", "model_b": "y"}
    pairs = sheet(tmp_path / "p.csv", [pair | {"id": n} for n in range(3)])
    people = sheet(tmp_path / "v.csv", [{"id": n, "winner": "left"} for n in range(3)])
    assert made(people, FAIR, pairs=pairs)["outcomes"]["judged"] == 3
