"""Own code in a process of its own that sees its frames and nothing else of the run.

What is true of a world is in no frame; it could only be found in the world's code, the cache, the ledger, or another process. So own
code may read Python, its packages and its own module, and write one empty folder: no world, no cache, no ledger, no network, no further
process, no secret of the environment. On Linux the kernel holds to this (Landlock); elsewhere Python's audit hooks do, which stop what
happens by mistake but no intent.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import winsome
from winsome.errors import BadInput
from winsome.frames import Frames, Kept

if TYPE_CHECKING:
    from winsome.recipes.rules import Found

CHILD = "import sys, json; ask = json.load(sys.stdin); sys.path[:] = ask['path']; from winsome.recipes import own_code; own_code.main(ask)"
PASSED_ON = ("PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS", "POLARS_MAX_THREADS", "SYSTEMROOT")
"""Variables of the environment that own code sees."""


async def called(found: Found, frames: Frames, settings: Mapping[str, Any], seed: int) -> Kept:
    """What the own function `found` makes of the frames (a rule: of the frame `rows`); BadInput where it fails, with its own words."""
    import os

    import polars as pl

    with tempfile.TemporaryDirectory(prefix="winsome-own-") as folder:
        place = _real(folder)
        for name, table in frames.items():
            table.write_ipc(place / f"in-{name}.arrow")
        ask = {
            "name": found.name, "frames": list(frames), "settings": dict(settings), "seed": seed, "folder": str(place),
            "path": [entry or os.getcwd() for entry in sys.path], "own": [str(found.own.root)] if found.own else [],
            "denied": [str(path) for path in denied()], "rule": list(frames) == ["rows"],
        }  # fmt: skip
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, cwd=place, env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, complaint = await process.communicate(orjson.dumps(ask))
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        answer = place / "answer.json"
        if not answer.is_file():
            last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:] or [
                "it ended without a word"
            ]
            raise BadInput(f"{found.name}: {last[0][:120]}")
        held = orjson.loads(answer.read_bytes())
        if held.get("error"):
            raise BadInput(f"{found.name}: {held['error']}")
        made = {name: pl.read_ipc(place / f"out-{n}.arrow") for n, name in enumerate(held["frames"])}
        return Kept(made, held["dropped"])


def _real(folder: str) -> Path:
    return Path(folder).resolve()


def denied() -> list[Path]:
    """What of Winsome itself own code may not read: the worlds."""
    return [Path(winsome.__file__).resolve().parent / "sandbox"]
