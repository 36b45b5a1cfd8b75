"""The inside of the limited process: limits first, then the own module, then its function. See `limited`."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from winsome import errors, protocols, records
from winsome.errors import Unsupported
from winsome.frames import Kept
from winsome.recipes import landlock

SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
)
FORBIDDEN = (
    "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "pty.", "socket.connect", "socket.bind",
    "socket.getaddrinfo", "sqlite3.connect", "ctypes.", "shutil.", "urllib.", "http.", "ftplib.", "smtplib.", "winreg.",
)  # fmt: skip
"""Beginnings of the audit events that own code may not cause."""

KEPT = (errors, protocols, records)
"""Modules that own code is likely to name, loaded before the limits are drawn."""


@dataclass(frozen=True)
class OwnRun:
    """The run as own code sees it: a seed and an empty folder."""

    seed: int
    folder: Path

    def open(self, spec: Any, role: Any) -> Any:
        raise Unsupported("own code asks nobody; put a generate, score or judge step before it")


def main(ask: Mapping[str, Any]) -> None:
    """Do what `ask` says and write answer.json, which has `error` where that failed."""
    folder = Path(ask["folder"])
    frames = {name: pl.read_ipc(folder / f"in-{name}.arrow") for name in ask["frames"]}
    limit(folder, ask["own"], ask["denied"], ask["path"])
    try:
        kept = _called(ask, frames, OwnRun(ask["seed"], folder))
        answer: dict[str, Any] = {"frames": list(kept.frames), "dropped": dict(kept.dropped)}
        for number, table in enumerate(kept.frames.values()):
            table.write_ipc(folder / f"out-{number}.arrow")
    except BaseException as error:  # whatever own code raises is told in one line
        answer = {"error": _told(error)}
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")


def _called(ask: Mapping[str, Any], frames: Mapping[str, pl.DataFrame], run: OwnRun) -> Kept:
    module, _, name = ask["name"].partition(":")
    function = getattr(importlib.import_module(module), name)
    settings = dict(ask["settings"])
    if "run" in inspect.signature(function).parameters:
        settings["run"] = run
    made = function(frames["rows"] if ask["rule"] else dict(frames), **settings)
    if inspect.iscoroutine(made):
        import asyncio

        made = asyncio.run(made)
    if not isinstance(made, Kept):
        raise TypeError(f"gave back {type(made).__name__}; give winsome.frames.Kept(frames, dropped)")
    for table in cast("Mapping[str, object]", made.frames).values():
        if not isinstance(table, pl.DataFrame):
            raise TypeError(f"a frame is {type(table).__name__}; give a Polars DataFrame")
    return made


def _told(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:110]}{where}"


def limit(folder: Path, own: Sequence[str], denied: Sequence[str], path: Sequence[str]) -> None:
    """From here on read only Python, its packages and `own`, write only below `folder`, and start nothing."""
    packages = [entry for entry in path if Path(entry).name in ("site-packages", "dist-packages")]
    home = Path(__file__).resolve().parent.parent
    readable = [
        Path(p).resolve()
        for p in (*SYSTEM, sys.base_prefix, sys.prefix, *packages, home, *own)
        if Path(p).exists()
    ]
    barred = [Path(p).resolve() for p in denied]
    landlock.restrict(readable, [folder.resolve()], barred)
    sys.addaudithook(_Hook([str(p) for p in readable], str(folder.resolve()), [str(p) for p in barred]))


class _Hook:
    """Refuses what Python tells it of: files out of bounds, a world's module, processes, connections."""

    def __init__(self, readable: Sequence[str], folder: str, denied: Sequence[str]) -> None:
        import os

        self.readable, self.folder, self.denied = tuple(readable), folder, tuple(denied)
        self.real, self.within = os.path.realpath, False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.within:
            return
        self.within = True
        try:
            self._see(event, arguments)
        finally:
            self.within = False

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and str(arguments[0]).startswith("winsome.sandbox"):
            raise ImportError("own code may not open a world")
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"own code may not cause {event}")
        if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str | bytes):
            held = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
            place = self.real(held)
            writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
            allowed = _below(place, (self.folder,)) or (not writes and _below(place, self.readable))
            if not allowed or (event == "open" and _below(place, self.denied)):
                raise PermissionError(f"own code may not open {held}")


def _below(place: str, roots: Sequence[str]) -> bool:
    return any(place == root or place.startswith(root + "/") for root in roots)
