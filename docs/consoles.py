"""The console blocks of the documentation, really typed: run a page's commands in an empty folder, compare or rewrite what they print.

    python docs/consoles.py docs/tutorial.md ..      writes the output of today's commands into the pages

A block fenced as ```console holds commands after "$ ", their further lines after "> ", and what they print. A ```file NAME block
is written to NAME first. Blocks fenced otherwise are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^```(console|file (?P<name>\S+)|[a-z]+ title=\"(?P<title>[^\"]+)\")\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
VOLATILE = (
    (re.compile(r"\b\d{8}-([a-z0-9-]+)-[0-9a-f]{4}\b"), r"DAY-\1-HEX"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:]+(\+00:00|Z)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b\d+\.\d s$", re.MULTILINE), "SECONDS"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)
"""What differs between two runs of the same commands, and what stands for it when they are compared."""


@dataclass(frozen=True)
class Step:
    """One command (empty where a file is written) and what it printed; `start`, `end` are its place in the page."""

    command: str
    printed: str
    start: int = 0
    end: int = 0
    file: str = ""
    content: str = ""


def steps(page: str) -> list[Step]:
    """Commands and files of a page, in order."""
    found: list[Step] = []
    for block in BLOCK.finditer(page):
        name = block["name"] or block["title"]
        if name:
            found.append(Step("", "", file=name, content=block["body"]))
        else:
            found += _commands(block["body"], block.start("body"))
    return found


def _commands(body: str, at: int) -> list[Step]:
    found: list[Step] = []
    command, printed, start = "", "", 0
    for line in [*body.splitlines(keepends=True), "$ "]:
        if line.startswith("$ "):
            if command:
                found.append(Step(command, printed, start, at))
            command, printed = line[2:].rstrip("\n"), ""
            start = at + len(line)
        elif line.startswith("> ") and not printed:
            command += "\n" + line[2:].rstrip("\n")
            start = at + len(line)
        else:
            printed += line
        at += len(line)
    return found


def run(page: str, folder: Path, path: str) -> list[str]:
    """What the page's commands print today, run one after the other in `folder` with `path` as PATH."""
    environment = _environment(path)
    printed: list[str] = []
    for step in steps(page):
        if step.file:
            place = folder / step.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(step.content, "utf-8")
            continue
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        printed.append(done.stdout.decode("utf-8"))
    return printed


def _environment(path: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WINSOME_LEDGER")}
    return kept | {
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
    }


def settled(printed: str) -> str:
    """`printed` with what changes from run to run replaced."""
    for pattern, stand_in in VOLATILE:
        printed = pattern.sub(stand_in, printed)
    return printed.strip("\n")


def rewritten(page: str, printed: list[str]) -> str:
    """The page with `printed` in place of what its commands printed, where more differs than what does in every run."""
    commands = [step for step in steps(page) if step.command]
    for step, output in reversed(list(zip(commands, printed, strict=True))):
        if settled(output) == settled(step.printed):
            continue
        lines = "".join(f"{line.rstrip()}\n" for line in output.strip("\n").splitlines())
        page = page[: step.start] + lines + page[step.end :]
    return page


def main(places: list[str]) -> None:
    for place in map(Path, places):
        page = place.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            place.write_text(rewritten(page, run(page, Path(folder), path)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
