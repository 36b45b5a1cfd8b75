"""The reference page's part on online methods: every docstring says its loss, its value at the start, and its source."""

from __future__ import annotations

import pytest

from tests.training.objectives.test_page import PAGE
from winsome import specs
from winsome.training.online.method import ROLE, method


@pytest.mark.parametrize("name", sorted(specs.kinds(ROLE)))
def test_every_method_is_told_and_opens(name):
    assert PAGE._equation(name, ROLE)
    for mark in ("@start:", "Source:"):
        assert PAGE._mark(name, mark, ROLE), f"{name}: its docstring says nothing after {mark}"
    assert f"\n### {name}\n" in PAGE.page()
    assert method(name).draws >= 1
