"""Memory that runs out: before the first update, at the largest micro-batch, in one line that says what to lower."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.small_run import prepared
from winsome.training.memory import is_out_of_memory, way_out
from winsome.training.plan import Plan

ROOT = Path(__file__).resolve().parents[2]

LIMITED = """
import os, resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.small_run import trained
from winsome.errors import Fatal
from winsome.training.trainer import Trainer

train = Trainer.train
def limited(self):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * os.sysconf("SC_PAGE_SIZE") + int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    try:
        train(self)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
Trainer.train = limited
try:
    trained(Path(sys.argv[1]), {"batch": 64, "micro_tokens": int(sys.argv[3]), "updates": 1}, data="long.jsonl")
except Fatal as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory by the kernel")
def test_a_micro_batch_that_does_not_fit_is_told_before_the_first_update(tmp_path, monkeypatch):
    """The kernel refuses this process more than 64 MB besides what it has; 64 rows of some 400 tokens want more."""
    folder = prepared(tmp_path)
    rows = [
        {"prompt": f"p{i}", "chosen": f"{i} " + "x" * 400, "rejected": f"{i} " + "y" * 30} for i in range(64)
    ]
    (folder / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))

    def told(room: int, micro_tokens: int) -> str:
        command = [sys.executable, "-c", LIMITED, str(folder), str(room), str(micro_tokens)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert "update 1/" not in ran.stderr
        assert "Traceback" not in ran.stderr, ran.stderr[-2000:]
        return ran.stdout.strip()

    said = told(64_000_000, 100_000)
    assert said.startswith("out of memory in a micro-batch of "), said
    assert "lower --micro-tokens to " in said
    assert "--adapter lora" in said
    assert len(said) <= 200


def test_what_may_be_lowered_is_what_is_not_low_already():
    assert way_out(Plan(), 4000, 900) == (
        "out of memory in a micro-batch of 4000 tokens; lower --micro-tokens to 2000, or take --checkpointing, or take --adapter lora"
    )
    assert way_out(Plan(checkpointing=True, adapter="lora"), 900, 900) == (
        "out of memory in a micro-batch of 900 tokens; cut rows with --max-length (the longest unit has 900 tokens)"
    )


def test_errors_of_torch_and_numpy_are_known():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60)
    assert is_out_of_memory(refused.value)
    with pytest.raises(MemoryError) as no_room:
        np.empty(1 << 60, np.uint8)
    assert is_out_of_memory(no_room.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
