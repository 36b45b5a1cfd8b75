"""What the recipe engine itself costs: a large frame through filter, pair and mix, and the time that a step adds to its work.

    python -m benchmarks.recipes [--rows 1000000] [--steps 40] [--runs 3] [--json]

The frame has `rows` answers to a quarter as many prompts, each with a score and about 60 characters of text. Everything a run does is
counted: rules, laws (ids, lineage, counts), digests, Parquet files written and linked. A step's own overhead is that of a filter over
ten rows, first made and then found in the cache. CPU seconds and seconds of this process; the median of the runs. Targets: 3 s, 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")


def frames(rows: int) -> dict[str, Any]:
    """Prompts, answers (four a prompt) and their scores."""
    import numpy as np
    import polars as pl

    from winsome.frames import settled

    rng = np.random.default_rng(0)
    prompts = [rng.bytes(16).hex() for _ in range(rows // 4)]
    ids = pl.Series([rng.bytes(16).hex() for _ in range(rows)])
    text = pl.Series(["an answer of some sixty characters, number " + str(n) for n in range(rows)])
    message = pl.DataFrame({"role": pl.repeat("assistant", rows, eager=True), "content": text}).to_struct("m")
    responses = pl.DataFrame(
        {
            "response_id": ids,
            "prompt_id": pl.Series(prompts).repeat_by(4).explode(),
            "contender": pl.repeat("recorded", rows, eager=True),
            "messages": message.reshape((rows, 1)).arr.to_list(),
            "sample": pl.Series(list(range(4)) * (rows // 4)),
        }
    )
    scores = pl.DataFrame(
        {
            "subject": pl.repeat("response", rows, eager=True),
            "subject_id": ids,
            "value": rng.normal(size=rows),
        }
    )
    asked = pl.DataFrame(
        {"role": pl.repeat("user", rows // 4, eager=True), "content": pl.Series(prompts)}
    ).to_struct("m")
    table = pl.DataFrame({"prompt_id": prompts, "messages": asked.reshape((rows // 4, 1)).arr.to_list()})
    return {
        "prompts": settled("prompts", table),
        "responses": settled("responses", responses),
        "scores": settled("scores", scores),
    }


def run_over(given: dict[str, Any], steps: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The rows of the record after `steps` were run over frames that are there already."""
    from winsome.ledger.store import Ledger
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.loops import finish
    from winsome.matchmaking.session import Session
    from winsome.recipes import cache, plan, read, record
    from winsome.recipes.engine import Engine, Here

    store = folder / "given"
    store.mkdir(parents=True, exist_ok=True)
    held = {name: cache.write(store, name, table) for name, table in given.items()}
    written = read.read({"winsome": 1, "name": "bench", "steps": steps})
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        session = Session(Door(ledger), 0, folder / "runs")
        scope = plan.Scope(frames={plan.ENTRY: set(given)}, last=plan.ENTRY)
        planned = plan.steps(written.steps, scope, written, session)
        made = record.Record.begin(folder / "runs", written, 0, "")
        engine = Engine(session, made, folder / "cache", 0)
        finish(engine.run(planned, Here({plan.ENTRY: cache.Product(held)}, {})))
    return made.steps


LARGE = [
    {"filter": {"rule": "score", "min": -1.0}},
    {"pair": {"rule": "best_worst"}},
    {"mix": {"from": ["pair"], "sizes": {"pair": 1}}},
]


def timed(work: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """Seconds and CPU seconds of the steps of one run."""
    steps = work()
    return {
        "seconds": sum(step["seconds"] for step in steps),
        "cpu": sum(step["cpu_seconds"] for step in steps),
        "steps": {step["step"]: step["cpu_seconds"] for step in steps},
    }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = args.rows // 4 * 4
    large = frames(rows)
    mix = {"mix": {"from": ["pair"], "sizes": {"pair": rows // 8}}}
    found: dict[str, Any] = {"rows": rows}
    runs = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(timed(lambda: run_over(large, [*LARGE[:2], mix], Path(folder))))
    found["large"] = {name: statistics.median(run[name] for run in runs) for name in ("seconds", "cpu")}
    found["large"]["steps"] = runs[-1]["steps"]
    small = frames(40)
    chain = [{"filter": {"id": f"f{n}", "rule": "score", "min": -9.0 + n / 1000}} for n in range(args.steps)]
    with tempfile.TemporaryDirectory() as folder:
        cold = timed(lambda: run_over(small, chain, Path(folder)))
        warm = timed(lambda: run_over(small, chain, Path(folder)))
    found["step_ms"] = {
        "made": 1000 * statistics.median(cold["steps"].values()),
        "cached": 1000 * statistics.median(warm["steps"].values()),
    }
    if args.json:
        print(json.dumps(found))
        return 0
    print(
        f"{rows:,} answers through filter, pair and mix: {found['large']['cpu']:.2f} CPU s, {found['large']['seconds']:.2f} s"
    )
    print(
        f"a step: {found['step_ms']['made']:.1f} CPU ms made, {found['step_ms']['cached']:.2f} found in the cache"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
