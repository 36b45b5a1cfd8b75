"""Checkpoints: whole or not there; what was saved before survives a full disk; another run's are refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from winsome.errors import BadInput, Fatal
from winsome.training import checkpoints
from winsome.training.checkpoints import Checkpoint

ROOT = Path(__file__).resolve().parents[2]
MADE_FOR = {"start": "a", "data": "b", "plan": "c"}


def held(update: int, size: int = 8) -> Checkpoint:
    weights = {"w": torch.full((size,), float(update))}
    return Checkpoint(
        weights, {"exp_avg/w": torch.ones(size)}, {"update": update, "made_for": MADE_FOR, "task": {}}
    )


def test_the_newest_whole_one_is_read_and_old_ones_go(tmp_path):
    for update in (3, 6, 9):
        checkpoints.save(tmp_path, held(update), keep=2)
    assert [place.name for place in checkpoints.folders(tmp_path)] == ["000006", "000009"]
    found = checkpoints.load(tmp_path, MADE_FOR)
    assert found is not None
    assert float(found.weights["w"][0]) == 9.0
    assert found.state["update"] == 9


def test_a_damaged_one_is_passed_over(tmp_path):
    checkpoints.save(tmp_path, held(3))
    place = checkpoints.save(tmp_path, held(6))
    data = bytearray((place / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (place / "model.safetensors").write_bytes(bytes(data))
    found = checkpoints.load(tmp_path, MADE_FOR)
    assert found is not None
    assert found.state["update"] == 3


@pytest.mark.parametrize("name", MADE_FOR)
def test_one_of_another_run_is_refused_naming_what_differs(tmp_path, name):
    checkpoints.save(tmp_path, held(3))
    with pytest.raises(BadInput, match=f"is a checkpoint of another {name}"):
        checkpoints.load(tmp_path, {**MADE_FOR, name: "other"})


def test_parts_of_a_killed_save_are_no_checkpoint(tmp_path):
    (tmp_path / ".part-000009-1").mkdir()
    (tmp_path / ".part-000009-1" / "model.safetensors").write_bytes(b"half")
    assert checkpoints.load(tmp_path, MADE_FOR) is None
    checkpoints.discard_parts(tmp_path)
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.training.test_checkpoints import held
from winsome.errors import Fatal
from winsome.training import checkpoints
root = Path(sys.argv[1])
checkpoints.save(root, held(3))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoints.save(root, held(6, 50_000))
except Fatal as error:
    print(error)
"""


def test_a_full_disk_leaves_the_last_good_one(tmp_path):
    """The operating system itself refuses the bytes: no file of this process may grow beyond 20 kB."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert (
        ran.stdout.strip()
        == "checkpoint 000006: the disk is full; 000003 stays whole; free room and run the same command"
    ), ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["000003"]
    found = checkpoints.load(tmp_path, MADE_FOR)
    assert found is not None
    assert found.state["update"] == 3


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    place = tmp_path / "file"
    place.write_text("in the way")
    with pytest.raises(Fatal, match="cannot be written"):
        checkpoints.save(place, held(3))
