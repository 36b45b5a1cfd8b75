"""The reference page of objectives: every docstring says its loss, its value at the start, where it ends, and its source."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from winsome import specs

ROOT = Path(__file__).resolve().parents[3]
SPEC = importlib.util.spec_from_file_location("objectives_page", ROOT / "docs" / "objectives.py")
assert SPEC is not None
assert SPEC.loader is not None
PAGE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PAGE)


@pytest.mark.parametrize("name", sorted(specs.kinds("Objective")))
def test_every_docstring_has_its_parts(name):
    assert PAGE._equation(name)
    for mark in ("@ref:", "Minimiser:", "Source:"):
        assert PAGE._mark(name, mark), f"{name}: its docstring says nothing after {mark}"
    assert not any(mark.isupper() and len(mark) > 4 for mark in PAGE._mark(name, "Minimiser:").split())


def test_the_page_has_a_section_and_a_row_for_each():
    text = PAGE.page()
    for name in specs.kinds("Objective"):
        assert f"\n## {name}\n" in text
        assert f"| [`{name}`](#{name}) |" in text
