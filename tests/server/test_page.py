"""The annotation page in a real browser: by keyboard alone, resumed after a reload, hostile text inert, readable by all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.test_page import CONTRAST, HOSTILE, overflow, requests, wait
from tests.server.served import Served, answers

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

Start = Callable[..., Served]
Open = Callable[..., Any]
LEFT, RIGHT, ENTER = "\ue012", "\ue014", "\ue007"


@pytest.fixture
def visit(chromium: Chrome) -> Open:
    """A function that opens an address at a width and in a theme, and waits for the page's script."""

    def opened(link: str, width: int = 1280, dark: bool = False) -> Chrome:
        chromium.get("about:blank")
        for log in ("browser", "performance"):
            chromium.get_log(log)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        chromium.get(link)
        wait(chromium, "document.documentElement.dataset.annotate === 'ready'")
        return chromium

    return opened


def press(browser: Any, keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(keys).perform()


def shown(browser: Any) -> tuple[str, str]:
    return tuple(
        browser.execute_script(
            "return [...document.querySelectorAll('.side .text')].map((t) => t.textContent)"
        )
    )


def labels(browser: Any, key: str, yours: int) -> None:
    """Press a key and wait until the server has confirmed that `yours` pairs are labelled by this person."""
    time.sleep(0.15)
    press(browser, key)
    wait(browser, "document.getElementById('count').textContent.endsWith(arguments[0])", f"{yours} by you")


def test_a_person_labels_by_keyboard_reloads_and_goes_on(tmp_path: Path, start: Start, visit: Open) -> None:
    answers(tmp_path, 12)
    run = start()
    browser = visit(run.link)
    assert browser.execute_script("return document.activeElement.id") == "name"
    press(browser, "ann" + ENTER)
    wait(browser, "!document.getElementById('work').hidden")
    assert browser.execute_script("return document.activeElement.id") == "title", "readers hear the new pair"
    seen = []
    for turn, key in enumerate((LEFT, RIGHT, "t", "b")):
        seen.append(shown(browser))
        labels(browser, key, turn + 1)
    assert len(set(seen)) == 4
    fifth = shown(browser)
    labels(browser, "u", 3)
    assert shown(browser) == seen[3]
    labels(browser, RIGHT, 4)
    assert shown(browser) == fifth
    time.sleep(0.15)
    press(browser, "s")
    wait(browser, "document.getElementById('said').textContent.startsWith('Skipped')")
    assert run.view("ann")["yours"] == 4
    sixth = shown(browser)
    browser.refresh()
    wait(browser, "!document.getElementById('work').hidden")
    assert shown(browser) == sixth
    assert (
        browser.execute_script("return document.getElementById('count').textContent")
        == "4 of 12 pairs labelled, 4 by you"
    )
    assert {url.split("?")[0] for url in requests(browser)} <= {run.address + path for path in ("", "api/pair", "api/labels", "api/undo")}  # fmt: skip
    assert browser.get_log("browser") == []


def test_a_server_that_goes_away_and_comes_back(tmp_path: Path, start: Start, visit: Open) -> None:
    answers(tmp_path, 12)
    run = start()
    port = run.address.rsplit(":", 1)[1].strip("/")
    browser = visit(f"{run.address}?name=ann#token={run.token}")
    wait(browser, "!document.getElementById('work').hidden")
    labels(browser, LEFT, 1)
    run.process.kill()
    run.process.wait()
    time.sleep(0.15)
    press(browser, RIGHT)
    wait(browser, "!document.getElementById('trouble').hidden")
    assert "does not answer" in browser.execute_script(
        "return document.getElementById('trouble').textContent"
    )
    again = start("--port", port)
    wait(browser, "document.getElementById('count').textContent.endsWith('2 by you')")
    assert browser.execute_script("return document.getElementById('trouble').hidden")
    assert again.view("ann")["yours"] == 2


def test_hostile_text_stays_text_and_no_answer_is_cut(tmp_path: Path, start: Start, visit: Open) -> None:
    long = "x" * 200_000
    answers(tmp_path, 2, a={0: HOSTILE, 1: long}, b={0: long, 1: HOSTILE})
    run = start()
    browser = visit(f"{run.address}?name=<img src=x onerror=alert(1)>#token={run.token}", width=375)
    wait(browser, "!document.getElementById('work').hidden")
    words = set(shown(browser))
    assert words == {long, HOSTILE.replace("\u202e", "U+202E")}
    assert browser.execute_script("return window.hacked ?? null") is None
    assert (
        browser.execute_script("return document.querySelectorAll('main img, main svg, main a').length") == 0
    )
    assert overflow(browser) <= 0
    blocked = browser.execute_async_script(
        "const done = arguments[0]; fetch('https://example.org/').then(() => done('sent'), () => done('refused'))"
    )
    assert blocked == "refused"


def test_a_wrong_token_shows_one_line_and_no_pair(tmp_path: Path, start: Start, visit: Open) -> None:
    answers(tmp_path, 4)
    run = start()
    for link in (f"{run.address}?name=ann#token=wrong", f"{run.address}?name=ann"):
        browser = visit(link)
        wait(browser, "!document.getElementById('trouble').hidden")
        assert "token" in browser.execute_script("return document.getElementById('trouble').textContent")
        assert browser.execute_script("return document.getElementById('work').hidden")
        assert shown(browser) == ()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_everybody_can_use_it(tmp_path: Path, start: Start, visit: Open, dark: bool, width: int) -> None:
    import axe_core_python

    code = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text("utf-8")
    answers(tmp_path, 2)
    run = start("--overlap", "1")
    run.label("bob", run.view("bob")["pair"]["id"], "tie")
    browser = visit(run.link, width, dark)
    for screen, keys in (("enter", ""), ("work", "ann" + ENTER), ("agreed", "t"), ("done", "s")):
        time.sleep(0.2)
        if keys:
            press(browser, keys)
        if screen == "agreed":
            wait(browser, "document.getElementById('agreed').textContent.includes('alpha')")
        wait(browser, f"!document.getElementById('{'work' if screen == 'agreed' else screen}').hidden")
        assert overflow(browser) <= 0
        browser.execute_script(code)
        found = browser.execute_async_script(
            "const done = arguments[0]; axe.run().then((r) => done(r.violations), (e) => done(String(e)))"
        )
        assert [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found] == []
        assert browser.execute_script(CONTRAST) == []
        small = browser.execute_script(
            "return [...document.querySelectorAll('main button')].filter((b) => b.checkVisibility() && b.offsetHeight < 24).length"
        )
        assert small == 0


def test_tab_reaches_every_control(tmp_path: Path, start: Start, visit: Open) -> None:
    answers(tmp_path, 4)
    run = start()
    run.label("ann", run.view("ann")["pair"]["id"], "tie")
    browser = visit(f"{run.address}?name=ann#token={run.token}")
    wait(browser, "!document.getElementById('work').hidden")
    reached = set()
    for _ in range(9):
        press(browser, "\ue004")
        reached.add(
            browser.execute_script("return document.activeElement.dataset.label ?? document.activeElement.id")
        )
    assert {"left", "right", "tie", "both bad", "skip", "undo", "theme"} <= reached
    assert json.dumps(run.view("ann")["yours"]) == "1"
