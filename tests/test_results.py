"""Pages of results are what their figures say: each is written again from its JSON and compared."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from benchmarks import (
    audit_arenas_page,
    null_model_page,
    refusal_classifier,
    refusals,
    smollm2_lora,
    system_003_page,
    system_013_page,
    system_038_page,
)

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def figures(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def row(record: dict[str, Any], title: str, name: str) -> list[Any]:
    table = next(one for one in record["tables"] if one["title"].startswith(title))
    return next(cells for cells in table["rows"] if cells[0] == name)


def test_the_page_on_null_contenders() -> None:
    record = figures("null-model")
    assert null_model_page.page(record) == (RESULTS / "null-model.md").read_text()


def test_the_fence_takes_the_attack_back_on_a_judge_without_seat_bias() -> None:
    world = figures("null-model")["world"]
    assert 40.0 < world["seat"]["low"] < world["seat"]["high"] < 60.0
    assert row(world, "One answer", "structured and searched")[4]["low"] > 0.0
    assert row(world, "Defences", "fence: structured and searched")[2]["high"] < 0.0
    assert row(world, "Defences", "fence: structured and searched")[1]["high"] < 10.0


def test_smollm2_is_moved_by_both_forms_and_the_page_says_what_the_fence_takes() -> None:
    """The gain is above the plain constant on either sample; a fence that takes nothing back is said to take nothing back."""
    held = figures("null-model")
    for part in ("smollm2", "fence"):
        for text in ("structured", "structured, turned"):
            assert row(held[part], "One answer", text)[4]["low"] > 0.0
    taken = [
        row(held["fence"], "Defences", f"fence: {text}")[6] for text in ("structured", "structured, turned")
    ]
    told = (RESULTS / "null-model.md").read_text()
    assert ("does not take that back" in told) == all(one["high"] >= 0.0 for one in taken)


def test_each_defence_has_its_win_rate_and_what_it_costs_on_2000_matches() -> None:
    world = figures("null-model")["world"]
    for defence in ("no defence", "fence", "smooth"):
        won = [row(world, "Defences", f"{defence}: {text}")[1] for text in world["texts"]]
        assert sum(2 * one["n"] for one in won) == 2000
    for defence in ("fence", "smooth"):
        last = row(world, "Defences", f"{defence}: structured and searched")
        assert last[4]["n"] == last[7]["n"] > 100
        assert last[6]["high"] < 0.0
        before = row(world, "Defences", "no defence: structured and searched")[4]
        assert abs(before["estimate"] + last[7]["estimate"] - last[4]["estimate"]) < 1e-9


def test_the_page_on_refusals() -> None:
    assert refusals.page(figures("refusals")) == (RESULTS / "refusals.md").read_text()


def test_the_page_on_leaderboard_audits() -> None:
    arenas = figures("leaderboard-audit")["arenas"]
    assert audit_arenas_page.page(arenas) == (RESULTS / "leaderboard-audit.md").read_text()
    assert {arena["votes"] for arena in arenas} == {1_500_000}
    assert sum(arena["accused"] for arena in arenas) == 0
    plants = [plant for arena in arenas for plant in arena["plants"]]
    assert all(plant["by_source"] or plant["by_burst"] for plant in plants if plant["aimed"] >= 8)
    assert max(arena.get("audit_cpu", 0.0) for arena in arenas) < 60.0


def test_the_page_on_types_of_refusals() -> None:
    record = figures("refusal-types")
    assert refusal_classifier.page(record) == (RESULTS / "refusal-types.md").read_text()
    said = row(record, "Answers to requests", "with the request")[1]
    assert said["high"] <= 1.0
    _, labels, kinds = zip(*record["third_test"], strict=True)
    told = row(record, "On labelled", "260, new: with the request")
    assert told[1]["estimate"] == pytest.approx(f1_score(labels, kinds, average="macro"))
    seconds = dict(next(one["rows"] for one in record["tables"] if one["title"] == "Speed"))
    assert sum(seconds.values()) < 20.0


def test_refusals_lose_with_one_instruction_and_win_with_the_other() -> None:
    record = figures("refusals")
    assert row(record["alpaca_eval_2"], "Penalties", "technical")[3]["high"] < 0.0
    assert row(record["hh_rlhf"], "Penalties", "ethical")[3]["low"] > 0.0


def test_refusals_of_a_known_size_are_found_and_move_people_and_judge_apart() -> None:
    world = figures("refusals")["world"]
    for name in ("people", "judge", "judge minus people"):
        _, truth, _, covers = row(world, "Penalty of a refusal", name)
        assert covers["low"] <= 95.0 <= covers["high"]
        assert (truth < 0.0) == (name == "people")
    assert row(world, "Draws in which", "rewards")[1]["estimate"] == 100.0
    false_alarms = row(world, "Draws in which", "as people")[1]
    assert false_alarms["low"] <= 5.0 <= false_alarms["high"]
    rates = next(
        one["rows"] for one in world["tables"] if one["title"].startswith("Win rate of the cautious")
    )
    for less, more in pairwise(rates):
        assert more[1]["high"] < less[1]["low"]
        assert more[2]["low"] > less[2]["high"]


def test_the_page_on_temporal_facts() -> None:
    rows = figures("013-timestress")
    assert system_013_page.page(rows) == (RESULTS / "013-timestress.md").read_text()


def test_a_chronicle_told_by_year_is_not_known_by_day() -> None:
    told = [one for one in figures("013-timestress") if one["part"] == "chronicle"]
    assert [one["seed"] for one in told] == [0, 1]
    for row in told:
        by_year, every = row["arms"]["by year"], row["arms"]["at three precisions"]
        assert by_year["told"]["Y"]["W"]["low"] > 90.0
        assert by_year["told"]["R, year less day"]["low"] > 0.0
        assert row["closed"]["R"]["low"] > 0.0
        assert by_year["trend of R"]["low"] > 0.0
        for arm in (by_year, every):
            for p in "YMD":
                untold = arm["never told"][p]["W"]
                assert untold["low"] < 50.0 < untold["high"]


def test_smollm2_tells_dates_above_chance_and_bfloat16_blurs_them() -> None:
    real, blurred = (next(one for one in figures("013-timestress") if one["part"] == part) for part in ("real", "blurred"))  # fmt: skip
    for report in real["reports"].values():
        assert report["facts"] == 25
        assert report["all"]["W"]["low"] > 0.5
        assert report["all"]["R"]["estimate"] == 0.0
    assert blurred["nats"]["mean"] > 0.05
    assert blurred["half_less_full"]["W"]["low"] < 0.0 < blurred["half_less_full"]["W"]["high"]


def test_statements_are_scored_at_least_twice_as_fast_as_in_padded_batches() -> None:
    timed = [one for one in figures("013-timestress") if one["part"] == "speed"]
    assert [one["form"] for one in timed] == ["raw", "chat"]
    for row in timed:
        cost = {name: min(cpu) / row["count"][name] for name, cpu in row["cpu"].items()}
        assert cost["padded"] > 2.0 * cost["shared"]
        assert cost["alone"] > 2.0 * cost["shared"]
        assert row["apart"] < 1e-3


def test_the_page_on_juries_and_the_feedback_loop() -> None:
    rows = figures("003-fellowship")
    assert system_003_page.page(rows) == (RESULTS / "003-fellowship.md").read_text()
    judges, loop = (next(one for one in rows if one["part"] == part) for part in ("judges", "loop"))
    assert judges["within"] >= 45
    assert judges["first"][judges["best"]] >= 45
    assert judges["whole"]["independent"]["pools"]["majority"]["low"] > 0.0
    assert judges["whole"]["with the biased pair"]["pools"]["majority"]["high"] < 0.0
    assert all(one["won"]["low"] > 50.0 for one in loop["dpo"].values())
    assert all(one["best"]["low"] > 50.0 for one in loop["arms"].values())


def test_small_models_behind_a_server_are_told_pair_by_pair() -> None:
    rows = figures("003-fellowship")
    server = next(one for one in rows if one["part"] == "server")
    for name, pairs in (("reference", 30), ("misplaced", 10), ("all", 40)):
        judges = server["tables"][name]["judges"]
        assert {one["all"]["n"] + one["unread"] for one in judges} == {pairs}
        assert {"careful", "friendly", "terse", "jury through one judge"} <= {one["judge"] for one in judges}
        assert all(
            lead["low"] <= lead["estimate"] <= lead["high"]
            for lead in server["tables"][name]["lead"].values()
        )
    assert "debate of three" in {one["judge"] for one in server["tables"]["debated"]["judges"]}
    assert server["wall_seconds"] < 30 * 60
    assert server["spent"]["calls"] > 40 * 2 * 3


def test_debates_that_end_in_a_letter_are_read_where_scores_are_not() -> None:
    debates = next(one for one in figures("003-fellowship") if one["part"] == "debates")
    assert debates["scores"] == {"unparsed": 2 * debates["pairs"]}
    letter = debates["judges"][0]
    assert letter["judge"] == "debate of three, a letter"
    assert (letter["all"]["n"], letter["unread"]) == (debates["pairs"], 0)


def test_the_page_on_ranking_accuracy() -> None:
    record = figures("038-ranking-accuracy")
    assert system_038_page.page(record) == (RESULTS / "038-ranking-accuracy.md").read_text()
    for row in (one for one in record["rows"] if one["part"] == "gamma" and one["gamma"] == 1.0):
        after = system_038_page.epoch(row)
        assert after["turned"]["trend"]["high"] < 0.0
        assert after["turned"]["of"]["high"] < 50.0
        assert after["loss"] < 0.68
        assert row["checkpoints"][-1]["implicit"]["low"] > 80.0
        # At one and the same moment the implicit reward looks good and most of the wrong pairs are still wrong.
        assert system_038_page.apart(row)
    plain = [one["seed"] for one in record["rows"] if one["part"] == "gamma" and one["gamma"] == 1.0]
    assert sorted(plain) == [0, 1, 2]


def test_ranking_and_winning_rise_together_near_the_start_and_part_far_from_it() -> None:
    """On the pairs that were learnt, once the first updates are looked at too; and R and the win rate of all parts are told."""
    record = figures("038-ranking-accuracy")
    learnt = record["spread_training"]["correlation"]
    assert learnt["nearest third"]["low"] > 0.0
    assert learnt["farthest third"]["high"] < 0.0
    assert learnt["nearest less farthest"]["low"] > 0.0
    assert record["nearness_training"]["correlation"]["nearest less farthest"]["low"] > 0.0
    first = [one["checkpoints"][0] for one in record["rows"] if one["part"] == "spread"]
    assert all(one["update"] == 6 and one["kl"] < 0.01 for one in first)


def test_easy_pairs_teach_and_hard_ones_harm_in_every_seed() -> None:
    rows = [one for one in figures("038-ranking-accuracy")["rows"] if one["part"] == "hard"]
    arms = {(one["arm"], one["seed"]): one for one in rows}
    for seed in range(3):
        easy, hard = arms["easy", seed], arms["hard", seed]
        assert easy["pairs"] == hard["pairs"]
        assert easy["won"]["low"] > 50.0 > hard["won"]["high"]
        assert hard["R"]["low"] > easy["R"]["high"]


def test_pairs_are_scored_twice_as_fast_as_in_padded_batches() -> None:
    (row,) = (one for one in figures("038-ranking-accuracy")["rows"] if one["part"] == "speed")
    assert min(row["cpu"]["padded"]) >= 2.0 * min(row["cpu"]["packed"])


def test_the_page_on_an_adapter_of_smollm2() -> None:
    assert smollm2_lora.page(figures("smollm2-lora")) == (RESULTS / "smollm2-lora.md").read_text()
