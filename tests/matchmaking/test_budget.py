"""Budgets: amounts with units, any of which ends the run."""

from __future__ import annotations

import pytest

from winsome.errors import BadInput
from winsome.matchmaking.budget import Budget


def test_amounts() -> None:
    budget = Budget.of("5usd, 2000calls,20min")
    assert (budget.usd, budget.calls, budget.seconds) == (5.0, 2000, 1200.0)
    assert Budget.of(None).exhausted() == ""


@pytest.mark.parametrize("text", ["5", "usd", "5 euro", "-1usd", "5usd;3calls", "nan usd"])
def test_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--budget"):
        Budget.of(text)


def test_each_limit_ends() -> None:
    budget = Budget.of("1usd,10calls")
    budget.spent_calls = 9
    assert budget.exhausted() == ""
    budget.spent_usd = 1.0
    assert "1 usd" in budget.exhausted()
    budget.spent_usd, budget.spent_calls = 0.0, 10
    assert "10 calls" in budget.exhausted()
