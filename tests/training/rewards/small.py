"""A small reward model: its data, a task over it, and whole runs in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import torch

from tests.training.small_run import prepared, rows, session
from winsome import specs
from winsome.training import parallel
from winsome.training import start as starts
from winsome.training.examples import examples_of
from winsome.training.loops.reward import ROLE, fitting, reward
from winsome.training.objective import objective
from winsome.training.rewards import start as heads
from winsome.training.rewards.runs import outputs_of
from winsome.training.rewards.task import RewardTask, forward
from winsome.training.tokens import tokenised
from winsome.training.units import units

PLAN = {"batch": 6, "rate": 1e-3, "epochs": 2, "micro_tokens": 150, "save_every": 4}


def folder_of(place: Path) -> Path:
    """A tiny model, 40 pairs, rated lists and answers with two attributes."""
    prepared(place)
    write(place / "many.jsonl", rows(40))
    lists = [
        {"id": f"l{i}", "prompt": f"rate {i}", "responses": ["no", "yes " * 3, f"maybe {i}"], "scores": [0.0, 1.0 + i % 2, 0.5]}
        for i in range(20)
    ]  # fmt: skip
    write(place / "lists.jsonl", lists)
    rated = [
        {"prompt": f"rate {i // 2}", "response": "yes " * (1 + i % 3) + str(i), "helpful": float(i % 3), "brief": float(-(i % 3) + i % 2)}
        for i in range(60)
    ]  # fmt: skip
    write(place / "attributes.jsonl", rated)
    return place


def write(place: Path, found: list[dict[str, Any]]) -> str:
    place.write_text("".join(json.dumps(row) + "\n" for row in found))
    return str(place)


def task_of(folder: Path, name: str, data: list[dict[str, Any]], row_tokens: int = 1024) -> RewardTask:
    """The task of an objective over rows, with gradients on for all of the model."""
    lowered = objective(name, ROLE)
    with session(folder) as run:
        start = starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run)
        model = heads.load(start, lowered, outputs_of(lowered), 0)
        held = tokenised(model, fitting(examples_of(data, "rows"), lowered), whole=True)
        found = units(held, lowered.needs, objective=name)
        model.network.requires_grad_(True)
        ranks = parallel.started("auto", (), folder)
    parallel.wrap(ranks, model.network, forward)
    return RewardTask(found, lowered, ranks, "own", row_tokens)


def step(task: RewardTask, parts: list[list[int]] | None = None) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of an update over all units, in the given micro-batches."""
    network = task.ranks.module.network
    network.zero_grad()
    parts = parts or [list(range(len(task.units)))]
    total = len([row for rows_ in parts for row in rows_])
    loss = 0.0
    for part in parts:
        losses = task.losses(part, {}, 0.0)
        (losses.values.sum() / total).backward()
        loss += float(losses.values.sum().detach()) / total
    return loss, {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


def trained(
    folder: Path, settings: Mapping[str, Any], *, data: str = "many.jsonl", seed: int = 0, runs: str = "runs"
) -> str:
    """The name of the scorer that these settings make."""
    given = {**PLAN, **settings}
    start = given.pop("start", f"hf:{folder / 'tiny'}?dtype=float32")
    with session(folder, seed, runs) as run:
        return reward(start, folder / data, run=run, **given)


def place_of(name: str) -> Path:
    return Path(specs.parse(name).address)


def record_of(name: str) -> dict[str, Any]:
    return orjson.loads((place_of(name) / "winsome.json").read_bytes())
