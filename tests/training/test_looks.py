"""Looks at a run: the canary pauses and the run goes on from there, a match is played meanwhile, a tracker gets the figures."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny_models
from tests.training.small_run import prepared, rows, trained
from winsome.errors import BadInput
from winsome.models.render import prompt_ids
from winsome.records import Prompt, user
from winsome.training.canary import Canary, Sampled, alarm, repeated
from winsome.training.progress import read
from winsome.training.trainer import Paused


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("looks"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def test_a_paused_run_is_saved_and_goes_on_to_the_same_bits(folder):
    whole = trained(folder, {"objective": "sft"}, runs="whole")
    with pytest.raises(Paused, match=r"paused after update 3: .*KL") as error:
        trained(
            folder, {"objective": "sft", "canary_every": 3, "max_kl": 1e-9, "save_every": 0}, runs="paused"
        )
    assert error.value.exit_code == 3
    (state,) = (folder / "paused").glob("*/checkpoints/*/state.json")
    assert state.parent.name == "000003"
    again = trained(folder, {"objective": "sft"}, runs="paused")
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def test_repetition_is_the_share_of_runs_of_four_seen_before():
    assert repeated([1, 2, 3]) == 0.0
    assert repeated([1, 2, 3, 4, 5]) == 0.0
    assert repeated([7] * 8) == pytest.approx(4 / 5)


START = Sampled(repetition=0.05, length=20.0, ended=0.9, kl=0.0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, None),
        ({"repetition": 0.19, "length": 79.0, "ended": 0.46, "kl": 99.0}, None),
        ({"repetition": 0.21}, "repetition 0.21 (start 0.05)"),
        ({"length": 81.0}, "length 81 tokens (start 20)"),
        ({"length": 4.9}, "length 5 tokens (start 20)"),
        ({"ended": 0.44}, "44% of answers end (start 90%)"),
        ({"kl": 101.0}, "KL 101 nats an answer (limit 100)"),
    ],
)
def test_each_limit_of_the_canary_has_its_alarm(changed, says):
    """Looping above 0.2, four times or a quarter of the length, half as many ends, and the limit of the plan."""
    assert alarm(replace(START, **changed), START, 100.0) == says


def test_a_policy_that_loops_is_paused_and_its_answers_stand_beside_the_starts(tmp_path):
    """Logits fifty times as sharp: the tiny model says one thing again and again."""
    start, looping = (tiny_models.local_model(tiny_models.causal()) for _ in range(2))
    prompts = [prompt_ids(start, Prompt((user(f"say {i}"),))) for i in range(4)]
    Canary(start, start, prompts, 1e9, tmp_path)(1)
    assert list(tmp_path.iterdir()) == []
    with torch.no_grad():
        looping.network.lm_head.weight.mul_(50.0)
    said = r"paused after update 7: repetition 0\.\d+ \(start 0\.\d+\); look at canary-000007.jsonl"
    with pytest.raises(Paused, match=said):
        Canary(looping, start, prompts, 1e9, tmp_path)(7)
    rows = [json.loads(line) for line in (tmp_path / "canary-000007.jsonl").open()]
    assert [f"say {i}" in row["prompt"] for i, row in enumerate(rows)] == [True] * 4
    assert all(row["start"] != row["policy"] for row in rows)


def test_the_win_rate_is_measured_during_training(folder):
    settings = {
        "evaluate_every": 6,
        "judge": "regex?pattern=e",
        "suite": str(folder / "pairs.jsonl"),
        "start": f"hf:{folder / 'tiny'}?dtype=float32&max_tokens=4&temperature=1",
    }
    place = trained(folder, settings, runs="watched")
    (row,) = [row for row in read(place.parent / "log.jsonl") if "win_rate" in row]
    assert row["update"] == 6
    assert row["win_rate_low"] <= row["win_rate"] <= row["win_rate_high"]
    with pytest.raises(BadInput, match="--evaluate-every needs prompts"):
        trained(folder, {"evaluate_every": 6}, runs="watched-2")


LOOKING = {
    "evaluate_every": 4,
    "patience": 2,
    "canary_every": 6,
    "judge": "regex?pattern=e",
    "save_every": 0,
    "ema": 0.5,
}


def in_two(folder: Path, settings: dict) -> subprocess.CompletedProcess[str]:
    """The small run as two processes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m"]
    return subprocess.run(
        [*launch, "tests.training.small_run", str(folder), json.dumps(settings)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_the_first_of_two_processes_looks_and_chooses_for_both(folder):
    """12 updates: the same looks, choice and kept weights as of one process."""
    settings = LOOKING | {
        "suite": str(folder / "pairs.jsonl"),
        "start": f"hf:{folder / 'tiny'}?dtype=float32&max_tokens=4&temperature=1",
    }
    alone = trained(folder, settings, runs="looks-alone")
    ran = in_two(folder, {**settings, "runs": "looks-two"})
    assert ran.returncode == 0, ran.stderr[-2000:]
    together = Path(re.findall(r"^/.*trained$", ran.stdout, re.MULTILINE)[-1])
    logs = [read(place.parent / "log.jsonl") for place in (alone, together)]
    looks = [[row for row in log if {"win_rate", "canary_kl"} & row.keys()] for log in logs]
    assert [row["update"] for row in looks[0]] == [row["update"] for row in looks[1]]
    for one, two in zip(*looks, strict=True):
        assert two == pytest.approx(one, abs=1e-3)
    first, second = (load_file(place / "model.safetensors") for place in (alone, together))
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 5e-5
    records = [json.loads((place / "winsome.json").read_text()) for place in (alone, together)]
    assert records[0]["kept_update"] == records[1]["kept_update"]
    assert ran.stderr.count("kept: update") == 1


@pytest.mark.slow
def test_a_pause_of_the_first_process_is_saved_and_ends_both(folder):
    ran = in_two(folder, {"canary_every": 3, "max_kl": 1e-9, "save_every": 0, "runs": "two-paused"})
    assert ran.returncode != 0
    assert "paused after update 3" in ran.stderr
    assert "timed out" not in ran.stderr.lower()
    (state,) = (folder / "two-paused").glob("*/checkpoints/*/state.json")
    assert state.parent.name == "000003"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_share_what_a_reward_model_is_held_out(folder, kind):
    """Three held-out pairs: one rank has two of them, the other goes through one again."""
    (folder / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(25)[22:]))
    settings = {
        "objective": "bradley_terry",
        "held_out": str(folder / "held.jsonl"),
        "evaluate_every": 2,
        "epochs": 1,
    }
    alone = trained(folder, settings, runs=f"reward-alone-{kind}")
    ran = in_two(folder, {**settings, "parallel": kind, "runs": f"reward-{kind}"})
    assert ran.returncode == 0, ran.stderr[-2000:]
    together = Path(re.findall(r"^/.*trained$", ran.stdout, re.MULTILINE)[-1])
    looks = [
        [row for row in read(place.parent / "log.jsonl") if "held_out_loss" in row]
        for place in (alone, together)
    ]
    assert len(looks[0]) == len(looks[1]) >= 1
    for one, two in zip(*looks, strict=True):
        assert two == pytest.approx(one, rel=1e-4)


@pytest.mark.slow
def test_looks_at_parts_of_the_weights_are_refused(folder):
    ran = in_two(folder, {"canary_every": 3, "parallel": "fsdp", "runs": "two-fsdp"})
    assert "looks at sampled answers need whole weights; use --parallel ddp" in ran.stderr


def test_tensorboard_holds_each_updates_loss(folder):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    place = trained(folder, {"trackers": ("tensorboard",), "epochs": 1}, runs="tracked")
    (file,) = [p.parent for p in place.parent.rglob("events.out.tfevents.*") if p.parent.name == "winsome"]
    held = events.EventAccumulator(str(file))
    held.Reload()
    losses = [event.value for event in held.Scalars("loss")]
    assert losses == pytest.approx([row["loss"] for row in read(place.parent / "log.jsonl")], rel=1e-6)


def test_wandb_is_offline_and_lies_in_the_runs_folder(folder, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    place = trained(folder, {"trackers": ("wandb",), "epochs": 1}, runs="wandb")
    (file,) = (place.parent / "wandb").glob("offline-run-*/run-*.wandb")
    assert file.stat().st_size > 0


def test_mlflow_holds_each_updates_loss_in_the_runs_folder(folder, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = trained(folder, {"trackers": ("mlflow",), "epochs": 1}, runs="mlflow")
    with sqlite3.connect(place.parent / "mlflow.db") as store:
        losses = store.execute("select value from metrics where key = 'loss' order by step").fetchall()
    log = read(place.parent / "log.jsonl")
    assert [loss for (loss,) in losses] == pytest.approx([row["loss"] for row in log], rel=1e-6)
