"""`winsome compare --judge human` as a process of its own, and plain HTTP to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.typed import COMMAND, lines


def answers(folder: Path, pairs: int = 30, **texts: dict[int, str]) -> None:
    """a.jsonl and b.jsonl: answers of different length to `pairs` requests; texts: words of one's own, by side and number."""
    for name in "ab":
        rows = []
        for k in range(pairs):
            words = f"{name} answer {k} " + "word " * ((7 * k + 3 * (name == "b")) % 11)
            rows.append({"id": str(k), "prompt": f"Request {k}", "output": texts.get(name, {}).get(k, words)})
        lines(folder / f"{name}.jsonl", rows)


@dataclass
class Served:
    """A run that serves its page; address and token are those it printed."""

    process: subprocess.Popen[str]
    told: Path
    address: str
    token: str

    @property
    def link(self) -> str:
        return f"{self.address}#token={self.token}"

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a call, with the token unless another Authorization is given."""
        sent = {"Authorization": f"Bearer {self.token}"} | headers
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, sent)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def view(self, annotator: str) -> Any:
        return self.ask(f"api/pair?annotator={annotator}")[1]

    def label(self, annotator: str, pair: str, label: str) -> Any:
        status, said = self.ask("api/labels", {"annotator": annotator, "pair": pair, "label": label})
        assert status == 200, said
        return said

    def stop(self, how: int = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(how)
        return self.process.wait(60)


def serve(folder: Path, *flags: str) -> Served:
    """Start the run in `folder` and wait for its page."""
    told = folder / "told.txt"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINSOME_LEDGER")}
    command = [str(COMMAND), "compare", "a.jsonl", "b.jsonl", "--judge", "human", "--port", "0", *flags]
    with told.open("w") as err, (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=clean, stdout=out, stderr=err, text=True)
    for _ in range(1_200):
        found = re.search(r"(http://\S+/)#token=(\S+)", told.read_text())
        if found:
            return Served(process, told, found[1], found[2])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(told.read_text())
