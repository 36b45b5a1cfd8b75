"""Runs to report on, and a real browser to read the pages with."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report.synthetic import Law, made
from winsome.ledger.store import Ledger
from winsome.report.write import write

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    Browse = Callable[..., Chrome]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, ledger: Ledger) -> Run:
    """A function that makes the folder of a run: keywords of `Law`, and `answers` for words of one's own."""
    return lambda answers=None, folder="run", **law: made(tmp_path / folder, ledger, Law(**law), answers)


@pytest.fixture
def page(run: Run, ledger: Ledger) -> Run:
    """A function that makes a run and writes its report; the path of report.html."""
    return lambda **wanted: write(run(**wanted), ledger)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One headless Chromium for all tests, with its log of requests; CI fails without it, elsewhere tests are skipped."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        message = "chromium and chromedriver are not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from selenium.webdriver import Chrome as Started
    from selenium.webdriver import ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(programs[0])
    flags = "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    flags += " disable-component-update disable-sync disable-dev-shm-usage hide-scrollbars"
    for flag in [*flags.split(), f"user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Started(options=options, service=Service(str(programs[1])))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture
def browse(chromium: Chrome) -> Browse:
    """A function that opens a page from disk at a width and in a theme, and waits for its match browser."""

    def opened(path: Path, fragment: str = "", width: int = 1280, dark: bool = False) -> Chrome:
        chromium.get("about:blank")
        for log in ("browser", "performance"):
            chromium.get_log(log)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        chromium.get(path.as_uri() + fragment)
        ready = "return document.documentElement.dataset.matches === 'ready'"
        for _ in range(600):
            if chromium.execute_script(ready):
                return chromium
            time.sleep(0.05)
        raise AssertionError(f"the match browser never got ready: {chromium.get_log('browser')}")

    return opened
