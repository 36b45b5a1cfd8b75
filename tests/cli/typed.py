"""The installed command, run as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).parent / "winsome"

ARITHMETIC = [
    ("1", "What is 17 + 26?", "43"),
    ("2", "What is 12 times 13?", "156"),
    ("3", "What is 144 divided by 9?", "16"),
    ("4", "What is 64 - 39?", "25"),
    ("5", "What is 105 + 98?", "203"),
    ("6", "What is 15 times 8?", "120"),
]


@dataclass(frozen=True)
class Typed:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on standard output; fails where there is anything else."""
        return json.loads(self.out)


def typed(*words: str, cwd: Path, stdin: str = "", **environment: str) -> Typed:
    """Run `winsome WORDS` in `cwd`, without a terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINSOME_LEDGER")}
    done = subprocess.run(
        [str(COMMAND), *words],
        cwd=cwd,
        env=clean | environment,
        input=stdin.encode("utf-8"),
        capture_output=True,
        timeout=240,
        check=False,
    )
    return Typed(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def arithmetic(folder: Path, **wrong: set[str]) -> None:
    """A suite and a file of answers a name, right everywhere but at the ids in `wrong[name]`.

    sums.jsonl, and NAME.jsonl for each name.
    """
    lines(folder / "sums.jsonl", [{"id": i, "prompt": p, "reference_answer": r} for i, p, r in ARITHMETIC])
    for name, ids in wrong.items():
        rows = [{"id": i, "output": f"It is {'0' if i in ids else r} for {name}."} for i, _, r in ARITHMETIC]
        lines(folder / f"{name}.jsonl", rows)
