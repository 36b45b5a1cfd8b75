"""Runs that are ended with their test, and the browser of the report's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")

from tests.report.conftest import chromium as chromium
from tests.server.served import Served, serve


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """A function that starts `winsome compare --judge human` with flags, in the test's folder."""
    started: list[Served] = []

    def begin(*flags: str) -> Served:
        started.append(serve(tmp_path, *flags))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
