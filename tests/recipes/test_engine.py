"""What a run keeps: caches by content, rounds, arms, counts, a folder with everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from tests.recipes.conftest import ANSWER, BEST, GOLD, HALF, LOAD, NOISY, RATE, TEST, recipe, rows
from winsome.errors import BadInput
from winsome.frames import ancestors
from winsome.recipes.run import Ran, run

Play = Callable[..., Ran]
BETTER = "world:instruction#oracle?quality=0.9"


def test_counts_in_are_counts_out_plus_dropped_at_every_step(play: Play) -> None:
    ran = play(LOAD, ANSWER, RATE, {"filter": {"rule": "score", "min": 0.5, "frame": "responses"}}, BEST)
    by_step = {step["step"]: step for step in ran.record["steps"]}
    assert rows(ran)["generate"] == {"responses": 120}
    kept = by_step["filter"]["rows"]["responses"]
    assert kept + sum(by_step["filter"]["dropped"].values()) == 120
    pairs = ran.frame("pair", "pairs")
    used = set(pairs["chosen_id"]) | set(pairs["rejected_id"])
    assert len(used) + sum(by_step["pair"]["dropped"].values()) == kept


def test_every_row_leads_back_to_the_prompt_it_came_from(play: Play) -> None:
    ran = play(LOAD, ANSWER, RATE, BEST)
    frames = {name: ran.frame("pair", name) for name in ("prompts", "responses", "pairs")}
    prompts = set(frames["prompts"]["prompt_id"])
    for pair in frames["pairs"].iter_rows(named=True):
        above = ancestors(frames, [pair["pair_id"]])
        assert above & prompts == {pair["prompt_id"]}
        assert {pair["chosen_id"], pair["rejected_id"]} <= above


def test_equal_runs_are_found_in_the_cache_and_changes_only_redo_what_follows(play: Play) -> None:
    steps = (LOAD, ANSWER, RATE, BEST)
    first, again = play(*steps), play(*steps)
    assert not any(step["cached"] for step in first.record["steps"])
    assert all(step["cached"] for step in again.record["steps"])
    assert first.frame("pair", "pairs").equals(again.frame("pair", "pairs"))
    changed = play(*steps, set={"pair.margin": 0.5})
    assert [step["cached"] for step in changed.record["steps"]] == [True, True, True, False]
    seeded = play(*steps, seed=1)
    assert [step["cached"] for step in seeded.record["steps"]][1:] == [False, False, False]


def test_a_step_without_cache_is_made_each_time(play: Play) -> None:
    steps = (LOAD, {"generate": {"by": HALF, "n": 2, "cache": False}})
    play(*steps)
    again = play(*steps)
    assert [step["cached"] for step in again.record["steps"]] == [True, False]


def test_a_cached_frame_that_was_changed_is_named(play: Play, here: Path) -> None:
    ran = play(LOAD, ANSWER)
    place = ran.products["generate"].frames["responses"].path
    held = pl.read_parquet(place)
    place.unlink()
    held.head(3).write_parquet(place)
    with pytest.raises(BadInput, match=r"responses\.parquet: was changed since it was made") as raised:
        play(LOAD, ANSWER)
    assert raised.value.exit_code == 2
    place.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        play(LOAD, ANSWER)


def test_the_run_folder_holds_recipe_frames_log_seed_and_versions(play: Play) -> None:
    ran = play(LOAD, ANSWER, seed=7)
    held = orjson.loads((ran.folder / "recipe.json").read_bytes())
    assert held["state"] == "finished"
    assert held["seed"] == 7
    assert "winsome" in held["versions"]
    assert "bit for bit" in held["exact"] or "within intervals" in held["exact"]
    for step in held["steps"]:
        for name, count in step["rows"].items():
            assert pl.read_parquet(ran.folder / "frames" / step["step"] / f"{name}.parquet").height == count
    events = [orjson.loads(line)["event"] for line in (ran.folder / "log").read_text("utf-8").splitlines()]
    assert events == ["started", "step", "step", "finished"]
    assert (ran.folder / "recipe.yaml").is_file()


def test_limit_cuts_what_a_step_reads_and_says_so(play: Play) -> None:
    ran = play(LOAD, {"generate": {"by": HALF, "n": 2, "limit": 10}})
    step = ran.record["steps"][-1]
    assert step["rows"]["responses"] == 20
    assert step["dropped"] == {"over the limit of 10": 20}
    assert ran.frame("generate", "prompts").height == 30


def test_for_each_runs_once_a_value_and_joins_what_comes(play: Play) -> None:
    ran = play(
        LOAD,
        ANSWER,
        RATE,
        {"select": {"rule": "topk", "budget": 1, "scope": "global", "for_each": "category"}},
    )
    prompts, chosen = ran.frame("load", "prompts"), ran.frame("select", "responses")
    categories = chosen.join(prompts, on="prompt_id")["category"]
    assert sorted(categories) == sorted(set(prompts["category"]))


def test_steps_run_in_the_order_of_what_they_need(play: Play) -> None:
    ran = play(
        {"pair": {"rule": "best_worst", "from": "score"}},
        {"score": {"by": NOISY, "from": "generate"}},
        {"generate": {"by": HALF, "n": 2, "from": "load"}},
        {"load": {"source": TEST}},
    )
    assert [step["step"] for step in ran.record["steps"]] == ["load", "generate", "score", "pair"]


def test_a_pool_answers_each_prompt_and_names_stand_for_contenders(play: Play) -> None:
    ran = play(
        LOAD, {"generate": {"by": ["@half", "@better"], "n": 1}}, names={"half": HALF, "better": BETTER}
    )
    assert set(ran.frame("generate", "responses")["contender"]) == {HALF, BETTER}
    assert rows(ran)["generate"] == {"responses": 60}


def test_scores_of_several_scorers_stand_beside_each_other(play: Play) -> None:
    ran = play(
        LOAD,
        ANSWER,
        {"score": {"by": NOISY, "aspect": "cheap"}},
        {"score": {"id": "true", "by": GOLD, "aspect": "true"}},
    )
    scores = ran.frame("true", "scores")
    assert scores.group_by("aspect").len().sort("aspect").rows() == [("cheap", 120), ("true", 120)]
    assert scores["subject_id"].n_unique() == 120


def test_a_judges_choice_is_the_share_of_comparisons_won(play: Play) -> None:
    ran = play(
        LOAD,
        {"generate": {"by": HALF, "n": 3}},
        {"score": {"by": GOLD}},
        {"judge": {"id": "choose", "by": GOLD, "output": "choice", "aspects": ["wins"]}},
    )
    scores = ran.frame("choose", "scores")
    value = {
        row["subject_id"]: row["value"] for row in scores.filter(pl.col("aspect") == "").iter_rows(named=True)
    }
    answers = ran.frame("choose", "responses")
    for row in scores.filter(pl.col("aspect") == "wins").iter_rows(named=True):
        own = answers.filter(pl.col("response_id") == row["subject_id"])
        prompt = own["prompt_id"].item()
        others = [
            id
            for id in answers.filter(pl.col("prompt_id") == prompt)["response_id"]
            if id != row["subject_id"]
        ]
        mine = value[row["subject_id"]]
        expected = sum(1.0 if mine > value[o] else 0.5 if mine == value[o] else 0.0 for o in others) / len(
            others
        )
        assert row["value"] == pytest.approx(expected)


def test_a_loop_moves_its_seed_on_and_carries_the_frames_it_is_told(play: Play) -> None:
    body = [ANSWER, RATE, BEST]
    ran = play(LOAD, {"loop": {"rounds": 2, "policy": HALF, "carry": ["pairs"], "body": body}})
    counts = {step["step"]: step["rows"].get("pairs") for step in ran.record["steps"]}
    first, both = counts["loop/1/pair"], counts["loop/2/pair"]
    assert first is not None
    assert both is not None
    assert both > first
    seeds = {step["step"]: step["seed"] for step in ran.record["steps"]}
    assert seeds["loop/2/generate"] == seeds["loop/1/generate"] + 1
    alone = play(LOAD, {"loop": {"rounds": 2, "policy": HALF, "body": body}})
    assert rows(alone)["loop/1/pair"]["pairs"] == first
    assert rows(alone)["loop/2/pair"]["pairs"] == both - first


def test_a_schedule_changes_a_key_round_by_round(play: Play) -> None:
    ran = play(
        LOAD, {"loop": {"rounds": 2, "policy": HALF, "schedule": {"generate.n": [1, 3]}, "body": [ANSWER]}}
    )
    assert rows(ran)["loop/1/generate"] == {"responses": 30}
    assert rows(ran)["loop/2/generate"] == {"responses": 90}


def test_arms_differ_in_what_they_say_alone(play: Play) -> None:
    arms = {"best": {"choose.rule": "topk"}, "one": {"choose.rule": "random", "choose.scope": "per_prompt"}}
    choose = {"select": {"id": "choose", "rule": "topk", "budget": 1}}
    ran = play(LOAD, ANSWER, RATE, {"sweep": {"arms": arms, "body": [choose]}})
    assert rows(ran)["sweep/best/choose"] == rows(ran)["sweep/one/choose"] == {"responses": 30}
    grid = play(LOAD, {"sweep": {"arms": {"generate.n": [1, 2], "generate.limit": [5, 6]}, "body": [ANSWER]}})
    made = [row["responses"] for name, row in rows(grid).items() if name.startswith("sweep/")]
    assert made == [5, 6, 10, 12]


def test_a_match_is_a_comparison_with_its_own_standings(play: Play) -> None:
    import winsome

    ran = play(LOAD, {"match": {"a": BETTER, "b": HALF, "suite": TEST, "judge": GOLD}}, "report")
    alone = winsome.compare(BETTER, HALF, suite=TEST, judge=GOLD, baseline=HALF, quiet=True)
    assert ran.standings == alone.standings.payload()
    assert (ran.matches[0] / "run.json").is_file()
    (row,) = ran.record["report"]["waterfall"]
    assert row["estimate"] == pytest.approx(
        next(r for r in alone.standings.payload()["rows"] if r["contender"] == BETTER)["estimate"]
    )


def test_a_match_for_each_category_is_one_comparison_each(play: Play) -> None:
    ran = play(
        LOAD, {"match": {"a": BETTER, "b": HALF, "suite": TEST, "judge": GOLD, "for_each": "category"}}
    )
    parts = {match["part"]: match["standings"]["rows"][0]["n"] for match in ran.record["matches"]}
    assert len(parts) > 3
    assert sum(parts.values()) == 30
    assert all(
        match["figure"].startswith(f"world:instruction/category={match['part']}@")
        for match in ran.record["matches"]
    )


def test_winsome_run_writes_the_page_of_every_match(here: Path) -> None:
    import winsome

    ran = winsome.run(recipe(LOAD, {"match": {"a": BETTER, "b": HALF, "suite": TEST, "judge": GOLD}}))
    for page in (ran.folder / "report.html", ran.matches[0] / "report.html"):
        assert BETTER.partition("?")[0] in page.read_text("utf-8")
    assert orjson.loads((ran.folder / "report.json").read_bytes())["standings"] == ran.standings


def test_failures_end_a_step_only_above_their_share(here: Path) -> None:
    answers = here / "some.json"
    prompts = [{"prompt": f"p{n}", "output": "x" if n % 2 else ""} for n in range(10)]
    answers.write_bytes(orjson.dumps(prompts))
    half = f"recorded:{answers}?allow_missing=true"
    (here / "all.jsonl").write_text("\n".join(f'{{"prompt": "p{n}"}}' for n in range(20)), "utf-8")
    steps: list[Any] = [{"load": {"source": "all.jsonl"}}, {"generate": {"by": half}}]
    with pytest.raises(BadInput, match=r"10 of 20 rows failed, more than max_error_share 0\.2"):
        run(recipe(*steps))
    ran = run(recipe(*steps), set={"generate.max_error_share": 0.6})
    step = ran.record["steps"][-1]
    assert step["rows"]["responses"] == 10
    assert sum(step["dropped"].values()) == 10
    with pytest.raises(BadInput, match="on_error: row goes on without them"):
        run(recipe(*steps), set={"generate.on_error": "stop"})
