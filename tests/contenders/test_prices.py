"""The shipped prices."""

from __future__ import annotations

import re
from datetime import date

import pytest

from winsome.contenders.prices import Price, _rows, price_of


def test_every_row_has_a_date_a_price_and_matches_no_model_of_an_earlier_row() -> None:
    rows = _rows()
    assert len(rows) >= 10
    for host, pattern, price in rows:
        assert date.fromisoformat(price.date) <= date.today()
        assert 0 < price.per_million_in <= price.per_million_out
        plain = re.sub(r"\(.*?\)\?", "", pattern.pattern).replace("\\", "")
        assert price_of(host, plain) == price, f"{plain} is taken by an earlier row"


@pytest.mark.parametrize(
    ("model", "expected"),
    [("gpt-4o-2024-08-06", (2.5, 10.0)), ("gpt-4o-mini", (0.15, 0.6)), ("gpt-4.1-mini", (0.4, 1.6))],
)
def test_published_prices_of_known_models(model: str, expected: tuple[float, float]) -> None:
    price = price_of("api.openai.com", model)
    assert price is not None
    assert (price.per_million_in, price.per_million_out) == expected


def test_a_price_is_known_only_where_it_is_charged() -> None:
    assert price_of("127.0.0.1:8000", "gpt-4o") is None
    assert price_of("api.openai.com", "gpt-4o-next") is None


def test_money_is_tokens_times_price() -> None:
    assert Price(2.5, 10.0).of(1_000_000, 100_000) == pytest.approx(3.5)
