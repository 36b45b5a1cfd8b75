"""CPU seconds and bytes of the page of a large run: two answers of 1,500 characters a match, drawn from a seed.

    python -m benchmarks.report [--matches 20000] [--runs 3] [--json]

The run is made first and not counted; the page is then written --runs times. Target: the page of 20,000 matches below 40 MB. How
soon a browser shows it is held by tests/report/test_page.py.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.report.synthetic import Law, made
from winsome.ledger.store import Ledger
from winsome.report.write import write


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--matches", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Ledger.open(Path(name) / "ledger.sqlite") as ledger:
        run = made(Path(name) / "run", ledger, Law(prompts=given.matches, orders=1, characters=1_500))
        seconds: list[float] = []
        size = 0
        for _ in range(given.runs):
            start = time.process_time()
            size = write(run, ledger).stat().st_size
            seconds.append(time.process_time() - start)
    result = {
        "matches": given.matches,
        "cold_cpu_seconds": seconds[0],
        "warm_cpu_seconds": statistics.median(seconds[1:] or seconds),
        "megabytes": size / 1e6,
    }
    if given.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:>20}: {value:,.3g}" if isinstance(value, float) else f"{key:>20}: {value:,}")


if __name__ == "__main__":
    main()
