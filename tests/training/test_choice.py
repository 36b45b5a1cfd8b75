"""Looks that choose: the best look's weights are kept, the run ends when no better one comes, and other prompts measure it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.small_run import prepared, session, trained
from winsome.cli import main
from winsome.errors import BadInput, Fatal
from winsome.records import Suite
from winsome.training import evaluation
from winsome.training.choice import Choice
from winsome.training.evaluation import looked_at
from winsome.training.plan import Plan
from winsome.training.progress import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("choice"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def test_a_choice_keeps_the_highest_look_and_counts_those_after_it(tmp_path):
    choice = Choice(tmp_path / "best", 2)
    assert choice.weights() is None
    for update, figure, over in ((2, 50.0, False), (4, 55.0, False), (6, 55.0, False), (8, 54.0, True)):
        choice.seen(
            update, {"win_rate": figure}, lambda update=update: {"w": torch.full((2,), float(update))}
        )
        assert choice.over is over
    assert choice.state() == {"update": 4, "figure": 55.0, "since": 2}
    found = choice.weights()
    assert found is not None
    assert found["w"].tolist() == [4.0, 4.0]
    assert choice.line(8, 12) == (
        "ended after update 8 of 12 (no higher win rate in 2 looks); kept: update 4, win rate 55.0"
    )
    again = Choice(tmp_path / "best", 2)
    assert again.figure == -math.inf
    again.load({"update": 2, "figure": 50.0, "since": 0})
    with pytest.raises(Fatal, match="weights of update 2 are gone"):
        again.weights()


def weights(place: Path) -> dict[str, torch.Tensor]:
    return load_file(place / "model.safetensors")


def same(first: Path, second: Path) -> bool:
    a, b = weights(first), weights(second)
    return all(torch.equal(a[name], b[name]) for name in a)


RATES = {3: 51.0, 6: 56.0, 9: 56.0, 12: 40.0}
"""What the looks of a run find; what they play is tested below."""


@pytest.fixture
def told(monkeypatch):
    """Looks whose win rates are given, so that which one is best is known."""
    monkeypatch.setattr(evaluation.WinRate, "__call__", lambda self, update: {"win_rate": RATES[update]})


def settings(folder: Path, **more) -> dict:
    return {"evaluate_every": 3, "suite": str(folder / "pairs.jsonl"), "save_every": 1, **more}


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_the_run_ends_and_the_best_look_is_what_is_kept(folder, told, capsys, ema):
    """12 updates with looks at 3, 6, 9: two without a higher rate after 6 would be 9 and 12; patience 1 ends it at 9."""
    after_six = trained(
        folder, {"updates": 6, "ema": ema, "schedule": "constant", "warmup": 0}, runs=f"six-{ema}"
    )
    place = trained(
        folder, settings(folder, patience=1, ema=ema, schedule="constant", warmup=0), runs=f"early-{ema}"
    )
    assert "ended after update 9 of 12 (no higher win rate in 1 looks); kept: update 6, win rate 56.0" in (
        capsys.readouterr().err
    )
    record = json.loads((place / "winsome.json").read_text())
    assert (record["updates"], record["kept_update"]) == (9, 6)
    assert same(place, after_six)
    log = read(place.parent / "log.jsonl")
    assert [row["update"] for row in log if "loss" in row] == list(range(1, 10))
    assert [row["win_rate"] for row in log if "win_rate" in row] == [51.0, 56.0, 56.0]


def test_the_last_weights_are_a_look_too_and_patience_changes_the_run(folder, told, monkeypatch):
    monkeypatch.setitem(RATES, 12, 60.0)
    place = trained(folder, settings(folder, patience=3), runs="last")
    assert json.loads((place / "winsome.json").read_text())["kept_update"] == 12
    assert same(place, trained(folder, {}, runs="last"))
    assert trained(folder, settings(folder, patience=2), runs="last") != place
    assert Plan().id == Plan(evaluate_every=7).id != Plan(evaluate_every=7, patience=1).id


@pytest.mark.parametrize("dies", [4, 7, 8])
def test_a_stopped_run_keeps_the_same_look(folder, told, dies):
    whole = trained(folder, settings(folder, patience=1), runs="whole")
    with pytest.MonkeyPatch.context() as patch:
        from winsome.training.trainer import Trainer

        step = Trainer.step

        def dying(self):
            if self.update == dies:
                raise KeyboardInterrupt
            return step(self)

        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, settings(folder, patience=1, save_every=2), runs=f"cut-{dies}")
    again = trained(folder, settings(folder, patience=1, save_every=2), runs=f"cut-{dies}")
    assert same(whole, again)
    assert json.loads((again / "winsome.json").read_text())["kept_update"] == 6


def test_looks_that_choose_leave_prompts_for_the_match(folder, monkeypatch, capsys):
    """22 prompts: looks play on the first 11, the final match on the other 11; without patience both may use all."""
    assert [looked_at(n, True) for n in (2, 22, 1000)] == [1, 11, 200]
    assert looked_at(22, False) == 22
    monkeypatch.chdir(folder)
    command = [
        "train", "dpo", "--model", "hf:tiny?dtype=float32&max_tokens=4&temperature=1", "--data", "pairs.jsonl", "--rate", "1e-3",
        "--batch", "6", "--updates", "4", "--evaluate-every", "2", "--patience", "1", "--suite", "pairs.jsonl", "--judge",
        "regex?pattern=e", "--out", "left", "--json",
    ]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr()
    assert "match: on 11 prompts; the first 11 chose what is kept" in out.err
    with session(folder) as run:
        prompts = run.open(str(folder / "pairs.jsonl"), Suite).prompts
    import polars as pl

    (run_folder,) = [p.parent for p in (folder / ".winsome" / "runs").glob("*/asks.parquet")]
    asked = set(pl.read_parquet(run_folder / "asks.parquet")["prompt"])
    assert asked == {prompt.id for prompt in prompts[11:]}
    (look,) = {p.parent for p in (folder / "left").rglob("000002/winsome.json")}
    looked: set[str] = set()
    for file in (look.parent / "matches").rglob("asks.parquet"):
        looked |= set(pl.read_parquet(file)["prompt"])
    assert looked == {prompt.id for prompt in prompts[:11]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"patience": 2}, "counts matches during training; give --evaluate-every N too"),
        ({"patience": -1}, "patience=-1 must be at least 0"),
        ({"patience": 1, "evaluate_every": 2}, "--evaluate-every needs prompts"),
    ],
)
def test_mistakes_are_one_line(folder, given, says):
    with pytest.raises(BadInput, match=says):
        trained(folder, given, runs="mistakes")


def test_a_reward_model_is_not_chosen_by_what_measures_it(tmp_path):
    from tests.training.rewards import small

    with pytest.raises(BadInput, match="leave out --patience"):
        small.trained(small.folder_of(tmp_path), {"patience": 1, "evaluate_every": 2})
