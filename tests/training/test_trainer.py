"""The trainer: how an update is split changes nothing, a killed run ends in the same bits, several processes equal one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.small_run import prepared, session, trained
from winsome.errors import BadInput, Fatal
from winsome.training import invariants
from winsome.training.progress import read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("small"))
    os.environ["WINSOME_CACHE"] = str(place / "cache")
    return place


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def weights(place: Path) -> dict[str, torch.Tensor]:
    return load_file(place / "model.safetensors")


def apart(first: Path, second: Path) -> float:
    """The largest difference of two models' weights."""
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("objective", ["sft", "dpo?beta=0.3", "kto", "bco", "orpo"])
def test_any_split_into_micro_batches_gives_the_same_updates(folder, objective):
    """3 epochs of 4 updates: one micro-batch an update, about three, and one a unit."""
    found = [
        trained(folder, {"objective": objective, "micro_tokens": size}, runs=f"split-{size}")
        for size in (10_000, 150, 1)
    ]
    # RMS-normalised updates of 1e-3 multiply rounding of the gradient where it is near zero.
    assert apart(found[0], found[1]) < 5e-5
    assert apart(found[0], found[2]) < 5e-5
    first, second, third = (read(place.parent / "log.jsonl") for place in found)
    for a, b, c in zip(first, second, third, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4) == pytest.approx(c["loss"], rel=1e-4)


def started(folder: Path, settings: dict, *, processes: int = 1) -> subprocess.Popen:
    launch = (
        [sys.executable, "-m"]
        if processes == 1
        else [
            sys.executable,
            "-m",
            "torch.distributed.run",
            f"--nproc-per-node={processes}",
            "--standalone",
            "-m",
        ]
    )
    return subprocess.Popen(
        [*launch, "tests.training.small_run", str(folder), json.dumps(settings)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_in_the_same_bits(folder):
    """SIGKILL as soon as a run has written one more checkpoint than the last time; 11 checkpoints in all."""
    settings = {"save_every": 1, "objective": "dpo", "ema": 0.5, "clip": 0.5, "schedule": "cosine"}
    whole = trained(folder, settings, runs="whole")
    root = folder / "killed"
    kills = 0
    while kills < 3:
        process = started(folder, {**settings, "runs": "killed"})
        before = newest(root)
        while process.poll() is None and newest(root) <= before + kills:
            time.sleep(0.01)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            assert 0 < newest(root) < 12
        else:
            pytest.fail(process.communicate()[1])
    out, err = started(folder, {**settings, "runs": "killed"}).communicate()
    assert "going on from the checkpoint after update" in err
    resumed = Path(out.strip().splitlines()[-1])
    assert apart(whole, resumed) == 0.0
    both = [read(place.parent / "log.jsonl") for place in (whole, resumed)]
    assert [row["loss"] for row in both[0]] == [row["loss"] for row in both[1]]
    assert [row["update"] for row in both[1]] == list(range(1, 13))


def newest(root: Path) -> int:
    return max((int(p.parent.name) for p in root.glob("*/checkpoints/[0-9]*/state.json")), default=0)


def test_an_objective_with_a_memory_resumes_bit_for_bit(folder):
    """bco keeps a running mean: a run stopped after 8 updates and taken up equals one that was not."""
    settings = {"objective": "bco", "save_every": 4, "rate": 2e-3}
    whole = trained(folder, settings, runs="bco-whole")
    with pytest.MonkeyPatch.context() as patch:
        from winsome.training.trainer import Trainer

        step = Trainer.step

        def dying(self):
            if self.update == 9:
                raise KeyboardInterrupt
            return step(self)

        patch.setattr(Trainer, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, settings, runs="bco-cut")
    assert apart(whole, trained(folder, settings, runs="bco-cut")) == 0.0


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_equal_one(folder, kind):
    """22 rows in updates of 6 over two processes, so ranks have unequal work; the last update of an epoch has 4."""
    settings = {"objective": "kto", "micro_tokens": 100}
    alone = trained(folder, settings, runs="alone")
    out, err = started(folder, {**settings, "parallel": kind, "runs": kind}, processes=2).communicate()
    assert "Traceback" not in err, err[-2000:]
    together = Path(re.findall(r"^/.*trained$", out, re.MULTILINE)[-1])
    assert apart(alone, together) < 5e-5
    one, two = (read(place.parent / "log.jsonl") for place in (alone, together))
    assert len(two) == 24
    for a, b in zip(one, two, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)


def test_what_lies_in_a_checkpoint_is_what_version_1_keeps(folder):
    """A change of what is kept, or of what makes a run this one, wants a new VERSION; an old one is refused by that name."""
    from winsome.training import checkpoints, runs

    place = trained(folder, {"objective": "bco", "ema": 0.5}, runs="kept")
    newest = checkpoints.newest(place.parent / "checkpoints")
    assert newest is not None
    state = json.loads((newest / "state.json").read_text())
    assert set(state) == {"update", "made_for", "tokens", "seconds", "task", "source", "format", "files"}
    assert set(state["made_for"]) == {"version", "start", "data", "objective", "plan", "reference", "seed"}
    assert set(state["task"]) == {"ratio"}
    kinds = {name.partition("/")[0] for name in load_file(newest / "optimizer.safetensors")}
    assert kinds == {"random", "step", "exp_avg", "exp_avg_sq", "average"}
    assert load_file(newest / "model.safetensors").keys() == weights(place).keys()
    assert state["made_for"]["version"] == str(runs.VERSION) == "1"
    with pytest.raises(BadInput, match="is a checkpoint of another version"):
        checkpoints.load(newest.parent, {**state["made_for"], "version": "2"})


def test_fsdp_in_one_process_stops(folder):
    with pytest.raises(BadInput, match="needs several processes"):
        trained(folder, {"parallel": "fsdp"}, runs="fsdp-alone")


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_an_adapter_is_trained_over_frozen_weights_and_read_back(folder, adapter):
    place = trained(folder, {"adapter": adapter, "lora_rank": 4}, runs="adapter")
    held = load_file(place / "adapter_model.safetensors")
    assert held
    assert all("lora_" in name for name in held)
    assert not (place / "model.safetensors").exists()
    again = trained(
        folder, {"adapter": "lora", "start": f"hf:{place}?dtype=float32", "rate": 2e-3}, runs="again"
    )
    more = load_file(again / "adapter_model.safetensors")
    assert more.keys() == held.keys()
    assert any(not torch.equal(more[name], held[name]) for name in held)
    log = read(again.parent / "log.jsonl")
    # The start, with its adapter, is the reference: the loss begins at log 2 again.
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    with pytest.raises(BadInput, match="is an adapter"):
        trained(folder, {"start": f"hf:{place}?dtype=float32"}, runs="again")


def test_a_finished_run_is_found_again(folder):
    first = trained(folder, {}, runs="found")
    changed = (first / "winsome.json").stat().st_mtime_ns
    assert trained(folder, {"micro_tokens": 77, "save_every": 3}, runs="found") == first
    assert (first / "winsome.json").stat().st_mtime_ns == changed
    assert trained(folder, {"rate": 2e-3}, runs="found") != first
    assert trained(folder, {}, seed=1, runs="found") != first


def test_a_rate_of_nonsense_stops_with_the_batch_saved(folder):
    with pytest.raises(Fatal, match=r"not finite \(units pair-\d+") as error:
        trained(folder, {"rate": 1e30, "clip": 0, "warmup": 0}, runs="nonsense")
    (saved,) = (folder / "nonsense").glob("*/bad-batch-*.json")
    assert saved.name in str(error.value)
    held = json.loads(saved.read_text())
    assert all(unit["id"].startswith("pair-") and unit["sequences"] for unit in held["units"])


def test_a_tensor_that_does_not_move_stops_the_run(folder):
    with pytest.raises(Fatal, match=r"did not move .*raise --rate"):
        trained(folder, {"rate": 1e-14}, runs="still")


def test_dropout_is_noticed(folder):
    """A network that draws random numbers in its forward pass is refused before the first update."""
    from winsome.training import start as starts

    load = starts.load

    def noisy(origin):
        model = load(origin)
        model.network.model.norm.register_forward_hook(
            lambda m, i, out: torch.nn.functional.dropout(out, 0.1)
        )
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starts, "load", noisy)
        with pytest.raises(Fatal, match="dropout is on"):
            trained(folder, {"objective": "orpo"}, runs="noisy")


def test_a_reference_that_is_not_the_start_is_no_zero_kl(folder, capsys):
    """Another model as the reference is allowed, named, and its log-probabilities are not the start's."""
    first = trained(folder, {"rate": 5e-3}, runs="first")
    place = trained(folder, {"reference_model": f"hf:{first}?dtype=float32"}, runs="other")
    log = read(place.parent / "log.jsonl")
    assert abs(log[0]["loss"] - 0.6931) > 0.01
    assert invariants.WATCHED == 2


def test_a_policy_under_another_template_than_that_of_training_is_refused(folder):
    """It would be asked otherwise than it learnt to be; as it stands, and with the old template named, it answers."""
    import shutil

    from winsome.contenders.local import LocalContender
    from winsome.matchmaking.loops import finish
    from winsome.records import Prompt, Sampling, user

    place = trained(folder, {"updates": 2}, runs="template")
    other = folder / "template" / "moved"
    shutil.copytree(place, other)
    jinja = other / "chat_template.jinja"
    old = folder / "old.jinja"
    shutil.copy(jinja, old)
    jinja.write_text(jinja.read_text().replace("assistant", "helper"))

    def answers(weights: Path, template: str | None = None) -> list[str]:
        async def heard() -> list[str]:
            contender = LocalContender(str(weights), dtype="float32", template=template, name="policy")
            asked = contender.answer([Prompt((user("say 1"),))], Sampling(max_tokens=2, temperature=0.0))
            return [response.text async for response in asked]

        return finish(heard())

    assert answers(other, template=f"@{old}") == answers(place)
    for ask in (
        lambda: answers(other),
        lambda: trained(folder, {"start": f"hf:{other}?dtype=float32"}, runs="template"),
    ):
        with pytest.raises(BadInput, match="was trained with another chat template"):
            ask()


def test_a_range_test_finds_a_rate_at_which_training_learns(folder):
    """On the trainer itself: it ends where the loss bursts, and a run at its rate ends far below one at a thousandth of it."""
    from winsome.training import parallel
    from winsome.training import start as starts
    from winsome.training.examples import examples_of
    from winsome.training.objective import objective
    from winsome.training.plan import Plan
    from winsome.training.progress import Progress
    from winsome.training.schedules import range_rates
    from winsome.training.task import TextTask
    from winsome.training.tokens import tokenised
    from winsome.training.trainer import Trainer
    from winsome.training.units import units

    rows = [{"prompt": f"say {i}", "response": f"yes {i}"} for i in range(12)]
    lowered, plan = objective("sft"), Plan(batch=12, clip=0)
    with session(folder) as run:
        start = starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run)
        ranks = parallel.started("auto", (), folder)
    model = starts.load(start)
    model.network.requires_grad_(True)
    parallel.wrap(ranks, model.network)
    task = TextTask(
        units(tokenised(model, examples_of(rows, "rows")), lowered.needs, objective="sft"), lowered, {}, ranks
    )
    trainer = Trainer(
        task, list(model.network.named_parameters()), plan, ranks, folder / "range", 0, {}, Progress(folder / "range.jsonl", print)
    )  # fmt: skip
    best, curve = trainer.range_test(range_rates(1e-5, 100.0, 60))
    assert 1e-4 < best < curve[-1][0] < 100.0
    assert curve[-1][1] > 2 * min(loss for _, loss in curve)
    settings = {"objective": "sft", "schedule": "constant", "warmup": 0}
    ends = [
        read(trained(folder, {**settings, "rate": rate}, runs="rates").parent / "log.jsonl")[-1]["loss"]
        for rate in (best, best / 1000)
    ]
    assert ends[0] < 0.7 * ends[1]


def test_log_holds_each_update_with_its_figures(folder):
    place = trained(folder, {"schedule": "constant", "warmup": 0}, runs="log")
    log = read(place.parent / "log.jsonl")
    assert [row["update"] for row in log] == list(range(1, 13))
    assert {row["rate"] for row in log} == {1e-3}
    assert log[-1]["loss"] < log[0]["loss"]
    assert 0.0 <= log[-1]["accuracy"] <= 1.0
    record = json.loads((place / "winsome.json").read_text())
    assert record["updates"] == 12
    assert record["data"]["counts"]["kept"] == 22


PEERS = (
    "vllm",
    "ray",
    "flash_attn",
    "deepspeed",
    "bitsandbytes",
    "xformers",
    "liger_kernel",
    "trl",
    "peft",
    "datasets",
    "wandb",
    "mlflow",
)


def test_training_needs_none_of_the_heavy_packages(folder):
    """A process in which none of them can be imported: the loop, its data and its checkpoint want torch and accelerate alone."""
    hidden = f"import sys\nfor name in {PEERS}: sys.modules[name] = None\n"
    own = "import torch\nfrom pathlib import Path\nfrom tests.training.small_run import trained\ntorch.set_num_threads(1)\n"
    code = f"{hidden}{own}print(trained(Path({str(folder)!r}), {{'updates': 1}}, runs='bare'))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert (Path(ran.stdout.strip()) / "model.safetensors").is_file()
