"""The recipes that ship: each is right before it runs, says what it does, and raises the win rate that it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.conftest import GOLD, NOISY, recipe
from winsome.errors import BadInput
from winsome.recipes.estimates import estimate_here
from winsome.recipes.paper import estimate_paper
from winsome.recipes.read import read, shipped
from winsome.recipes.run import checked, run

BASE = "world:instruction#base?size=0.2M"
OWN = ("best-of-n-sft", "sft-sweep", "sft-rounds", "003-fellowship", "033-doge")


@pytest.mark.parametrize("name", OWN)
def test_a_shipped_recipe_is_right_before_it_runs(name: str, here: Path) -> None:
    assert shipped()[name]
    assert checked(name)
    made = estimate_here(read(name))
    assert made.rows[-1].calls > 0
    assert made.rows[-1].minutes > 0


def test_the_published_loop_counts_critiques_and_revisions() -> None:
    """500 answers, three rounds: a critique reads prompt and draft, a revision both and the critique; each writes 500 tokens."""
    made = {row.step: (row.calls, row.tokens) for row in estimate_paper(read("003-fellowship")).rows}
    assert made["generate"] == (500, 500 * (100 + 500))
    assert made["critique"] == (1500, 1500 * (100 + 500 + 500))
    assert made["revise"] == (1500, 1500 * (100 + 2 * 500 + 500))
    assert made["train"] == (0, 500 * 2 * (100 + 500))


def test_a_trained_contender_may_not_meet_its_own_prompts(here: Path) -> None:
    train = {"train": {"from": BASE, "rate": 1e-4, "epochs": 1}}
    match = {"match": {"a": "@train", "b": BASE, "judge": NOISY}}
    steps = (
        {"load": {"source": "world:instruction?split=train&n=24", "kind": "demonstrations"}},
        train,
        match,
    )
    with pytest.raises(BadInput, match="24 of 24 prompts were trained on, by lineage"):
        run(recipe(*steps))
    ran = run(recipe(*steps), set={"match.suite": "world:instruction?split=test&n=24", "match.judge": GOLD})
    assert ran.record["matches"][0]["labels"] == {ran.products["train"].contender: "train"}
    by_step = {step["step"]: step for step in ran.record["steps"]}
    assert by_step["train"]["cached"]
    assert by_step["train"]["facts"]["trained_on"] == {"prompts": 24, "responses": 24}


def test_prompts_that_chose_what_is_kept_may_not_measure_it(here: Path) -> None:
    """Looks play on the first half of eight prompts; a match on all of them is refused unless the recipe says so."""
    suite = "world:instruction?split=test&n=8"
    looks = {"evaluate_every": 1, "patience": 1, "suite": suite, "judge": GOLD, "batch": 24}
    steps = (
        {"load": {"source": "world:instruction?split=train&n=24", "kind": "demonstrations"}},
        {"train": {"from": BASE, "rate": 1e-4, "epochs": 1, **looks}},
        {"match": {"a": "@train", "b": BASE, "judge": GOLD, "suite": suite}},
    )
    with pytest.raises(BadInput, match="4 of 8 prompts were trained on"):
        run(recipe(*steps))
    ran = run(recipe(*steps), set={"match.allow_seen": True})
    assert ran.record["matches"][0]["labels"] == {ran.products["train"].contender: "train"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_best_of_n_raises_the_win_rate(here: Path) -> None:
    ran = run("best-of-n-sft")
    best = next(row for row in ran.standings["rows"] if row["contender"] == ran.products["train"].contender)  # type: ignore[index]
    assert best["low"] > 50.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_arms_on_equal_examples_stand_in_the_order_of_what_they_learnt(here: Path) -> None:
    ran = run("sft-sweep")
    labels = ran.record["matches"][0]["labels"]
    rows = {labels.get(row["contender"], "base"): row for row in ran.standings["rows"]}  # type: ignore[index]
    assert rows["best"]["estimate"] > rows["random"]["estimate"] > rows["worst"]["estimate"]
    assert rows["worst"]["high"] < 50.0
    assert (
        len(set(next(s for s in ran.record["steps"] if s["step"] == "sweep")["facts"]["examples"].values()))
        == 1
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_a_reviewer_and_a_reviser_leave_teaches_the_generator(here: Path) -> None:
    ran = run("003-fellowship")
    trained = next(
        row for row in ran.standings["rows"] if row["contender"] == ran.products["train"].contender
    )  # type: ignore[index]
    assert trained["low"] > 50.0
    revised = next(step for step in ran.record["steps"] if step["step"] == "revise")
    assert sum(revised["facts"]["revisions"].values()) == 1200
    assert revised["rows"]["responses"] + sum(revised["dropped"].values()) == 4800


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rounds_go_on_from_each_other(here: Path) -> None:
    ran = run("sft-rounds")
    by_step = {step["step"]: step for step in ran.record["steps"]}
    assert by_step["loop/2/train"]["facts"]["from"] == ran.products["loop"].contenders["round 1"]
    assert len(ran.standings["rows"]) == 3  # type: ignore[index]
