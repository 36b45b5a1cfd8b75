"""All benchmarks, or those named, one after the other, each in a process of its own; small unless --full, with its figures on screen.

    python -m benchmarks [--full] [NAME ..]

What needs published data or another Python is run by hand; benchmarks/README.md and its own docstring say how.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

BENCHMARKS: dict[str, tuple[str, str]] = {
    "startup": ("benchmarks.startup", "--runs 3"),
    "runner": ("benchmarks.runner", "--verdicts 1000"),
    "ledger": ("benchmarks.ledger", "--verdicts 20000 --runs 1"),
    "files": ("benchmarks.files", "--battles 100000 --runs 3"),
    "standings": ("benchmarks.standings_speed", "--battles 50000 --runs 3"),
    "sampler": ("benchmarks.sampler", "--case single --rounds 1"),
    "local_contender": ("benchmarks.local_contender", "--rounds 1"),
    "tokenising": ("benchmarks.tokenising", "--pairs 200 --rounds 1"),
    "recipes": ("benchmarks.recipes", "--rows 100000 --runs 1"),
    "report": ("benchmarks.report", "--matches 1000"),
}
"""Name -> module, and the arguments of its small run; the full run is the module's default."""


def main() -> int:
    """The exit code of the last benchmark that failed, else 0."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--full", action="store_true", help="at the size of the table in README.md")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; choose from {', '.join(BENCHMARKS)}")
    code = 0
    for name in given.names or BENCHMARKS:
        module, small = BENCHMARKS[name]
        words = [] if given.full else small.split()
        print(f"\n== {name} {' '.join(words)}".rstrip(), flush=True)
        code = subprocess.run([sys.executable, "-m", module, *words], check=False).returncode or code
    return code


if __name__ == "__main__":
    sys.exit(main())
