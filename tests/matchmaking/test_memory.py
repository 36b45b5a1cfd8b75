"""Memory does not grow with the words that pass through: they are in the ledger."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def peak(verdicts: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.runner", "--verdicts", str(verdicts), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_verdict_leaves_a_small_row_in_memory() -> None:
    # both above 8,000 verdicts, from where SQLite's page cache is full
    small, large = peak(10_000), peak(30_000)
    grown = (large["peak_memory_mb"] - small["peak_memory_mb"]) * 2**20 / 20_000
    assert grown < large["ledger_bytes_a_verdict"] / 2
