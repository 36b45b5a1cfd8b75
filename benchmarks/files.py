"""From a file of battles to integer codes, beside pandas: a table, or JSON with --json. Each arm runs in its own process.

    python -m benchmarks.files [--battles 1500000] [--runs 5] [--json]

Two files of the same battles between 150 models, each as Parquet, CSV and JSON lines: model_a, model_b and winner alone; and with a
question id of its own a row, one of 100,000 annotators, a language, a turn and a time. Ours is what `winsome rank` does before it
ranks; pandas reads the columns that are used (all of JSON lines, where it cannot choose), factorises them and maps the winners. Codes,
labels and shares must be equal; on both sides labels stay what the library makes of them, and become Python's texts to be compared when
the clock has stopped. CPU seconds on one thread, imports excluded; the first run is cold, the others' median is warm; peak
memory is the process's after the cold run. Targets: Parquet 2, JSON lines 8, CSV 1 times pandas, and no more memory.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.standings_speed import ONE_THREAD, arena

WIDE = ("prompt_id", "annotator")
SHARE = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}
Columns = dict[str, tuple[Any, Any]]


def write(folder: Path, battles: int) -> list[Path]:
    """The six files."""
    import polars as pl

    rng = np.random.default_rng(5)
    narrow = pl.DataFrame({name: pl.Series(values.tolist()) for name, values in arena(battles).items()})
    ids = rng.integers(0, 2**62, battles)
    wide = narrow.with_columns(
        prompt_id=pl.Series([f"{i:016x}" for i in ids.tolist()]),
        annotator=pl.Series([f"user-{i}" for i in rng.integers(0, 100_000, battles).tolist()]),
        language=pl.Series(rng.choice(["English", "Chinese", "German", "Russian"], battles).tolist()),
        turn=pl.Series(rng.integers(1, 6, battles)),
        tstamp=pl.Series(np.sort(rng.uniform(1.68e9, 1.78e9, battles)).round(4)),
    )
    paths: list[Path] = []
    for name, frame in (("narrow", narrow), ("wide", wide)):
        paths += [folder / f"{name}.{ending}" for ending in ("parquet", "csv", "jsonl")]
        frame.write_parquet(paths[-3])
        frame.write_csv(paths[-2])
        frame.write_ndjson(paths[-1])
    return paths


def winsome(path: Path) -> Callable[[], tuple[Columns, Any]]:
    importlib.import_module("polars")
    importlib.import_module("winsome.ledger.formats.verdict_tables")
    importlib.import_module("winsome.standings.frames")
    from winsome.ledger import formats
    from winsome.standings import Battles

    def work() -> tuple[Columns, Any]:
        found = Battles.from_frame(formats.verdicts(path))
        columns: Columns = {"a": (found.a, found.names), "b": (found.b, found.names)}
        for name, codes in (("prompt_id", found.cluster), ("annotator", found.annotator)):
            if codes is not None:
                columns[name] = (codes.values, codes.labels)
        return columns, found.share

    return work


def pandas(path: Path) -> Callable[[], tuple[Columns, Any]]:
    peer = importlib.import_module("pandas")
    importlib.import_module("pyarrow.parquet")
    names = ["model_a", "model_b", "winner", *(WIDE if path.stem == "wide" else ())]

    def work() -> tuple[Columns, Any]:
        if path.suffix == ".parquet":
            frame = peer.read_parquet(path, columns=names)
        else:
            frame = (
                peer.read_csv(path, usecols=names)
                if path.suffix == ".csv"
                else peer.read_json(path, lines=True)
            )
        codes, labels = peer.factorize(peer.concat([frame["model_a"], frame["model_b"]]), sort=True)
        rows = len(frame)
        columns: Columns = {"a": (codes[:rows], labels), "b": (codes[rows:], labels)}
        for name in names[3:]:
            codes, labels = peer.factorize(frame[name], sort=True)
            columns[name] = (codes, labels)
        return columns, frame["winner"].map(SHARE).to_numpy()

    return work


def arm(name: str, path: Path, runs: int) -> dict[str, Any]:
    """One arm in this process: seconds of each run, peak memory after the first, and a digest of the result."""
    work = {"winsome": winsome, "pandas": pandas}[name](path)
    seconds: list[float] = []
    peak, result = 0, None
    for _ in range(runs):
        result = None
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert result is not None
    columns, share = result
    mark = hashlib.sha256(np.asarray(share, np.float64).tobytes())
    for column, (codes, labels) in sorted(columns.items()):
        mark.update(column.encode() + np.asarray(codes, np.int32).tobytes() + "\n".join(labels).encode())
    warm = statistics.median(seconds[1:] or seconds)
    return {"cold": seconds[0], "warm": warm, "peak_mb": peak / 1024, "result": mark.hexdigest()}


def apart(*words: object) -> Any:
    """What this program prints when it is run with `words` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.files", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False)
    if done.returncode:
        raise SystemExit(f"{words}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--battles", type=int, default=1_500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--arm", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        print(json.dumps(arm(given.arm[0], Path(given.arm[1]), given.runs)))
        return
    if given.write:
        print(json.dumps([str(path) for path in write(given.write, given.battles)]))
        return
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        # Written apart: a process starts with its parent's peak of memory.
        for path in map(Path, apart("--write", folder, "--battles", given.battles)):
            ours, theirs = (
                apart("--arm", side, path, "--runs", given.runs) for side in ("winsome", "pandas")
            )
            if ours["result"] != theirs["result"]:
                raise SystemExit(f"{path.name}: the two sides found different codes: no comparison")
            line = {"file": path.name, "battles": given.battles}
            for key in ("cold", "warm", "peak_mb"):
                line |= {f"{key}_winsome": ours[key], f"{key}_pandas": theirs[key]}
            table.append(line | {"ratio": theirs["warm"] / ours["warm"]})
            if not given.json:
                print(
                    f"{path.name:<15} cold {ours['cold']:6.2f} : {theirs['cold']:6.2f} s   "
                    f"warm {ours['warm']:6.2f} : {theirs['warm']:6.2f} s   x{table[-1]['ratio']:.1f}   "
                    f"peak {ours['peak_mb']:5.0f} : {theirs['peak_mb']:5.0f} MB",
                    flush=True,
                )
    if given.json:
        print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
