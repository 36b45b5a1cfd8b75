"""A whole step equals TRL's: same tiny model, same rows, fp32; the loss to 1e-5 and the gradient to 1e-4 of its norm."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.small_run import prepared, rows, session
from winsome.models.render import rendered_ids
from winsome.training import parallel
from winsome.training import start as starts
from winsome.training.examples import examples_of
from winsome.training.loops.preference import fitting
from winsome.training.objective import objective
from winsome.training.references import stored
from winsome.training.task import TextTask
from winsome.training.tokens import tokenised
from winsome.training.units import units

trl = pytest.importorskip("trl")

NUMBER = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("trl"))


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def ours(folder: Path, name: str, *, shift: float) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of an update on the first rows; the policy is the start with every matrix scaled by 1 + shift."""
    lowered = objective(name)
    with session(folder) as run:
        start = starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run)
        model = starts.load(start)
        data = tokenised(model, fitting(examples_of(rows(NUMBER), "rows"), lowered))
        held = units(data, lowered.needs, objective=name)
        references = {
            kind: stored(model.network, start.id, held.sequences) for kind in lowered.needs.references
        }
        moved(model.network, shift)
        model.network.requires_grad_(True)
        ranks = parallel.started("auto", (), folder)
        parallel.wrap(ranks, model.network)
        task = TextTask(held, lowered, references, ranks)
        order = list(range(len(held)))
        sums = task.sums_of_update([order], 1)
        losses = task.losses(order, sums, 0.0)
        (losses.values.sum() / losses.counts.sum()).backward()
    grads = {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}
    return float((losses.values.sum() / losses.counts.sum()).detach()), grads


def moved(network: Any, shift: float) -> None:
    """The policy away from its reference, so that ratios are not 0; scaled by a pattern that no layer's norm undoes."""
    with torch.no_grad():
        for p in network.parameters():
            if p.ndim > 1:
                pattern = torch.sin(torch.arange(p.numel(), dtype=torch.float32)).view_as(p)
                p.mul_(1.0 + shift * pattern)


def settings(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(tmp_path / "trl"),
        "per_device_train_batch_size": NUMBER,
        "max_length": None,
        "bf16": False,
        "fp16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "use_cpu": True,
        "max_steps": 1,
        "dataset_num_proc": None,
        "shuffle_dataset": False,
        **more,
    }


def dataset(folder: Path, kind: str) -> Any:
    """The rows in TRL's plain format, the prompt as the template writes it; TRL adds the end of turn itself."""
    from datasets import Dataset

    with session(folder) as run:
        model = starts.load(starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run))
    made = []
    for row in rows(NUMBER):
        asked = model.tokenizer.decode(rendered_ids(model, [{"role": "user", "content": row["prompt"]}]))
        if kind == "sft":
            made.append({"prompt": asked, "completion": row["chosen"]})
        else:
            made.append({"prompt": asked, "chosen": row["chosen"], "rejected": row["rejected"]})
    return Dataset.from_list(made), model.tokenizer


def theirs(
    folder: Path, tmp_path: Path, kind: str, shift: float, **more: Any
) -> tuple[float, dict[str, torch.Tensor]]:
    from transformers import AutoModelForCausalLM

    def load() -> Any:
        return AutoModelForCausalLM.from_pretrained(
            folder / "tiny", dtype=torch.float32, attn_implementation="eager"
        )

    policy = load()
    moved(policy, shift)
    data, tokenizer = dataset(folder, kind)
    given = settings(tmp_path, **more)
    if kind == "sft":
        import inspect

        known = inspect.signature(trl.SFTConfig).parameters
        config = trl.SFTConfig(**{k: v for k, v in given.items() if k in known}, completion_only_loss=True)
        trainer = trl.SFTTrainer(policy, args=config, train_dataset=data, processing_class=tokenizer)
    else:
        import inspect

        known = inspect.signature(trl.DPOConfig).parameters
        config = trl.DPOConfig(**{k: v for k, v in given.items() if k in known})
        trainer = trl.DPOTrainer(policy, load(), args=config, train_dataset=data, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    grads = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    return float(loss.detach()), grads


def check(mine: tuple[float, dict], peer: tuple[float, dict]) -> None:
    assert mine[0] == pytest.approx(peer[0], abs=1e-5)
    assert mine[1].keys() == peer[1].keys()
    both = [(mine[1][name], peer[1][name]) for name in mine[1]]
    scale = sum(float((b**2).sum()) for _, b in both) ** 0.5
    apart = sum(float(((a - b) ** 2).sum()) for a, b in both) ** 0.5
    assert scale > 0
    assert apart / scale < 1e-4


SAME = [
    ("dpo?beta=0.1", {"loss_type": "sigmoid", "beta": 0.1}),
    ("hinge?beta=0.1", {"loss_type": "hinge", "beta": 0.1}),
    # TRL divides the log-ratios of ipo by the answers' lengths.
    ("ipo?beta=0.1&norm=mean", {"loss_type": "ipo", "beta": 0.1}),
    ("robust?beta=0.1&label_smoothing=0.1", {"loss_type": "robust", "beta": 0.1, "label_smoothing": 0.1}),
    ("apo_zero?beta=0.1", {"loss_type": "apo_zero", "beta": 0.1}),
    ("apo_down?beta=0.1", {"loss_type": "apo_down", "beta": 0.1}),
    ("nca?beta=0.1", {"loss_type": "nca_pair", "beta": 0.1}),
]


@pytest.mark.parametrize(("name", "theirs_"), SAME, ids=[name for name, _ in SAME])
def test_a_preference_step_equals_trls(folder, tmp_path, name, theirs_):
    check(ours(folder, name, shift=0.02), theirs(folder, tmp_path, "dpo", 0.02, **theirs_))


def test_a_supervised_step_equals_trls(folder, tmp_path):
    check(ours(folder, "sft", shift=0.02), theirs(folder, tmp_path, "sft", 0.02))
