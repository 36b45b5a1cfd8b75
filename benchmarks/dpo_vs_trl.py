"""DPO on SmolLM2-135M against TRL: CPU seconds an update at equal loss, full and LoRA, with peak memory.

    python -m benchmarks.dpo_vs_trl [--mode full lora] [--pairs 8] [--prompt 384] [--answer 128] [--timed 3] [--out FILE]

Arms, each in a process of its own that stays alive: the product's trainer; TRL at its best settings (bf16 autocast, precomputed
reference, no checkpointing, micro-batches of one pair); TRL at its defaults with micro-batches of four. After WARM updates they take turns,
forwards and backwards (A B C C B A ..), so that a change of the machine's load falls on all; one torch thread each. Every arm
sees the same token ids and starts from the same weights, and the losses of the n-th update are printed side by side. What is
timed goes to --out line by line; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.dpo_arms import ARMS

WARM = 2
"""Updates of each arm before the first timed one: until then memory is still taken from the kernel, and ours checks what it trains."""


def main(module: str = "benchmarks.dpo_arms", about: str | None = __doc__) -> None:
    """`module` runs one arm as a command; `about` is the command's help."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", nargs="+", choices=("full", "lora"), default=["full", "lora"])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--pairs", type=int, default=8, help="pairs an update")
    parser.add_argument("--prompt", type=int, default=384, help="tokens of a prompt")
    parser.add_argument("--answer", type=int, default=128, help="tokens of an answer")
    parser.add_argument("--timed", type=int, default=3, help="timed updates an arm")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(f".winsome/{module.rpartition('.')[2].removesuffix('_arms')}_vs_trl.jsonl"),
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    given.module = module
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for mode in given.mode:
        measure(given, mode)
    rows = [row for mode in given.mode for row in table(given, mode)]
    if given.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in row.items()
            )
        )


def measure(given: argparse.Namespace, mode: str) -> None:
    """Run what is not yet in the file: a warm-up of every arm that still has updates to do, then turns."""
    left = {arm: given.timed - len(kept(given, mode, arm)) for arm in given.arms}
    running = {arm: started(given, mode, arm) for arm, count in left.items() if count > 0}
    try:
        for arm, process in running.items():
            found = [one(process) for _ in range(WARM)][-1]
            print(
                f"{mode} {arm}: warm-up {found['cpu']:.1f} CPU s, loss {found['loss']:.4f}",
                file=sys.stderr,
                flush=True,
            )
        forwards = True
        while any(count > 0 for count in left.values()):
            for arm in given.arms if forwards else reversed(given.arms):
                if left[arm] > 0:
                    row = {
                        **shape(given, mode),
                        "arm": arm,
                        "update": given.timed - left[arm] + WARM + 1,
                        **one(running[arm]),
                    }
                    left[arm] -= 1
                    with given.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
                    print(json.dumps(row), file=sys.stderr, flush=True)
            forwards = not forwards
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def shape(given: argparse.Namespace, mode: str) -> dict[str, Any]:
    """What makes timings comparable."""
    return {"mode": mode, "pairs": given.pairs, "prompt": given.prompt, "answer": given.answer}


def kept(given: argparse.Namespace, mode: str, arm: str) -> list[dict[str, Any]]:
    """The timed updates of an arm that the file holds."""
    if not given.out.is_file():
        return []
    rows = [json.loads(line) for line in given.out.read_text("utf-8").splitlines()]
    wanted = {**shape(given, mode), "arm": arm}
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())][: given.timed]


def started(given: argparse.Namespace, mode: str, arm: str) -> subprocess.Popen[str]:
    words = ["--mode", mode, "--updates", str(given.timed + WARM)]
    for key in ("pairs", "prompt", "answer"):
        words += [f"--{key}", str(getattr(given, key))]
    return subprocess.Popen(
        [sys.executable, "-m", given.module, arm, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def one(process: subprocess.Popen[str]) -> dict[str, float]:
    """Let an arm do one update; what it says of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith('{"cpu"'):
            return json.loads(line)
    raise SystemExit(f"an arm ended with exit code {process.wait()}; run it alone to see why")


def table(given: argparse.Namespace, mode: str) -> list[dict[str, Any]]:
    """A row an arm: median CPU seconds, pairs a CPU second, the product's ratio to it, peak memory, losses."""
    held = {arm: kept(given, mode, arm) for arm in given.arms}
    medians = {arm: statistics.median(row["cpu"] for row in rows) for arm, rows in held.items() if rows}
    return [
        {
            **shape(given, mode),
            "arm": arm,
            "n": len(held[arm]),
            "cpu_s": medians[arm],
            "pairs_per_cpu_s": given.pairs / medians[arm],
            "times_ours": medians[arm] / medians.get("winsome", float("nan")),
            "peak_gb": max(row["peak"] for row in held[arm]),
            "losses": " ".join(f"{row['loss']:.4f}" for row in held[arm]),
        }
        for arm in medians
    ]


if __name__ == "__main__":
    main()
