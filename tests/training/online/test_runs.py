"""Whole online runs of a tiny model: any split, killed runs, two processes, what is logged, kept out and refused."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training.online.small_online import trained
from tests.training.small_run import prepared
from winsome.errors import BadInput, Fatal, Unsupported
from winsome.records import Prompt, Scores, user
from winsome.training.online import rollouts as files
from winsome.training.online.critic import critic
from winsome.training.progress import read
from winsome.training.start import Start

ROOT = Path(__file__).resolve().parents[3]
ALL = [
    "rloo",
    "grpo",
    "reinforce_pp",
    "ppo",
    "online_dpo",
    "bon_distill?n=3",
    "expert_iteration?n=3&rounds=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("online"))


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def apart(first: Path, second: Path) -> float:
    a, b = (load_file(next(place.glob("*model.safetensors"))) for place in (first, second))
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def log_of(place: Path) -> list[dict]:
    return read(place.parent / "log.jsonl")


@pytest.mark.parametrize("objective", ALL)
def test_a_run_goes_through_its_phases_and_starts_on_its_own_policy(folder, objective):
    place = trained(folder, {"objective": objective, "draws": 0 if "n=" in objective else 3}, runs="all")
    log = log_of(place)
    record = json.loads((place / "winsome.json").read_text())
    assert record["updates"] == len(log) > 0
    assert record["data"]["reward"] == "tests.training.online.small_online:Scored"
    first = log[0]
    assert first["drift"] == pytest.approx(0.0, abs=1e-5)
    assert first["mismatch_most"] < 1e-4
    assert first["failed"] == 0
    if "importance" in first:
        # Ratio 1 and KL 0 before the first update; the sum of advantages of whole groups is 0, or whitened to 0.
        assert first["importance"] == pytest.approx(1.0, abs=1e-5)
        assert first["kl"] == pytest.approx(0.0, abs=1e-4)
        assert first["clipped"] == 0.0
    phases = {"bon_distill?n=3": 1, "expert_iteration?n=3&rounds=2": 2}.get(objective, 5)
    kept = sorted((place.parent / "rollouts").glob("*.npz"))
    assert len(kept) == phases
    versions = [files.read(file).version for file in kept]  # type: ignore[union-attr]
    assert len(set(versions)) == phases
    assert versions[0].startswith("0/")


@pytest.mark.parametrize("objective", ["rloo", "grpo?kl=reward", "reinforce_pp", "ppo", "online_dpo"])
def test_any_split_into_micro_batches_gives_the_same_updates(folder, objective):
    """Two updates from one phase: their answers are the same, so only the split of the gradient differs."""
    own = {"objective": objective, "phase": 8, "updates": 2, "passes": 1}
    found = [trained(folder, {**own, "micro_tokens": size}, runs=f"split-{size}") for size in (10_000, 60, 1)]
    assert apart(found[0], found[1]) < 5e-5
    assert apart(found[0], found[2]) < 5e-5


def test_a_stopped_run_goes_on_in_the_same_bits_with_the_same_answers(folder):
    """Stopped within a phase of two passes: its rollouts are read from disk, those of later phases are drawn alike."""
    settings = {"objective": "ppo", "passes": 2, "save_every": 1}
    whole = trained(folder, settings, runs="whole")
    with pytest.MonkeyPatch.context() as patch:
        from winsome.training.trainer import Trainer

        step = Trainer.step

        def dying(self):
            if self.update == 5:
                raise KeyboardInterrupt
            return step(self)

        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, settings, runs="cut")
    again = trained(folder, settings, runs="cut")
    assert apart(whole, again) == 0.0
    for one, other in zip(*(sorted((p.parent / "rollouts").glob("*")) for p in (whole, again)), strict=True):
        assert one.name == other.name
        a, b = files.read(one), files.read(other)
        assert a is not None
        assert b is not None
        assert a.version == b.version
        assert a.texts == b.texts
        np.testing.assert_array_equal(a.behaviour, b.behaviour)
        np.testing.assert_array_equal(a.reward, b.reward)


def started(folder: Path, settings: dict, processes: int = 1) -> subprocess.Popen:
    launch = ["-m"] if processes == 1 else [
        "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone", "-m"
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, *launch, "tests.training.online.small_online", str(folder), json.dumps(settings)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_again_and_again_ends_in_the_same_bits(folder):
    """SIGKILL as soon as a run has written the rollouts of one more phase than the last one; 10 phases in all."""
    settings = {"objective": "rloo", "passes": 2, "save_every": 1, "epochs": 4}
    whole = trained(folder, settings, runs="unkilled")
    root = folder / "killed"
    for _ in range(3):
        before = len(list(root.rglob("[0-9]*.npz")))
        process = started(folder, {**settings, "runs": "killed"})
        while process.poll() is None and len(list(root.rglob("[0-9]*.npz"))) <= before:
            time.sleep(0.005)
        assert process.poll() is None, process.communicate()[1]
        process.send_signal(signal.SIGKILL)
        process.communicate()
    out, err = started(folder, {**settings, "runs": "killed"}).communicate()
    assert out, err
    assert apart(whole, Path(out.strip().splitlines()[-1])) == 0.0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kind", "more"), [("ddp", {}), ("fsdp", {}), ("fsdp", {"adapter": "lora", "lora_rank": 4})]
)
def test_two_processes_equal_one(folder, kind, more):
    """Two phases, so that the second one's answers are drawn from weights that both have trained, gathered where sharded."""
    settings = {"objective": "grpo", "phase": 8, "updates": 4, **more}
    alone = trained(folder, settings, runs="alone")
    out, err = started(folder, {**settings, "parallel": kind, "runs": kind}, 2).communicate()
    assert "Traceback" not in err, err[-2000:]
    together = Path(re.findall(r"^/.*trained$", out, re.MULTILINE)[-1])
    assert apart(alone, together) < 5e-5
    for a, b in zip(log_of(alone), log_of(together), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
        assert a.get("reward") == b.get("reward")


def test_a_critic_in_several_processes_is_refused():
    ranks = SimpleNamespace(world=2)
    with pytest.raises(Unsupported, match="a critic is trained in one process; use rloo or grpo"):
        critic(Start("x", "x", "", "float32"), ranks, row_tokens=1, compute="own", seed=0)  # type: ignore[arg-type]


class Failing:
    """A scorer that cannot rate answers to prompts with an odd number of characters."""

    name, id, partial = "tests.failing:Failing", "failing", False

    async def score(self, prompts, responses):
        values = [math.nan if len(p.text) % 2 else float(len(r.text)) for p, r in zip(prompts, responses, strict=True)]  # fmt: skip
        return Scores(tuple(values), {i: "odd" for i, v in enumerate(values) if math.isnan(v)})


def test_failed_rewards_are_kept_out_and_counted(folder):
    place = trained(
        folder, {"reward": "tests.training.online.test_runs:Failing", "batch": 10}, runs="failing"
    )
    log = log_of(place)
    assert sum(row["failed"] for row in log) > 0
    for file, row in zip(sorted((place.parent / "rollouts").glob("*.npz")), log, strict=True):
        held = files.read(file)
        assert held is not None
        known = np.isfinite(held.reward)
        assert row["failed"] == (~known).sum()
        assert row["reward"] == pytest.approx(held.reward[known].mean())
        assert all(why == "odd" for why, rated in zip(held.failures, known, strict=True) if not rated)
        # The mean over tokens that is logged is over rated answers alone: nothing stands in for the others.
        assert row["logprob"] == pytest.approx(held.behaviour[known[held.owners]].mean(), abs=2e-5)


class Broken(Failing):
    async def score(self, prompts, responses):
        return Scores(tuple(math.inf for _ in prompts))


def test_rewards_that_are_no_numbers_stop_the_run(folder):
    with pytest.raises(BadInput, match=r"none of 12 answers could be rated \(the reward is inf\)"):
        trained(folder, {"reward": "tests.training.online.test_runs:Broken"}, runs="broken")


def test_rollouts_of_other_weights_are_drawn_again(folder):
    """A file that is there but was drawn by other weights is never learnt from."""
    settings = {"objective": "rloo", "updates": 2}
    whole = trained(folder, settings, runs="versions")
    place = trained(folder, {**settings, "rate": 2e-3}, runs="versions")
    other = sorted((place.parent / "rollouts").glob("*.npz"))
    mine = sorted((whole.parent / "rollouts").glob("*.npz"))
    again = folder / "versions-again"
    copied = again / whole.parent.name / "rollouts"
    copied.mkdir(parents=True)
    (copied / mine[1].name).write_bytes(other[1].read_bytes())
    assert apart(whole, trained(folder, settings, runs="versions-again")) == 0.0


@pytest.mark.parametrize("sampler", ["transformers", "hf:{policy}?dtype=float32"])
def test_other_samplers_draw_from_the_same_policy(folder, sampler):
    """What each says of its own draws agrees with the trainer's forward pass on them, phase by phase."""
    place = trained(folder, {"sampler": sampler, "updates": 3}, runs="samplers")
    log = log_of(place)
    assert len(log) == 3
    assert all(row["mismatch_most"] < 1e-4 for row in log)
    assert all(row["importance"] == pytest.approx(1.0, abs=1e-5) for row in log)


def test_a_sampler_that_differs_from_the_trainer_is_noticed(folder):
    """A copy of the start never follows the policy: after some large updates its answers are another policy's."""
    name = f"hf:{folder / 'tiny'}?dtype=float32"
    with pytest.raises(BadInput, match="would never see the new weights"):
        trained(folder, {"sampler": name}, runs="stale")
    with pytest.raises(Fatal, match="sampler and trainer differ by"):
        trained(folder, {"sampler": "hf:{policy}/../../../../tiny?dtype=float32", "rate": 0.05}, runs="stale")


def test_an_adapter_has_its_base_as_the_reference(folder):
    place = trained(folder, {"adapter": "lora", "lora_rank": 4, "rate": 5e-3}, runs="lora")
    log = log_of(place)
    assert log[0]["drift"] == pytest.approx(0.0, abs=1e-5)
    assert abs(log[-1]["drift"]) > 1e-4
    assert (place / "adapter_model.safetensors").is_file()


def test_answers_cut_at_the_limit_get_their_own_reward(folder):
    place = trained(folder, {"unended": -1.0, "max_tokens": 3}, runs="cut")
    for file in (place.parent / "rollouts").glob("*.npz"):
        held = files.read(file)
        assert held is not None
        assert (held.reward[~held.ended] == -1.0).all()
        assert (~held.ended).any()


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"draws": 1}, BadInput, "give --draws 2 or more"),
        ({"temperature": 0.7}, BadInput, "at temperature 1, not 0.7"),
        ({"reward": "nobody"}, BadInput, 'no judge kind "nobody"'),
        ({"objective": "rlo"}, BadInput, 'did you mean "rloo"'),
        ({"objective": "rloo?beta=1"}, BadInput, 'no setting "beta"'),
        ({"objective": "rloo?clip_low=2"}, BadInput, "must lie in"),
        ({"objective": "online_dpo?loss=sft"}, BadInput, "does not learn from pairs"),
        ({"format": "text"}, BadInput, "leave out --format text"),
        ({"parallel": "fsdp"}, BadInput, "needs several processes"),
        ({"assistant_turns": "all"}, BadInput, "leave out --assistant-turns"),
        ({"prompts": [Prompt((user("x" * 400),))], "max_tokens": 200}, BadInput, "leaves room"),
        ({"prompts": []}, BadInput, "give at least one"),
        ({"max_tokens": 0}, BadInput, "must be at least 1"),
    ],
)
def test_mistakes_are_one_line(folder, settings, error, says):
    with pytest.raises(error, match=re.escape(says)) as raised:
        trained(folder, settings, runs="mistakes")
    assert len(str(raised.value)) <= 200
