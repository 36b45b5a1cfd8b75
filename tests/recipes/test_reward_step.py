"""A reward model trained within a recipe rates the rows of later steps, and the record holds what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import torch

from tests.recipes.conftest import ANSWER, BEST, LOAD, RATE
from winsome import specs
from winsome.errors import BadInput

BASE = "world:instruction#base?size=0.2M"
RATER = {"train": {"id": "rater", "kind": "reward", "from": BASE, "rate": 1e-3, "updates": 3, "batch": 8}}


def test_a_trained_rater_scores_what_follows(play: Any) -> None:
    torch.set_num_threads(1)
    ran = play(LOAD, ANSWER, RATE, BEST, RATER, {"score": {"id": "learnt", "by": "@rater", "keep": False}})
    name = ran.products["rater"].contender
    assert name.startswith("reward_model:")
    scores = ran.frame("learnt", "scores")
    assert set(scores["by"]) == {name}
    assert scores["value"].null_count() == 0
    assert scores["value"].n_unique() > 10
    record = orjson.loads((Path(specs.parse(name).address) / "winsome.json").read_bytes())
    assert record["held_out"]["pairs"] > 0
    again = play(LOAD, ANSWER, RATE, BEST, RATER)
    assert again.products["rater"].contender == name


def test_an_objective_of_policies_is_refused_for_a_rater(play: Any) -> None:
    with pytest.raises(BadInput, match='rewardobjective kind "dpo"'):
        play(LOAD, ANSWER, RATE, BEST, {"train": {**RATER["train"], "objective": "dpo"}})
