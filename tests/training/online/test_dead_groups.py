"""Groups whose rewards are all equal: kept, left out, or made up for by answers to other prompts; counted in every case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training.online.small_online import PROMPTS, trained
from tests.training.small_run import prepared
from winsome.errors import BadInput, Fatal
from winsome.records import Scores
from winsome.training.online import rollouts as files
from winsome.training.online.phases import RESAMPLED
from winsome.training.progress import read

DEAD = {prompt.id for prompt in PROMPTS[::2]}
"""Of the ten prompts five get one reward whatever is said."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("dead"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


class Half:
    """A scorer for which every second prompt is too easy; elsewhere no two answers are worth the same."""

    name, id, partial = "tests.training.online.test_dead_groups:Half", "half", False

    async def score(self, prompts, responses):
        return Scores(
            tuple(1.0 if prompt.id in DEAD else float(place) for place, prompt in enumerate(prompts))
        )


class Easy(Half):
    async def score(self, prompts, responses):
        return Scores(tuple(1.0 for _ in prompts))


HALF = {"reward": "tests.training.online.test_dead_groups:Half", "objective": "grpo?kl=none", "epochs": 2}


def rollouts_of(place: Path) -> list[files.Rollouts]:
    found = [files.read(file) for file in sorted((place.parent / "rollouts").glob("*.npz"))]
    return [held for held in found if held is not None]


def test_dead_groups_are_counted_and_made_up_for_by_other_prompts(folder):
    """Ten prompts in phases of 4, 4 and 2, then 4 and 4: each ends with as many live groups as it asked prompts, or has asked all there are."""
    kept = read(trained(folder, HALF, runs="keep").parent / "log.jsonl")
    place = trained(folder, {**HALF, "objective": "grpo?kl=none&dead_groups=resample"}, runs="resample")
    log = read(place.parent / "log.jsonl")
    assert any(row["dead_groups"] > 0 for row in kept)
    assert all("resampled" not in row for row in kept)
    assert len(log) == len(kept) == len(rollouts_of(place))
    for row, held, wanted in zip(log, rollouts_of(place), (4, 4, 2, 4, 4), strict=True):
        assert len(set(held.prompts)) == len(held.prompts)
        live = [id for id in held.prompts if id not in DEAD]
        assert row["resampled"] == len(held.prompts) - wanted
        assert row["dead_groups"] == pytest.approx(1 - len(live) / len(held.prompts))
        assert len(live) == wanted or len(held.prompts) >= wanted + RESAMPLED
        # Only what is still missing is asked in a round, so no phase learns from more than it would have.
        assert len(live) <= wanted
    assert sum(row["resampled"] for row in log) > 0


def test_a_stopped_run_asks_the_same_prompts_in_the_place_of_dead_ones(folder):
    settings = {**HALF, "objective": "rloo?dead_groups=resample", "save_every": 1}
    whole = trained(folder, settings, runs="whole")
    with pytest.MonkeyPatch.context() as patch:
        from winsome.training.trainer import Trainer

        step = Trainer.step

        def dying(self):
            if self.update == 3:
                raise KeyboardInterrupt
            return step(self)

        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, settings, runs="cut")
    again = trained(folder, settings, runs="cut")
    first, second = (load_file(place / "model.safetensors") for place in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [held.prompts for held in rollouts_of(whole)] == [held.prompts for held in rollouts_of(again)]


def test_asking_ends_where_every_group_is_dead(folder):
    """Ten prompts, of which a round asks four: after the third nothing is left to ask."""
    settings = {
        "reward": "tests.training.online.test_dead_groups:Easy",
        "objective": "grpo?dead_groups=resample",
    }
    with pytest.raises(Fatal, match="no group of 2 or more rated answers is left"):
        trained(folder, settings, runs="easy")
    (file,) = (folder / "easy").rglob("*.npz")
    held = files.read(file)
    assert held is not None
    assert len(held.prompts) == 10
    assert np.all(held.reward == 1.0)


@pytest.mark.parametrize("choice", ["drop", "resample"])
def test_one_answer_a_prompt_is_no_group(folder, choice):
    with pytest.raises(BadInput, match="every group of one answer is dead: give --draws 2"):
        trained(folder, {"objective": f"ppo?dead_groups={choice}", "draws": 1}, runs="single")
