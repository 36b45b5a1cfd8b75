"""What a terminal shows while a run goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.matchmaking.conftest import Start
from tests.servers.openai_server import Behaviour
from winsome.matchmaking.progress import short

SHORT = """
import sys
from winsome.matchmaking import progress
progress.FIRST = 0.1
from winsome.cli.command import main
sys.exit(main(sys.argv[1:]))
"""


def test_long_names_stay_apart_in_one_width() -> None:
    names = [f"http://127.0.0.1:36717/v1#some/long-model-name?temperature={t}" for t in (0.5, 0.9)]
    shown = [short(name) for name in names]
    assert shown == [
        "http://127.0.0.1:3671…l-name?temperature=0.5",
        "http://127.0.0.1:3671…l-name?temperature=0.9",
    ]
    assert {len(name) for name in shown} == {44}
    assert short("judge numeric") == "judge numeric"
    assert [len(short("x" * n)) for n in (43, 44, 45)] == [43, 44, 44]


def test_a_log_file_tells_where_a_silent_server_keeps_a_run(start_server: Start, tmp_path: Path) -> None:
    """Standard error is a file: lines instead of bars; Ctrl-C is answered at once, though the call under way is waited for."""
    held = threading.Event()

    def slow(body: Mapping[str, Any]) -> str:
        held.wait(60)
        return "m"

    server = start_server(Behaviour(answer=slow, models=("judge",)))
    for name in "ab":
        rows = [{"instruction": f"What is {i}?", "output": f"{name} says {i}"} for i in range(3)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    judge = f"pairwise?model=({server.base}#judge)"
    with (tmp_path / "err").open("wb") as err:
        command = [sys.executable, "-c", SHORT, "compare", "a.json", "b.json", "--judge", judge]
        run = subprocess.Popen(command, cwd=tmp_path, stderr=err, stdout=err)
        try:
            _wait_for(tmp_path / "err", ": 0 of 6")
            run.send_signal(signal.SIGINT)
            _wait_for(
                tmp_path / "err", "interrupted; calls under way are waited for, Ctrl-C again leaves them"
            )
            assert run.poll() is None
            held.set()
            assert run.wait(30) == 130
        finally:
            held.set()
            run.kill()
            run.wait()
    assert "Traceback" not in (tmp_path / "err").read_text("utf-8")


def _wait_for(path: Path, words: str) -> None:
    for _ in range(300):
        if words in path.read_text("utf-8"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{words!r} not in {path.read_text('utf-8')!r}")
