"""What every test shares: no hub, one torch thread, where the published data lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

from tests import loopback, postgres

loopback.bring_up()

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = Path(os.environ.get("WINSOME_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published evaluation data; CI fails where it is missing, elsewhere the test is skipped."""
    if not PUBLISHED.is_dir():
        message = "published data not found; set WINSOME_SHARED_DATA to its folder"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return PUBLISHED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server of this test process; CI fails where there are no binaries, elsewhere the test is skipped."""
    binaries = postgres.installed()
    if binaries is None:
        message = "no PostgreSQL server found; install Debian's postgresql"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    started = postgres.start(binaries)
    yield started
    postgres.remove(started)
