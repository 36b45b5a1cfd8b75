"""Answers with scores, as pair rules get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from winsome.frames import of_rows


def scored(
    values: Mapping[str, Sequence[float | None]],
    texts: Mapping[str, Sequence[str]] | None = None,
    **columns: Sequence[object],
) -> pl.DataFrame:
    """A row an answer: `values` are the scores of each prompt's answers, in order."""
    rows, held = [], []
    for prompt, scores in values.items():
        for n, value in enumerate(scores):
            text = texts[prompt][n] if texts else f"answer {n}"
            rows.append(
                {
                    "response_id": f"{prompt}{n}".ljust(32, "x"),
                    "prompt_id": prompt,
                    "messages": [{"role": "assistant", "content": text}],
                }
            )
            held.append(value)
    table = of_rows("responses", rows).with_columns(pl.Series("value", held, dtype=pl.Float64))
    return table.with_columns([pl.Series(name, list(values)) for name, values in columns.items()])


def sides(pairs: pl.DataFrame) -> list[tuple[str, str]]:
    """(chosen, rejected) of each pair, by prompt and number."""
    return [(a.rstrip("x"), b.rstrip("x")) for a, b in pairs.select("chosen_id", "rejected_id").rows()]
