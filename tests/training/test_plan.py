"""No dead option: every field of a plan, set to another value, changes what is learnt, done or kept, or is refused."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.small_run import prepared, rows, trained
from winsome.errors import BadInput
from winsome.training.plan import UNLEARNT, Plan
from winsome.training.progress import read
from winsome.training.task import TextTask
from winsome.training.trainer import Paused

LOOK: dict[str, Any] = {"judge": "regex?pattern=e", "evaluate_every": 1}
LORA = {"adapter": "lora", "lora_rank": 2}
CHANGED: dict[str, tuple[Any, dict[str, Any]]] = {
    "epochs": (2, {"updates": 0}),
    "updates": (2, {}),
    "batch": (5, {}),
    "micro_tokens": (1, {}),
    "rate": (2e-3, {}),
    "schedule": ("cosine", {}),
    "warmup": (0.7, {}),
    "floor": (0.5, {}),
    "optimizer": ("rmsprop", {}),
    "clip": (0.01, {}),
    "decay": (0.5, {}),
    "ema": (0.5, {}),
    "adapter": ("lora", {"lora_rank": 2}),
    "lora_rank": (3, LORA),
    "lora_alpha": (8.0, LORA),
    "lora_targets": (["q_proj"], LORA),
    "precision": ("bfloat16", {}),
    "max_length": (40, {}),
    "too_long": ("cut_answer", {"max_length": 40}),
    "format": ("text", {}),
    "assistant_turns": ("all", {"objective": "sft", "data": "dialogues.jsonl"}),
    "checkpointing": (True, {}),
    "save_every": (0, {}),
    "keep": (1, {"save_every": 1}),
    "canary_every": (2, {}),
    "max_kl": (1e-9, {"canary_every": 2, "objective": "sft"}),
    "evaluate_every": (2, {"judge": "regex?pattern=e"}),
    "patience": (1, LOOK),
    "parallel": ("fsdp", {}),
    "trackers": (["tensorboard"], {}),
}
"""Field -> another value, and the settings beside which it matters."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("plan"))
    dialogue = [
        {"role": "user", "content": "u"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "v"},
    ]  # fmt: skip
    turns = [{"messages": [*dialogue, {"role": "assistant", "content": f"it is {i}"}]} for i in range(12)]
    (place / "dialogues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turns))
    (place / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(4)))
    return place


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def digest_of(place: Path) -> str:
    """Of the kept model's bits."""
    return blake2b(b"".join(file.read_bytes() for file in sorted(place.glob("*.safetensors")))).hexdigest()


def outcome(folder: Path, settings: dict[str, Any], runs: str) -> dict[str, Any]:
    """What a run of three updates leaves and does: the model's bits, files, figures, passes over micro-batches and layers."""
    passes: list[int] = []
    losses, enabled = TextTask.losses, []
    given = {"updates": 3, "save_every": 2, "suite": str(folder / "two.jsonl"), **settings}
    given["start"] = f"hf:{folder / 'tiny'}?dtype=float32&max_tokens=2&temperature=1"
    data = given.pop("data", "pairs.jsonl")

    def counted(self: TextTask, units: Any, *more: Any) -> Any:
        passes.append(len(units))
        enabled.append(bool(self.ranks.module.network.is_gradient_checkpointing))
        return losses(self, units, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextTask, "losses", counted)
        try:
            place = trained(folder, given, runs=runs, data=data)
        except (BadInput, Paused) as error:
            return {"refused": str(error)}
    root = place.parent
    depths = {str(file.relative_to(root)).partition("/matches/")[0] for file in root.rglob("*")}
    kept = {name.replace("dpo", "") for name in depths if "tfevents" not in name}
    log = [{k: v for k, v in row.items() if "second" not in k} for row in read(root / "log.jsonl")]
    return {"weights": digest_of(place), "files": kept, "log": log, "passes": passes, "enabled": enabled}


def learnt_otherwise(folder: Path, name: str) -> bool:
    """Whether the two runs' weights are further apart than rounding takes them."""
    held = [
        load_file(next((folder / f"{name}-{kind}").glob("*/trained/*.safetensors")))
        for kind in ("plain", "changed")
    ]
    if held[0].keys() != held[1].keys() or any(held[0][k].shape != held[1][k].shape for k in held[0]):
        return True
    return max(float((held[0][k] - held[1][k]).abs().max()) for k in held[0]) > 2e-5


def test_every_field_of_a_plan_is_tried():
    assert list(CHANGED) == [field.name for field in fields(Plan)]
    for field in fields(Plan):
        assert field.default is not MISSING
        assert CHANGED[field.name][0] != field.default


@pytest.mark.parametrize("name", CHANGED)
def test_a_field_changes_the_result_or_the_files_or_is_refused(folder, name):
    value, beside = CHANGED[name]
    plain = outcome(folder, beside, f"{name}-plain")
    changed = outcome(folder, {**beside, name: value}, f"{name}-changed")
    assert "refused" not in plain
    assert changed != plain, f"{name}={value} changes nothing"
    if "refused" in changed:
        assert name in ("max_kl", "parallel")
    elif name != "patience":
        # What does not change what is learnt is not in a run's digest, and the reverse.
        assert learnt_otherwise(folder, name) is (name not in UNLEARNT)


def test_what_changes_memory_and_speed_alone_leaves_the_same_model(folder):
    """Recomputing activations, smaller micro-batches, other times to save and to look: the same run, found again."""
    plain = Plan().id
    for name in UNLEARNT:
        value = CHANGED[name][0]
        assert Plan(**{name: tuple(value) if isinstance(value, list) else value}).id == plain
