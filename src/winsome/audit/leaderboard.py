"""A set of battles: how few votes carry its order, and what looks like votes, showings or variants made for one contender."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from winsome.audit.findings import Cell, record, table
from winsome.audit.variants import chosen_variants
from winsome.audit.vote_drop import flip, ranked, tally
from winsome.audit.vote_sources import Suspicion, bursts, suspicious_sources
from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats

if TYPE_CHECKING:
    import polars as pl

TOP = 6
"""Contenders from the top whose order is tried."""
OVERSHOWN = 3.0
"""Times the median number of votes from which on a contender was shown too often to be compared alike."""


def audit_leaderboard(path: str | Path, *, providers: str | Path | None = None) -> dict[str, Any]:
    """The audit of the battles in a file of any format that verdicts are read from.

    providers: a table (CSV, JSON, ..) with columns model and provider, for private variants. Sources come from a column
    annotator, judge or worker, time from time or tstamp; an audit that lacks its column says so. Raises BadInput for a broken file.
    """
    frame = formats.verdicts(path)
    battles = Battles.from_frame(frame, name=str(path))
    time = _time(path, frame["time"]) if "time" in frame.columns else None
    return leaderboard_record(
        Path(path).name, battles, time, _providers(providers) if providers is not None else {}
    )


def leaderboard_record(
    subject: str, battles: Battles, time: Floats | None, provider: Mapping[str, str]
) -> dict[str, Any]:
    """The audit's JSON of battles: `alarms` look like somebody's meddling, `notes` say how much the order can bear.

    time: in any unit, NaN where a vote has none [rows]; provider: contender -> who made it.
    """
    mask = battles.scored
    if not mask.any():
        raise BadInput(f"{subject}: no scored vote; an audit of a leaderboard needs votes")
    if not mask.all():
        battles, time = battles.take(mask), None if time is None else time[mask]
    every, names = battles, battles.names
    alarms: list[str] = []
    notes: list[str] = []
    tables = [_drops(battles, notes)]
    codes = battles.annotator if battles.annotator is not None else battles.judge
    missing: list[str] = []
    labels: tuple[str, ...] = ()
    timed = np.ones(len(battles), np.bool_) if time is None else np.isfinite(time)
    if not timed.any():
        time, timed = None, ~timed
    if codes is None or not (codes.values >= 0).any():
        missing.append("no column annotator, or nothing in it: sources were not looked at")
    else:
        labels = tuple(str(label) for label in codes.labels)
        known = (codes.values >= 0) & timed
        if not known.all():
            missing.append(
                f"{int((~known).sum()):,} votes without a source or a time: left out where sources are looked at"
            )
        when = None if time is None else time[known]
        found = suspicious_sources(battles.take(known), codes.values[known], when)
        alarms += [f"source {labels[s.who]}: {s.votes:,} votes on {names[s.contender]}, {s.expected:.1f} expected, {s.won:.0%} for it" for s in found[:20]]  # fmt: skip
        rows = [labels[one.who] for one in found]
        tables.append(_suspicions("Sources that vote on one contender", "source", rows, found, names))
    if time is None:
        missing.append("no column time, or nothing in it: bursts and variants were not looked at")
    else:
        if not timed.all():
            missing.append(
                f"{int((~timed).sum()):,} votes without a time: left out where bursts and variants are looked at"
            )
            battles, time = battles.take(timed), time[timed]
        stretches = bursts(battles, time)
        alarms += [
            f"burst from {b.start:g} to {b.end:g}: {b.found.votes:,} votes on {names[b.found.contender]}, "
            f"{b.found.expected:.1f} expected, {b.found.won:.0%} for it"
            for b in stretches[:20]
        ]
        rows = [f"{b.start:g} to {b.end:g}" for b in stretches]
        tables.append(
            _suspicions(
                "Bursts of votes for one contender", "time", rows, [b.found for b in stretches], names
            )
        )
        if provider:
            choices = chosen_variants(battles, time, provider)
            alarms += [f"{c.provider}: {names[c.survivor]} is the best of {len(c.variants)} variants tried together; about {c.inflation * 400 / np.log(10):.0f} Arena points by choice" for c in choices]  # fmt: skip
            tables.append(
                table(
                    "The best of several variants",
                    ["provider", "stayed", "variants", "points by choice", "chance"],
                    [
                        [
                            c.provider,
                            names[c.survivor],
                            len(c.variants),
                            c.inflation * 400 / np.log(10),
                            c.p_value,
                        ]
                        for c in choices
                    ],
                    [
                        "Variants of one provider that started together, of which only the best stayed. Points by choice: the expected "
                        "largest error of as many equal variants; it is part of the survivor's rating until the trial's votes are left out."
                    ],
                )
            )
        else:
            missing.append("no --providers: variants were not looked at")
    tables.append(_sampling(every, notes))
    claim = f"{len(every):,} votes on {len(names)} contenders: " + (f"{len(alarms)} alarm{'s' * (len(alarms) != 1)}" if alarms else "no alarm")  # fmt: skip
    return record("leaderboard", subject, claim, alarms, tables, notes=notes, missing=missing)


def _drops(battles: Battles, notes: list[str]) -> dict[str, Any]:
    votes = tally(battles)
    order = ranked(votes)[:TOP].tolist()
    rows: list[list[Cell]] = []
    total = int(votes.count.sum())
    for place, (first, second) in enumerate(pairwise(order), 1):
        found = flip(votes, first, second)
        names = f"{place}. {battles.names[first]} over {battles.names[second]}"
        if found is None:
            rows.append([names, None, None, "no set was found"])
            continue
        rows.append([names, found.votes, 100.0 * found.votes / total, "smallest" if found.exact else "upper bound"])  # fmt: skip
        if place == 1 and found.votes <= 0.01 * total:
            notes.append(f"{found.votes:,} of {total:,} votes ({found.votes / total:.3%}) carry the first place: without them {battles.names[second]} leads")  # fmt: skip
    return table(
        "Votes whose loss turns neighbours around",
        ["order", "votes", "per cent of all", "which is"],
        rows,
        ["Votes are dropped by their influence on the gap, and the ratings fitted again without them. The number is an upper "
         "bound: another set may be smaller, unless all smaller ones were tried."],
    )  # fmt: skip


def _suspicions(
    title: str, head: str, labels: list[str], found: list[Suspicion], names: tuple[str, ...]
) -> dict[str, Any]:
    rows: list[list[Cell]] = [
        [
            label,
            names[s.contender],
            s.votes,
            s.expected,
            100 * s.won,
            100 * s.expected_won,
            s.p_shown,
            s.p_won,
        ]
        for label, s in zip(labels[:200], found[:200], strict=True)
    ]
    note = (
        f"{len(found):,} in all. Both have to be out of the ordinary: how often the contender was met, and how often it won "
        "there. An honest arena has any such row with a chance of about 1%."
    )
    heads = [head, "contender", "votes", "expected", "won, per cent", "taste explains", "p shown", "p won"]
    return table(title, heads, rows, [note])


def _sampling(battles: Battles, notes: list[str]) -> dict[str, Any]:
    met = np.bincount(np.concatenate([battles.a, battles.b]), minlength=len(battles.names))
    median = float(np.median(met))
    over = np.flatnonzero(met > OVERSHOWN * median)
    if len(over):
        most = int(np.argmax(met))
        others = f"; so have {len(over) - 1} others" if len(over) > 1 else ""
        notes.append(f"{battles.names[most]} has {met[most]:,} votes, over {OVERSHOWN:g} times the median of {median:,.0f}{others}")  # fmt: skip
    order = np.argsort(-met)
    ends = [*order[:5].tolist(), *order[-5:].tolist()] if len(order) > 10 else order.tolist()
    return table(
        "How often contenders were shown",
        ["contender", "votes", "times the median"],
        [[battles.names[k], int(met[k]), float(met[k] / max(median, 1.0))] for k in ends],
        ["The five most and the five least shown. More votes narrow a rating's interval, and give its maker more to learn from."],
    )  # fmt: skip


def _time(path: str | Path, column: pl.Series) -> Floats | None:
    """The times of a column in one unit, NaN where a vote has none; None where no vote has one."""
    import polars as pl

    if column.null_count() == len(column):
        return None
    if not column.dtype.is_temporal() and not column.dtype.is_numeric():
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() > column.null_count():
            # Where not even a form can be told, the first that is no number is named.
            with contextlib.suppress(pl.exceptions.PolarsError):
                numbers = column.str.to_datetime(strict=False)
        bad = (numbers.is_null() & column.is_not_null()).arg_max()
        if numbers.null_count() > column.null_count() and bad is not None:
            raise BadInput(
                f"{path}: record {bad + 1} has {str(column[bad])[:40]!r} as its time; give numbers or ISO 8601 times throughout"
            )
        column = numbers
    if column.dtype.is_temporal():
        column = column.cast(pl.Int64)
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _providers(path: str | Path) -> dict[str, str]:
    from winsome.ledger.formats.reading import read

    rows = read(path).rows
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("model"), str) or not isinstance(row.get("provider"), str):
            raise BadInput(f"{path}: record {number} lacks model or provider; give both")
    return {row["model"]: row["provider"] for row in rows}
