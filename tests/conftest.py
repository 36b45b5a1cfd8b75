"""What every test shares: no hub, one torch thread, where the published data lie."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

from tests import loopback, postgres

loopback.bring_up()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's `&` ignores Ctrl-C, and so would every command that a test starts
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = Path(os.environ.get("WINSOME_SHARED_DATA", ROOT.parent / "shared" / "data"))
ABSENT = re.compile(r"could not import|is not installed|are not installed|weights missing|not found")
"""What the reason of a skipped test says where something could have been installed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """CI fails where a package, a program or weights that a test needs are missing; a slow test may lack its peer."""
    report = yield
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if os.environ.get("CI") and skipped and not item.get_closest_marker("slow"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if ABSENT.search(reason):
            report.outcome, report.longrepr = "failed", f"missing in CI: {reason}"
    return report


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
