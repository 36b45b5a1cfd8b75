"""Ratings as they would be if no ethical refusal were shown, beside those of the votes as they are, on the same votes."""

from __future__ import annotations

from typing import Any

import numpy as np

from winsome.audit.findings import Cell, table
from winsome.audit.refusal_votes import FEWEST, Typed, type_columns
from winsome.standings.answer_types import Effects, strengths
from winsome.standings.columns import Floats
from winsome.standings.ranking import decided_pairs, normal_p_values, possible_ranks
from winsome.standings.ratings import ARENA

NOTES = (
    "Points are 400 log10 of the odds with mean 1000 over these models. Both fits are to the same votes, so that a change is paired; changes add up to 0.",
    "An ethical refusal is taken to cost every model alike, its shortness with it, and what a model would have said instead to be worth its own strength.",
    "Ranks are those that Holm's test over all pairs leaves open, at 5%.",
)


def adjusted(typed: Typed) -> dict[str, Any] | str:
    """Ratings with and without ethical refusals, the highest first; or the line that says why there are none."""
    column = type_columns(typed, ["ethical"])
    votes = int((column != 0.0).sum())
    if typed.models is None:
        return "No ratings without ethical refusals: the votes name no models."
    if votes < FEWEST:
        return f"No ratings without ethical refusals: {votes} votes have one on one side only, and {FEWEST} are needed."
    used: list[int] = np.unique(np.stack(typed.models)).tolist()
    place = np.zeros(len(typed.names), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    first, second = place[typed.models[0]], place[typed.models[1]]
    names = tuple(typed.names[k] for k in used)
    found = strengths(column, names, typed.share, typed.prompt, (first, second))
    if found is None:
        return "No ratings without ethical refusals: a model only wins or only loses, or some never meet the others."
    order: list[int] = np.argsort(-found.values[: len(names)], kind="stable").tolist()
    ranks = [_ranks(found, half, len(names)) for half in (0, len(names))]
    each = np.eye(2 * len(names))
    rows: list[list[Cell]] = [
        [
            names[k],
            _points(found, each[k], 1000.0),
            ranks[0][k],
            _points(found, each[len(names) + k], 1000.0),
            ranks[1][k],
            _points(found, each[len(names) + k] - each[k]),
        ]
        for k in order
    ]
    columns = ["model", "rating", "ranks", "if no ethical refusals were shown", "its ranks", "change"]  # fmt: skip
    return table("Ratings if no ethical refusals were shown, points", columns, rows, NOTES)


def _points(found: Effects, weights: Floats, origin: float = 0.0) -> dict[str, Any]:
    estimate, low, high = (origin + ARENA * value for value in found.of(weights))
    return {"estimate": estimate, "low": low, "high": high, "n": None, "digits": 0 if origin else 1}


def _ranks(found: Effects, start: int, count: int) -> list[str]:
    part = slice(start, start + count)
    estimates = found.values[part]
    decided = decided_pairs(normal_p_values(estimates, found.covariance[part, part]))
    spans = possible_ranks(estimates, decided)
    return [f"{one[0]}" if len(one) == 1 else f"{one[0]} to {one[-1]}" for one in spans]
