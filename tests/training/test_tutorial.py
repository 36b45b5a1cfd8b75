"""The tutorial on raising a win rate, typed as it stands: it ends in a match with its figures, within its ten minutes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "raise-a-win-rate.md"


def commands() -> list[str]:
    """What stands in the page's bash blocks and is winsome's."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    typed = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in typed if line.startswith("winsome ")]


def test_the_page_has_the_two_steps():
    assert [line.split()[1] for line in commands()] == ["compare", "train"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tutorial_works_as_typed(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment.pop("WINSOME_LEDGER", None)
    began, spent = time.monotonic(), os.times()
    for command in commands():
        ran = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
        print(ran.stdout, ran.stderr)
    ended = os.times()
    assert "checked: dropout off; reference = start, KL" in ran.stderr
    assert re.search(r"win rate at equal length \d", ran.stdout)
    assert re.search(r"KL to the start \d+\.\d+ nats an answer \(se \d", ran.stdout)
    assert re.search(r"length \d+\.\d tokens, before \d", ran.stdout)
    assert (tmp_path / ran.stdout.strip().splitlines()[-1].removeprefix("hf:").partition("?")[0]).is_dir()
    cpu = ended.children_user + ended.children_system - spent.children_user - spent.children_system
    assert cpu < 600, f"{cpu:.0f} CPU seconds in {time.monotonic() - began:.0f}"
