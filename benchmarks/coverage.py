"""How often 95% intervals hold the truth: simulated and enumerated, written as docs/results/coverage.json and .md.

    python -m benchmarks.coverage [--experiments 20000] [--seconds 900] [--only TEXT] [--skip TEXT] [--out docs/results/coverage.json]

Cells are run batch by batch, the least advanced first, until each has its experiments or the CPU seconds are spent; the tally is
written after every round, and the next run goes on from it. Batches have seeds of their own, so that the table does not depend on
how often it was stopped. The page is built from the JSON alone (`coverage_page`).
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage_cells import Cell, cells
from benchmarks.coverage_page import page
from benchmarks.coverage_runs import COLUMNS

BATCH = 500
OUT = Path("docs/results/coverage.json")


def main() -> None:
    options = _options()
    kept = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else {"cells": {}}
    chosen = [cell for cell in cells() if options.only in cell.name]
    chosen = [cell for cell in chosen if not options.skip or options.skip not in cell.name]
    spent = 0.0
    while spent < options.seconds:
        behind = [cell for cell in chosen if _done(kept, cell) < _wanted(cell, options.experiments)]
        if not behind:
            break
        least = min(_done(kept, cell) for cell in behind)
        for cell in behind:
            if _done(kept, cell) > least or spent >= options.seconds:
                continue
            started = time.process_time()
            kept["cells"][cell.name] = advanced(cell, kept["cells"].get(cell.name), options.experiments)
            spent += time.process_time() - started
        _write(kept, options.out)
    _write(kept, options.out)


def advanced(cell: Cell, before: dict[str, Any] | None, experiments: int) -> dict[str, Any]:
    """The cell's record after one more batch; exact cells are done in one."""
    done = before["experiments"] if before else 0
    size = min(BATCH, _wanted(cell, experiments) - done) if cell.most else 1
    rng = np.random.default_rng([zlib.crc32(cell.name.encode()), done])
    tally = cell.run(rng, size)
    if before:
        tally = tally + np.array(before["tally"])
    return {
        "interval": cell.interval,
        "law": cell.law,
        "size": cell.size,
        "goal": cell.goal,
        "exact": not cell.most,
        "experiments": done + size,
        "tally": [[round(float(value), 9) for value in band] for band in tally],
    }


def _wanted(cell: Cell, experiments: int) -> int:
    return min(experiments, cell.most) if cell.most else 1


def _done(kept: dict[str, Any], cell: Cell) -> int:
    return kept["cells"].get(cell.name, {"experiments": 0})["experiments"]


def _write(kept: dict[str, Any], out: Path) -> None:
    order = {cell.name: place for place, cell in enumerate(cells())}
    named = sorted(kept["cells"].items(), key=lambda item: order.get(item[0], len(order)))
    record = {"columns": list(COLUMNS), "cells": dict(named)}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    out.with_suffix(".md").write_text(page(record), "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", type=int, default=20_000, help="a simulated cell")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="CPU seconds of this run at most")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells whose name holds this")
    parser.add_argument("--skip", default="", metavar="TEXT", help="leave these cells as they are")
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="FILE", help="a .json; the page goes beside it"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
