"""Dates to ask a fact about: relative to its middle, at three precisions, with what each makes of the fact.

Source: TimeStress (Orange-OpenSource). Positions alpha = (date - middle) / duration from -5 to 5 in steps of 0.05 become distinct years;
each year gets one random month and that month one random day, so all precisions have equally many tests.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from winsome.records import digest
from winsome.suites.temporal_facts import LAST_YEAR, Fact, Span, days_in, span

Precision = Literal["Y", "M", "D"]
PRECISIONS: tuple[Precision, ...] = ("Y", "M", "D")
Label = Literal["Correct", "Incorrect", "Transitional"]
REACH, STEP = 5.0, 0.05
FIRST_YEAR = 1000
"""Earlier years read oddly after "In"."""
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dated:
    """One statement's date. `text` opens the statement; alpha is its place in durations from the fact's middle."""

    precision: Precision
    text: str
    label: Label
    alpha: float
    span: Span


def label_of(date: Span, fact: Fact) -> Label:
    """Correct inside the span in which the fact certainly held, Incorrect outside all in which it may have, else Transitional."""
    if date.within(fact.sure):
        return "Correct"
    return "Transitional" if date.touches(fact.open) else "Incorrect"


def dates_of(fact: Fact, seed: int = 0, precisions: Sequence[Precision] = PRECISIONS) -> list[Dated]:
    """The dates of a fact, years in order, each at every precision; a year that is transitional is left out at all of them."""
    draw = Random(f"{seed} {digest([fact.subject, fact.relation, fact.object])}")
    found: list[Dated] = []
    for year in years_of(fact):
        month = draw.randint(1, 12)
        number = draw.randint(1, days_in(year, month))
        spans: dict[Precision, Span] = {
            "Y": span(year),
            "M": span(year, month),
            "D": span(year, month, number),
        }
        texts: dict[Precision, str] = {
            "Y": f"In {year}, ", "M": f"In {MONTHS[month - 1]} {year}, ", "D": f"On {MONTHS[month - 1]} {number}, {year}, ",
        }  # fmt: skip
        if label_of(spans["Y"], fact) == "Transitional":
            continue
        found += [
            Dated(p, texts[p], label_of(spans[p], fact), alpha_of(spans[p], fact), spans[p])
            for p in precisions
        ]
    return found


def years_of(fact: Fact) -> list[int]:
    """The distinct years at all positions, from `FIRST_YEAR` to `LAST_YEAR`."""
    middle, length = _middle(fact.open), fact.open.last - fact.open.first
    days = (
        middle + round(step * STEP * length) for step in range(-round(REACH / STEP), round(REACH / STEP) + 1)
    )
    lowest, highest = (
        datetime.date(FIRST_YEAR, 1, 1).toordinal(),
        datetime.date(LAST_YEAR, 12, 31).toordinal(),
    )
    return sorted({datetime.date.fromordinal(day).year for day in days if lowest <= day <= highest})


def alpha_of(date: Span, fact: Fact) -> float:
    """The middle of a date in durations from the middle of the fact."""
    return (_middle(date) - _middle(fact.open)) / max(1, fact.open.last - fact.open.first)


def _middle(days: Span) -> int:
    return (days.first + days.last) // 2


def statement(date: Dated | None, fact: Fact) -> tuple[str, str]:
    """(what is given, the answer that is scored): the dated question with a space, and the object; None: no date."""
    if date is None:
        return f"{fact.question[0].upper()}{fact.question[1:]} ", fact.object
    return f"{date.text}{fact.question} ", fact.object
