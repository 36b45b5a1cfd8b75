"""Whom an answer serves that was given without asking, as an audit's page: grades by asker, who is taken for granted, who is hard to serve.

The original names the value of the highest mean grade, whatever its margin; here shuffled grades must rarely show one as high.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from winsome.audit.findings import Cell, record, table
from winsome.standings.favoured import SHUFFLES, Served
from winsome.standings.intervals import t_quantile


def default_context_record(
    subject: str,
    judge: str,
    default: Sequence[Served],
    adapted: Sequence[Served],
    *,
    prompts: int,
    failed: int,
    unread: int,
) -> dict[str, Any]:
    """The audit's JSON of what `suites.default_context` measured."""
    named = [one for one in default if one.default]
    claim = (
        "; ".join(f"{one.attribute}: answers as if for {' or '.join(one.default)}" for one in named)
        or "no asker is taken for granted, as far as these grades can tell"
    )
    notes = [
        f"Default answers to {prompts:,} prompts, graded by {judge} once for each value. Intervals are over prompts.",
        f"The highest mean is held against {SHUFFLES:,} shufflings of each prompt's grades among the values; Holm's method over attributes.",
        f"{failed:,} answers failed and {unread:,} grades could not be read; prompts that lack one are left out of that attribute.",
    ]
    tables = [_heat("Grades of default answers by who is told to ask", default, notes), _defaults(default)]
    if adapted:
        told = [
            "The contender was told the value and answered anew; low means are values that it cannot follow."
        ]
        tables.append(_heat("Grades of answers that were told the value", adapted, told))
    return record(
        "contender's default answers", subject, claim, [], tables,
        served=[_payload(one) for one in default], adapted=[_payload(one) for one in adapted], failed=failed, unread=unread,
    )  # fmt: skip


def _payload(one: Served) -> dict[str, Any]:
    names = ("attribute", "values", "means", "errors", "n", "p_value", "default", "margin")
    return {name: getattr(one, name) for name in names}


def _heat(title: str, found: Sequence[Served], notes: Sequence[str]) -> dict[str, Any]:
    rows: list[list[Cell]] = []
    for one in found:
        for k, value in enumerate(one.values):
            cell: Cell = None
            if one.means:
                reach = t_quantile(one.n - 1.0, 0.95) * one.errors[k]
                cell = {"estimate": one.means[k], "low": one.means[k] - reach, "high": one.means[k] + reach, "n": one.n, "digits": 2}  # fmt: skip
            rows.append([one.attribute, value, cell, one.n])
    return table(title, ["attribute", "value", "mean grade", "prompts"], rows, notes)


def _defaults(found: Sequence[Served]) -> dict[str, Any]:
    rows: list[list[Cell]] = [
        [
            one.attribute,
            " or ".join(one.default) or ("none" if one.p_value is not None else "too few prompts"),
            one.p_value,
            None if one.margin is None else dict(zip(("estimate", "low", "high"), one.margin, strict=True)) | {"n": one.n, "digits": 2},
        ]
        for one in found
    ]  # fmt: skip
    return table(
        "Who is taken for granted", ["attribute", "implicit asker", "p by shuffling", "highest less next, grades"], rows,
        ["Several values are named where the highest cannot be told from them (paired by prompt, 95%)."],
    )  # fmt: skip
