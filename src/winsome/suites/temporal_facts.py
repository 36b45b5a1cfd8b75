"""Facts that held for a time: who, what, from when to when, and the question that asks for it.

A facts file has the columns subject, relation, object, start, end and question (and, for those that ship, source_1 and source_2). Bounds
are a year (1979), a month (1979-05) or a day (1979-05-04); what a bound leaves open is never tested.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.fields import text, wrong
from winsome.ledger.formats.reading import Source, read

SHIPPED = "facts.csv"
LAST_YEAR = 2020
"""No date after it is asked about, as in the published set."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included, as ordinals of the Gregorian calendar."""

    first: int
    last: int

    def within(self, other: Span) -> bool:
        return other.first <= self.first and self.last <= other.last

    def touches(self, other: Span) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Fact:
    """`sure` is the span in which the fact certainly held, `open` the widest in which it may have; `question` ends before the object."""

    subject: str
    relation: str
    object: str
    question: str
    sure: Span
    open: Span

    @property
    def name(self) -> str:
        return f"{self.subject}, {self.relation}: {self.object}"


def read_facts(
    path: str | Path | None = None, *, until: int | None = None
) -> tuple[list[Fact], dict[str, int]]:
    """The facts of a file (None: those that ship), and how many were dropped by which rule.

    A fact without end is refused unless `until` (a year) closes it. Facts whose subject, relation and object stand twice are dropped, all
    of them. Raises BadInput naming the record for an end before its start and a question that names the object or a year.
    """
    if path is None:
        with as_file(files("winsome.suites") / SHIPPED) as place:
            return _facts(read(place), until)
    return _facts(read(path), until)


def _facts(source: Source, until: int | None) -> tuple[list[Fact], dict[str, int]]:
    found = [_fact(source, place, until) for place in range(len(source.rows))]
    seen: dict[tuple[str, str, str], int] = {}
    for fact in found:
        key = (fact.subject, fact.relation, fact.object)
        seen[key] = seen.get(key, 0) + 1
    kept = [fact for fact in found if seen[fact.subject, fact.relation, fact.object] == 1]
    late = [fact for fact in kept if fact.sure.first > day(LAST_YEAR, 12, 31)]
    kept = [fact for fact in kept if fact not in late]
    dropped = {"two periods": len(found) - len(kept) - len(late), f"after {LAST_YEAR}": len(late)}
    return kept, {why: n for why, n in dropped.items() if n}


def _fact(source: Source, place: int, until: int | None) -> Fact:
    row = source.rows[place]
    words = {
        name: text(source, place, name).strip() for name in ("subject", "relation", "object", "question")
    }
    for name, value in words.items():
        if not value:
            wrong(source, place, f'has an empty "{name}"; fill it in or drop the record')
    if words["object"].lower() in words["question"].lower():
        wrong(
            source, place, f"asks a question that names its answer {shown(words['object'])}; ask without it"
        )
    if re.search(r"\b1[0-9]{3}\b|\b20[0-9]{2}\b", words["question"]):
        wrong(source, place, "asks a question that names a year; the date is put before it")
    given_end = row.get("end")
    if given_end in (None, "") and until is None:
        wrong(source, place, 'has no "end"; fill it in, or give until=YEAR for facts that still hold')
    start = bound(source, place, "start", row.get("start"))
    end = bound(source, place, "end", str(until) if given_end in (None, "") else given_end)
    if end.last < start.first:
        wrong(
            source,
            place,
            f"ends ({shown(given_end)}) before it starts ({shown(row.get('start'))}); turn them round",
        )
    sure = Span(
        start.first if start.first == start.last else start.last + 1,
        end.last if end.first == end.last else end.first - 1,
    )
    return Fact(
        words["subject"],
        words["relation"],
        words["object"],
        words["question"],
        sure,
        Span(start.first, end.last),
    )


def bound(source: Source, place: int, name: str, value: object) -> Span:
    """The days that a year, a month or a day covers."""
    found = re.fullmatch(r"(\d{3,4})(?:-(\d\d?)(?:-(\d\d?))?)?(?:[T ].*)?", str(value).strip())
    if found is None:
        wrong(source, place, f'has {shown(value)} in "{name}"; give YYYY, YYYY-MM or YYYY-MM-DD')
    year, month, number = (None if part is None else int(part) for part in found.groups())
    try:
        return span(int(year or 0), month, number)
    except ValueError:
        refuse(
            source.path, f'record {place + 1} has {shown(value)} in "{name}", which is no date; correct it'
        )


def span(year: int, month: int | None = None, number: int | None = None) -> Span:
    """The days of a year, of a month, or one day; ValueError where there is no such date."""
    if month is None:
        return Span(day(year, 1, 1), day(year, 12, 31))
    if number is None:
        return Span(day(year, month, 1), day(year, month, days_in(year, month)))
    return Span(day(year, month, number), day(year, month, number))


def day(year: int, month: int, number: int) -> int:
    return datetime.date(year, month, number).toordinal()


def days_in(year: int, month: int) -> int:
    """How many days a month has."""
    following = datetime.date(year + month // 12, month % 12 + 1, 1) if year < 9999 or month < 12 else None
    return 31 if following is None else (following - datetime.date(year, month, 1)).days
