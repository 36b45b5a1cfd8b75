"""CPU seconds before anything happens: the command's help, the package's import, ranking a file of 805 verdicts.

    python -m benchmarks.startup [--runs 7] [--json]

The median of --runs processes each, user and system time of the whole process. Targets: help 0.25, import 0.1 beyond bare Python,
rank 0.8.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

VERDICTS = 805


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c pass": ["-c", "pass"],
            "import winsome": ["-c", "import winsome"],
            "winsome --help": ["-m", "winsome", "--help"],
            "winsome compare --help": ["-m", "winsome", "compare", "--help"],
            f"winsome rank, {VERDICTS} rows": [
                "-m",
                "winsome",
                "rank",
                str(_verdicts(Path(folder))),
                "--json",
            ],
        }
        seconds = {name: _median(words, arguments.runs) for name, words in commands.items()}
    if arguments.json:
        print(json.dumps(seconds))
        return
    for name, value in seconds.items():
        print(f"{name:<28} {value:.3f} s CPU")


def _verdicts(folder: Path) -> Path:
    rows = [
        {"prompt_id": str(i), "model_a": "a", "model_b": "b", "winner": ("model_a", "model_b", "tie")[i % 3]}
        for i in range(VERDICTS)
    ]
    path = folder / "battles.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _median(words: list[str], runs: int) -> float:
    return statistics.median(_cpu([sys.executable, *words]) for _ in range(runs))


def _cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
