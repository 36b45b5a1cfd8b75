"""Where a win rate's standard error comes from, in words: prompts, orders, and the judge's own noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SOURCES = {"prompt_error": "prompts", "order_error": "orders", "repeat_error": "repeats (judge noise)"}
"""Column of a row -> what it is called; they add up as squares."""


def error_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each contender that has these columns."""
    for row in rows:
        if row.get("prompt_error") is None:
            continue
        parts = [f"{name} {row[key]:.2f}" for key, name in SOURCES.items() if row.get(key) is not None]
        yield f"{row['contender']}: standard error {row['standard_error']:.2f} points, of it {', '.join(parts)} (as squares)"
