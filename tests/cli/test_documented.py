"""The documentation's console blocks print today what the pages say that they print; flags that pages name exist."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from winsome.cli import VERBS
from winsome.cli.command import parser_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
CONSOLES = [page for page in PAGES if "```console" in page.read_text("utf-8")]


def _consoles() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consoles", ROOT / "docs" / "consoles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["consoles"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", CONSOLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_console_blocks_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    consoles = _consoles()
    text = page.read_text("utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = [step for step in consoles.steps(text) if step.command]
    assert commands
    for step, printed in zip(commands, consoles.run(text, tmp_path, path), strict=True):
        assert consoles.settled(printed) == consoles.settled(step.printed), step.command


def test_the_tutorial_and_three_how_tos_are_typed() -> None:
    assert len(CONSOLES) >= 4
    assert ROOT / "docs" / "tutorial.md" in CONSOLES


def _flags(verb: str) -> set[str]:
    parser = parser_of(verb)
    found = {flag for action in parser._actions for flag in action.option_strings}
    for action in parser._actions:
        if isinstance(action.choices, dict):
            found |= {
                flag for sub in action.choices.values() for a in sub._actions for flag in a.option_strings
            }
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_a_page_use_verbs_and_flags_that_exist(page: Path) -> None:
    text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
    for line in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?winsome (.+)$", text, re.MULTILINE):
        verb = line.split()[0]
        if not verb.isalpha():  # winsome --version, and what it prints
            continue
        assert verb in VERBS, f"{page.name}: winsome {line}"
        flags = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", line.split(" #")[0]))
        assert flags <= _flags(verb), f"{page.name}: winsome {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    generated = {"cli.md", "kinds.md", "formats.md", "recipes.md"}
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if Path(target).name in generated and "reference" in target:
            continue
        assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
