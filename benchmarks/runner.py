"""CPU seconds a verdict: judge n contests in both orders through a local server that answers at once.

    python -m benchmarks.runner [--verdicts 20000] [--concurrency 64] [--json]

The server runs in a process of its own and is not counted. HTTP, rendering, parsing, retry bookkeeping, claims and every ledger commit
are. Target: below 0.5 ms a verdict at concurrency 64 with prompts of 3 kB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from winsome.matchmaking.compare import compare
from winsome.records import Prompt, Response, Sampling, Suite, assistant, digest, response_key, user

FILLER = "The quick brown fox jumps over the lazy dog near the river bank at dawn. "


class Canned:
    """A contender whose answers cost nothing: 1,100 characters that differ by prompt and side."""

    batch = 1000

    def __init__(self, side: str) -> None:
        self.name, self.id = f"benchmarks.runner:{side}", digest(["canned", side])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            text = f"{self.name} on {prompt.text[:20]}: {FILLER * 15}"
            yield Response(prompt.id, self.name, response_key(prompt.id, self.id, sampling, 0), messages=(assistant(text),))


def first() -> Canned:
    """One side."""
    return Canned("first")


def second() -> Canned:
    """The other side."""
    return Canned("second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--protocol", default="alpaca_eval")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.servers.openai_server", "--port", "0", "--instant"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline().split()[-1])
        result = measure(f"http://127.0.0.1:{port}/v1#test-model", options.verdicts, options.concurrency, options.protocol)
    finally:
        server.terminate()
        server.wait()
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:>28}: {value:,.4g}" if isinstance(value, float) else f"{key:>28}: {value}")


def measure(endpoint: str, verdicts: int, concurrency: int, protocol: str) -> dict[str, float | int | str]:
    """CPU and wall seconds of a comparison with `verdicts` verdicts, less those of the same with every verdict kept."""
    suite = Suite("speed", "1", [Prompt((user(f"{i:07d} {FILLER * 10}"),)) for i in range(verdicts // 2)])
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "judge": f"pairwise?protocol={protocol}&model=({endpoint})",
            "suite": suite,
            "concurrency": concurrency,
            "ledger": Path(folder) / "ledger.sqlite",
            "folder": Path(folder) / "runs",
            "quiet": True,
            "allow_degenerate": True,
        }
        cpu, wall = time.process_time(), time.perf_counter()
        compare("benchmarks.runner:first", "benchmarks.runner:second", **settings)  # type: ignore[arg-type]
        bought = time.process_time() - cpu, time.perf_counter() - wall
        cpu = time.process_time()
        compare("benchmarks.runner:first", "benchmarks.runner:second", **settings)  # type: ignore[arg-type]
        kept = time.process_time() - cpu
        size = os.path.getsize(Path(folder) / "ledger.sqlite")
    return {
        "verdicts": verdicts,
        "concurrency": concurrency,
        "protocol": protocol,
        "cpu_ms_a_verdict": 1000 * bought[0] / verdicts,
        "verdicts_a_second": verdicts / bought[1],
        "cpu_seconds_again_all_kept": kept,
        "ledger_bytes_a_verdict": size / verdicts,
    }


if __name__ == "__main__":
    main()
