"""Prompts that a model writes from others, judged by the thresholds of those: what Self-RIP is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.recipes.conftest import ANSWER, BEST, LOAD, RATE, recipe, rows
from winsome.errors import BadInput, WinsomeError
from winsome.recipes.estimates import estimate_here
from winsome.recipes.read import read
from winsome.recipes.run import run

BASE = "world:instruction#base?size=0.2M"
RIP = {"filter": {"id": "rip", "rule": "rip", "tau": {"gap": "p50"}}}
NEW = {"id": "new", "what": "prompts", "task": "self_instruct", "by": BASE, "n": 12, "examples": {"n": 2}, "keep": False,
       "sampling": {"temperature": 1.0, "max_tokens": 12}}  # fmt: skip


def test_new_prompts_come_from_survivors_and_meet_their_thresholds(play: Any) -> None:
    torch.set_num_threads(1)
    ran = play(
        LOAD, ANSWER, RATE, BEST, RIP,
        {"filter": {"id": "survivors", "rule": "paired"}},
        {"transform": {"id": "lessons", "op": "few_shot", "examples": 2}},
        {"train": {"id": "writer", "kind": "sft", "from": BASE, "data": "responses", "updates": 2, "batch": 4}},
        {"generate": {**NEW, "from": "survivors", "by": "@writer", "dedup": {"method": "exact"}}},
        {"generate": {"id": "answered", "by": "world:instruction#oracle?quality=0.5", "n": 4, "keep": False}},
        {"score": {"id": "rated", "by": "world:instruction#scorer?sd=0.3", "keep": False}},
        {"pair": {"id": "pairs", "rule": "best_worst"}},
        {"filter": {"id": "again", "rule": "rip", "tau": {"gap": "p50"}, "thresholds_from": "rip"}},
    )  # fmt: skip
    kept = ran.frame("rip", "pairs")
    survivors = ran.frame("survivors", "prompts")
    assert set(survivors["prompt_id"]) == set(kept["prompt_id"])
    assert rows(ran)["lessons"]["responses"] == survivors.height
    new = ran.frame("new", "prompts")
    steps = {step["step"]: step for step in ran.record["steps"]}
    assert new.height + sum(steps["new"]["dropped"].values()) == 12
    assert new.height > 0
    assert not set(new["prompt_id"]) & set(ran.frame("load", "prompts")["prompt_id"])
    assert {id for ids in new["parent_ids"] for id in ids} <= set(survivors["prompt_id"])
    assert set(ran.frame("answered", "responses")["prompt_id"]) <= set(new["prompt_id"])
    told = [steps[name]["facts"]["thresholds"]["values"] for name in ("rip", "again")]
    assert told[0] == told[1], "the numbers of the first step, not percentiles of the new pairs"
    assert all(ran.frame("again", "pairs")["margin"] <= told[0]["gap"])
    more = play(LOAD, {"generate": {**NEW, "keep": True, "examples": {"n": 0}, "n": 5}})
    assert more.frame("new", "prompts").height >= 30


def test_what_it_asks_is_known_before(here: Path) -> None:
    found = {row.step: row for row in estimate_here(read(recipe(LOAD, {"generate": NEW}, {"generate": {"id": "then", "by": BASE, "n": 3}}))).rows}  # fmt: skip
    assert (found["new"].calls, found["new"].makes, found["new"].rows) == (12, "prompts", 12)
    assert found["then"].calls == 36


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"generate": {"by": BASE, "what": "prompts"}}, "what: prompts needs a task; add task: self_instruct"),
        ({"generate": {"by": BASE, "examples": {"n": 2}}}, "examples is of new prompts; add what: prompts"),
        ({"generate": {"by": BASE, "task": "self_instruct"}}, "task is of new prompts"),
        ({"generate": {**NEW, "dedup": {"method": "rouge"}}}, "dedup.method: \"rouge\" is not one of exact, rouge_l"),
        ({"generate": {**NEW, "examples": {"n": 31}}}, "31 examples of 30 prompts; show fewer, or load more"),
        ({"filter": {"rule": "paired"}}, "no pairs reach this step"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(step: dict[str, Any], said: str, here: Path) -> None:
    with pytest.raises((BadInput, WinsomeError)) as error:
        run(recipe(LOAD, step))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) <= 200


def test_thresholds_of_a_step_that_has_none_are_refused(play: Any) -> None:
    with pytest.raises(BadInput, match='the step before has no threshold of "gap"; leave it out of tau'):
        play(
            LOAD,
            ANSWER,
            RATE,
            BEST,
            {"filter": {"rule": "rip", "tau": {"gap": "p50"}, "thresholds_from": "load"}},
        )
