"""SIGKILL at random moments, fifty of them: what a run ends in is what an undisturbed one ends in, bit for bit.

Processes are forked from one that has imported everything, so that a kill falls into the run and not into its imports.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import small_run
from tests.training.online import small_online
from winsome.training import checkpoints
from winsome.training.progress import read

KILLS = 50


def alone(trained: Callable[..., Path], folder: Path, settings: dict[str, Any], runs: str) -> None:
    """A whole run in this process, which may die at any moment."""
    os.environ["WINSOME_CACHE"] = str(folder / "cache")
    torch.set_num_threads(1)
    trained(folder, settings, runs=runs)


def begun(*args: Any) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "transformers", "accelerate", "peft"])
    process = context.Process(target=alone, args=args)
    process.start()
    return process


def stands_at(root: Path) -> str:
    """How far a run has come, by what lies on disk."""
    if any(root.glob("*/trained/winsome.json")):
        return "kept"
    if any(root.glob("*/.part-trained")):
        return "keeping"
    if any(root.glob("*/checkpoints/.part-*")):
        return "saving"
    found = [checkpoints.newest(place / "checkpoints") for place in root.glob("*")]
    newest = max((place.name for place in found if place is not None), default="")
    return f"after {newest}" if newest else "before the first checkpoint"


def bits(root: Path) -> dict[str, bytes]:
    """The kept model's files, and the losses of all updates."""
    (place,) = root.glob("*/trained")
    kept = {file.name: file.read_bytes() for file in sorted(place.iterdir()) if file.name != "winsome.json"}
    log = [(row["update"], row["loss"]) for row in read(place.parent / "log.jsonl") if "loss" in row]
    return {**kept, "log": repr(log).encode()}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("trained", "settings"),
    [
        (small_run.trained, {"objective": "bco", "ema": 0.5, "schedule": "cosine", "save_every": 2, "epochs": 12}),
        (small_online.trained, {"objective": "rloo?dead_groups=resample", "passes": 2, "save_every": 1, "epochs": 6}),
    ],
    ids=["bco", "rloo"],
)  # fmt: skip
def test_fifty_kills_at_random_moments_change_no_bit(tmp_path, trained, settings):
    """Twenty-five kills of each; a run that ends before its next kill is followed by another in a folder of its own."""
    folder = small_run.prepared(tmp_path)
    process = begun(trained, folder, settings, "warm")
    process.join()
    start = time.monotonic()
    process = begun(trained, folder, settings, "whole")
    process.join()
    lasts = time.monotonic() - start
    assert process.exitcode == 0
    whole = bits(folder / "whole")
    rng, died, runs, kills = random.Random(0), Counter[str](), 0, 0
    while kills < KILLS // 2:
        root = folder / f"killed-{runs}"
        runs += 1
        while kills < KILLS // 2:
            process = begun(trained, folder, settings, root.name)
            process.join(rng.uniform(0.0, 0.7) * lasts)
            if process.exitcode is not None:
                break
            process.kill()
            process.join()
            assert process.exitcode == -9
            kills += 1
            died[stands_at(root)] += 1
        process = begun(trained, folder, settings, root.name)
        process.join()
        assert process.exitcode == 0
        assert bits(root) == whole
        assert not list(root.glob("*/checkpoints/.part-*"))
    assert kills == KILLS // 2
    # Spread over the run, and not all at one place.
    assert len(died) >= 5, died
