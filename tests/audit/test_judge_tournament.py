"""Judges ranked against people: published votes, planted judges, juries, warnings."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from winsome.audit.judge_cascade import measured_cascade
from winsome.audit.judge_entrants import entrants
from winsome.audit.judge_tournament import Entrant, Gold, gold_of, juries, ranked, tournament
from winsome.audit.judges_plan import tournament_plan
from winsome.audit.measures import labels
from winsome.audit.people import People, read_people
from winsome.errors import BadInput
from winsome.specs import factory_of, parse

SIDES = {"left": 1.0, "right": 0.0, "tie": 0.5}


def llmfao(
    shared_data: Path, tmp_path: Path, judges: tuple[str, ...] = ("gpt4", "gpt3"), **settings: Any
) -> dict[str, Any]:
    folder = shared_data / "llmfao"
    files = [str(folder / f"{judge}_votes.csv") for judge in judges]
    own = {"cluster": "pair", "ledger": tmp_path / "l.sqlite", "quiet": True}
    return tournament(
        files, gold=folder / "crowd_votes.csv", pairs=folder / "pairs.parquet", **(own | settings)
    )


def test_published_votes_agree_with_the_crowd_as_published(shared_data: Path, tmp_path: Path) -> None:
    found = llmfao(shared_data, tmp_path)
    assert (found["gold"]["pairs"], found["gold"]["with_plurality"]) == (1479, 1276)
    rows = {row["judge"]: row for row in found["judges"]}
    expected = {
        "gpt4_votes.csv": (0.409, 0.1715, 0.708, 0.418, 712),
        "gpt3_votes.csv": (0.357, 0.0755, 0.603, 0.195, 657),
    }
    for name, (agreement, kappa, sided, sided_kappa, n) in expected.items():
        row = rows[name]
        assert row["all"]["agreement"]["estimate"] == pytest.approx(agreement, abs=5e-4)
        assert row["all"]["kappa"]["estimate"] == pytest.approx(kappa, abs=5e-4)
        assert row["sided"]["agreement"]["estimate"] == pytest.approx(sided, abs=5e-4)
        assert row["sided"]["kappa"]["estimate"] == pytest.approx(sided_kappa, abs=5e-4)
        assert row["sided"]["n"] == n
    (between,) = found["between"]
    assert between["agreement"]["estimate"] == pytest.approx(0.521, abs=5e-4)
    assert between["kappa"]["estimate"] == pytest.approx(0.166, abs=5e-4)
    assert found["gold"]["tie_rate"] > 10 * rows["gpt4_votes.csv"]["tie_rate"]


def test_kappa_is_scikit_learns(shared_data: Path, tmp_path: Path) -> None:
    found = llmfao(shared_data, tmp_path)
    folder = shared_data / "llmfao"
    people = read_people(folder / "crowd_votes.csv", folder / "pairs.parquet")
    gold = gold_of(people)
    with (folder / "gpt4_votes.csv").open() as file:
        said = {row["id"]: SIDES[row["winner"]] for row in csv.DictReader(file)}
    theirs = labels(np.array([said[pair.id] for pair in people.pairs]))
    wanted = cohen_kappa_score(theirs[gold.known], gold.label[gold.known])
    row = next(row for row in found["judges"] if row["judge"] == "gpt4_votes.csv")
    assert row["all"]["kappa"]["estimate"] == pytest.approx(wanted, abs=1e-12)


def planted(accuracies: list[float], n: int, seed: int, copies: bool = False) -> tuple[list[Entrant], Gold]:
    """Judges of known accuracy on pairs without ties; with `copies` the second and third share most of their errors."""
    draw = np.random.default_rng(seed)
    truth = (2 * draw.integers(0, 2, n)).astype(np.int32)
    found = list[Entrant]()
    for number, accuracy in enumerate(accuracies):
        right = draw.random(n) < accuracy
        if copies and number == 2:
            right = np.where(draw.random(n) < 0.9, found[1].label == truth, right)
        label = np.where(right, truth, 2 - truth).astype(np.int32)
        found.append(
            Entrant(f"judge {number}", "single", label, label / 2.0, money=float(number), seconds=0.0)
        )
    people = People("planted", (), np.arange(n, dtype=np.int32), truth / 2.0, (None,) * n)
    object.__setattr__(people, "pairs", tuple([None] * n))
    return found, Gold(people, truth, np.arange(n, dtype=np.int32))


def agreement(found: dict[str, Any], name: str) -> float:
    return next(row["all"]["agreement"]["estimate"] for row in found["judges"] if row["judge"] == name)


def test_the_truly_best_judge_is_found_and_independent_juries_beat_it() -> None:
    judges, gold = planted([0.75, 0.72, 0.73], 4000, 1)
    found = ranked([*judges, *juries(judges, gold)], gold)
    a, b, c = 0.75, 0.72, 0.73
    expected = a * b * c + a * b * (1 - c) + a * (1 - b) * c + (1 - a) * b * c
    assert agreement(found, "jury of 3 by majority") == pytest.approx(
        expected, abs=3 * np.sqrt(expected * (1 - expected) / 4000)
    )
    for pool in ("majority", "mean", "weighted"):
        assert agreement(found, f"jury of 3 by {pool}") > agreement(found, "judge 0")
    behind = next(row["behind"] for row in found["judges"] if row["judge"] == "judge 0")
    assert behind["high"] < 0


def test_a_jury_of_judges_that_err_alike_is_worth_less() -> None:
    apart, gold = planted([0.7, 0.7, 0.7], 4000, 2)
    alike, same = planted([0.7, 0.7, 0.7], 4000, 2, copies=True)
    name = "jury of 3 by majority"
    independent = agreement(ranked(juries(apart, gold), gold), name)
    shared = agreement(ranked(juries(alike, same), same), name)
    assert independent - shared > 0.03


def test_the_best_of_five_is_picked_in_nine_of_ten_arenas() -> None:
    """Within its interval: the judge that leads, or one whose paired interval to the leader holds 0, is the truly best."""
    hits = 0
    for seed in range(50):
        judges, gold = planted([0.80, 0.76, 0.74, 0.70, 0.60], 500, 100 + seed)
        rows = {row["judge"]: row for row in ranked(judges, gold)["judges"]}
        behind = rows["judge 0"]["behind"]
        hits += behind["high"] >= 0.0
    assert hits >= 45


def test_the_cheapest_that_is_not_worse_is_suggested() -> None:
    judges, gold = planted([0.70, 0.80, 0.80], 4000, 3)
    assert ranked(judges, gold, delta=0.05)["suggested"] in ("judge 1", "judge 2")
    assert ranked(judges, gold, delta=0.2)["suggested"] == "judge 0"


def test_a_gold_of_one_label_is_refused(tmp_path: Path) -> None:
    rows = "prompt,answer_a,answer_b,winner\n" + "".join(f"Question {n},x{n},y{n},a\n" for n in range(3))
    (tmp_path / "gold.csv").write_text(rows)
    with pytest.raises(BadInput, match="one label only"):
        gold_of(read_people(tmp_path / "gold.csv"))


def test_a_judge_named_twice_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """Two seats of one judge would be a jury whose majority is that judge."""
    for names in (["votes.csv", "votes.csv"], ["embedded:judge", "votes.csv", "embedded:judge"]):
        with pytest.raises(BadInput, match="is named twice; give each judge once"):
            tournament(names, gold=tmp_path / "gold.csv", ledger=tmp_path / "l.db")
        with pytest.raises(BadInput, match="is named twice; give each judge once"):
            tournament_plan(names, gold=tmp_path / "gold.csv", ledger=tmp_path / "l.db")


def test_a_judge_of_a_contenders_family_is_flagged_or_refused(tmp_path: Path) -> None:
    head = "prompt,answer_a,answer_b,winner,model_a,model_b\n"
    (tmp_path / "gold.csv").write_text(
        head + "".join(f"Q{n},x{n},y{n}{n},{'ab'[n % 2]},gpt-4,llama-2\n" for n in range(4))
    )
    (tmp_path / "gpt-3.5.csv").write_text(
        head + "".join(f"Q{n},x{n},y{n}{n},a,gpt-4,llama-2\n" for n in range(4))
    )
    own: dict[str, Any] = {
        "gold": tmp_path / "gold.csv",
        "ledger": tmp_path / "l.sqlite",
        "quiet": True,
        "cluster": "pair",
    }
    found = tournament([str(tmp_path / "gpt-3.5.csv")], **own)
    assert "both gpt" in found["judges"][0]["warning"]
    with pytest.raises(BadInput, match="may prefer its own"):
        tournament([str(tmp_path / "gpt-3.5.csv")], strict=True, **own)


def test_models_are_tried_in_every_style_and_scale() -> None:
    names = entrants(["openai:a"], ["direct", "independent", "combined"], ["5", "10"], ["single", "debate"])
    assert len(names) == 1 + 2 + 2 + 2
    assert all(factory_of(parse(name), "Judge") is not None for name in names)
    with pytest.raises(BadInput, match="no style"):
        entrants(["x"], ["loud"], ["10"], ["single"])
    with pytest.raises(BadInput, match="no whole number"):
        entrants(["x"], ["combined"], ["1"], ["single"])


def test_the_cascade_of_two_recorded_judges(shared_data: Path, tmp_path: Path) -> None:
    """GPT-3.5 first, GPT-4 where it ties: a tie is unsure, so the two thresholds are none, ties, all."""
    folder = shared_data / "llmfao"
    found = measured_cascade(
        str(folder / "gpt3_votes.csv"), str(folder / "gpt4_votes.csv"), gold=folder / "crowd_votes.csv",
        pairs=folder / "pairs.parquet", costs="1,20", cluster="pair", ledger=tmp_path / "l.sqlite", quiet=True,
    )  # fmt: skip
    curve = found["curve"]
    assert [point["sent"] for point in curve] == pytest.approx([0.0, curve[1]["sent"], 1.0])
    assert 0.05 < curve[1]["sent"] < 0.15
    assert curve[0]["accuracy"] < curve[1]["accuracy"] < curve[-1]["accuracy"]
    assert curve[1]["cost"] == pytest.approx(1 + 20 * curve[1]["sent"])
    assert found["chosen"]["sent"] == 1.0
    with pytest.raises(BadInput, match="no two numbers"):
        measured_cascade("a", "b", gold="x", costs="cheap")


@pytest.mark.slow
def test_the_embedded_judge_in_a_jury_and_before_gpt_4_against_the_crowd(
    shared_data: Path, tmp_path: Path
) -> None:
    """The jury of three with kappa and intervals, and the cascade's curve with the chosen point, on the first pairs of the crowd."""
    folder = shared_data / "llmfao"
    own: dict[str, Any] = {"cluster": "pair", "ledger": tmp_path / "l.sqlite", "quiet": True, "limit": 60}
    files = [str(folder / f"{judge}_votes.csv") for judge in ("gpt4", "gpt3")]
    about: dict[str, Any] = {"gold": folder / "crowd_votes.csv", "pairs": folder / "pairs.parquet"}
    found = tournament(["embedded:judge", *files], **about, **own)
    names = {row["judge"] for row in found["judges"]}
    assert {"embedded:judge", "gpt4_votes.csv", "gpt3_votes.csv"} <= names
    assert {f"jury of 3 by {pool}" for pool in ("majority", "mean", "weighted")} <= names
    for row in found["judges"]:
        for part in ("all", "sided"):
            for figure in ("agreement", "kappa"):
                one = row[part][figure]
                assert one["low"] <= one["estimate"] <= one["high"], (row["judge"], part, figure)
    curve = measured_cascade("embedded:judge", files[0], costs="0,1", **about, **own)
    sent = [point["sent"] for point in curve["curve"]]
    assert (sent[0], sent[-1]) == (0.0, 1.0)
    assert sent == sorted(sent)
    assert [point["cost"] for point in curve["curve"]] == pytest.approx(sent)
    chosen = curve["chosen"]
    assert chosen["loss_high"] <= 0.02
    cheaper = [point for point in curve["curve"] if point["cost"] < chosen["cost"]]
    assert all(point["loss_high"] > 0.02 for point in cheaper)
