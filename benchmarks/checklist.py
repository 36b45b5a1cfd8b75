"""CPU seconds of checklist verdicts over HTTP: 5,000 at concurrency 128 against a local server that answers at once.

    python -m benchmarks.checklist [--verdicts 5000] [--concurrency 128] [--json]
    python -m benchmarks.checklist --peer PYTHON        the same pairs annotated by alpaca_eval, installed for PYTHON

WildBench's own code is no package, so the peer is alpaca_eval on the same instructions and answers, at the same concurrency; its prompt
is shorter than a checklist's and its reply one letter, which is to its advantage. Both sides' figures are CPU seconds of their own
process without imports, in one run one after the other; the server is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.runner import FILLER, server

REPLY = '{"analysis": "Both answer the query; A is more complete.", "choice": "A+"}'
QUESTIONS = [f"Does the answer keep to point {n} of the request?" for n in range(1, 8)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdicts", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python with alpaca_eval installed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    result = _ours(options) if options.side else _run(options)
    if options.json or options.side:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:>36}: {value:,.4g}" if isinstance(value, float) else f"{key:>36}: {value}")


def answer(_: Any) -> str:
    """What the local server says to every checklist prompt."""
    return REPLY


def _run(options: argparse.Namespace) -> dict[str, Any]:
    n = options.verdicts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_pairs(folder, n)
        with server("instant", "--answer", "benchmarks.checklist:answer") as base:
            ours = _side(base, folder, options)
        result: dict[str, Any] = {
            "verdicts": n,
            "concurrency": options.concurrency,
            "winsome_cpu_ms_a_verdict": 1000 * ours["cpu"] / n,
            "winsome_wall_seconds": ours["wall"],
            "read": ours["read"],
            "python": platform.python_version(),
        }
        if options.peer:
            with server("instant") as base:
                theirs = _theirs(base, folder, options)
            result |= {
                "alpaca_eval_cpu_ms_a_verdict": 1000 * theirs["cpu"] / n,
                "alpaca_eval_times_winsome": theirs["cpu"] / ours["cpu"],
                "alpaca_eval_wall_seconds": theirs["wall"],
                "versions": " ".join(f"{key} {value}" for key, value in theirs["versions"].items()),
            }
    return result


def _write_pairs(folder: Path, pairs: int) -> None:
    for side in (1, 2):
        rows = [
            {
                "instruction": f"{i:07d} {FILLER * 10}",
                "output": f"side {side} on {i:07d}: {FILLER * 15}",
                "generator": f"side-{side}",
            }
            for i in range(pairs)
        ]
        (folder / f"{side}.json").write_text(json.dumps(rows))


def _side(base: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "benchmarks.checklist", "--side", "--endpoint", base, "--folder", str(folder),
        "--concurrency", str(options.concurrency),
    ]  # fmt: skip
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _ours(options: argparse.Namespace) -> dict[str, Any]:
    """Read both files, judge every pair once by its checklist, rank and write the run."""
    import aiohttp  # noqa: F401
    import polars as pl

    from winsome.matchmaking.compare import compare
    from winsome.records import Prompt, Suite, user

    folder = Path(options.folder)
    cpu, wall = time.process_time(), time.perf_counter()
    rows = json.loads((folder / "1.json").read_text())
    notes = {"checklist": QUESTIONS}
    prompts = [Prompt((user(row["instruction"]),), for_judges=notes) for row in rows]
    with tempfile.TemporaryDirectory() as place:
        found = compare(
            folder / "2.json",
            folder / "1.json",
            judge=f"checklist?metric=reward&model=({options.endpoint}#test-model)",
            suite=Suite("pairs", "1", prompts, orders=1),
            concurrency=options.concurrency,
            ledger=Path(place) / "ledger.sqlite",
            folder=Path(place),
            quiet=True,
            allow_degenerate=True,
        )
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        extents = pl.read_parquet(found.folder / "asks.parquet")["extent"]
    return used | {"read": int((extents == 1.0).sum())}


def _theirs(base: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    script = Path(__file__).with_name("alpaca_eval_peer.py")
    place = folder / "peer"
    place.mkdir()
    command = [options.peer, script, folder / "1.json", folder / "2.json", base, place, options.concurrency]
    done = subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
