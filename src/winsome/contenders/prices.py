"""What a token costs at the servers whose price is published."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, as published on `date` (empty: given by the user)."""

    per_million_in: float
    per_million_out: float
    date: str = ""

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """US dollars; discounts for cached or batched tokens are not taken off."""
        return (self.per_million_in * tokens_in + self.per_million_out * tokens_out) / 1e6


def price_of(host: str, model: str) -> Price | None:
    """The price of `model` at `host` (`prices.toml`, first row that matches); None where it is unknown."""
    for row_host, pattern, price in _rows():
        if row_host == host and pattern.fullmatch(model):
            return price
    return None


@cache
def _rows() -> tuple[tuple[str, re.Pattern[str], Price], ...]:
    table = tomllib.loads(files("winsome.contenders").joinpath("prices.toml").read_text("utf-8"))
    return tuple(
        (row["host"], re.compile(row["model"]), Price(float(row["in"]), float(row["out"]), str(row["date"])))
        for row in table["price"]
    )
