"""All benchmarks, or those named, one after the other, each in a process of its own.

python -m benchmarks [NAME ..]
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "startup": ("benchmarks.startup",),
    "runner": ("benchmarks.runner",),
    "ledger": ("benchmarks.ledger",),
    "standings": ("benchmarks.standings_speed",),
    "sampler": ("benchmarks.sampler",),
}
"""Name -> module and arguments. What needs published data or another Python is run by hand; its docstring says how."""


def main(names: list[str]) -> int:
    """Run them; the exit code is that of the last one that failed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]} (known: {', '.join(BENCHMARKS)})", file=sys.stderr)
        return 2
    code = 0
    for name in names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        code = subprocess.run([sys.executable, "-m", *BENCHMARKS[name]], check=False).returncode or code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
