"""Battles: verdicts as columns, two named sides a row. Every figure of this room is a function of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.records import OUTCOMES, SCORED, Outcome
from winsome.standings.columns import Bools, Codes, Floats, Ints, dense

if TYPE_CHECKING:
    import polars as pl

CODE: dict[Outcome, int] = {outcome: code for code, outcome in enumerate(OUTCOMES)}
HEAVIEST = 1e9
"""Weights above this leave nothing of the others in double precision, and their squares overflow."""

SCORED_CODES: Bools = np.array([outcome in SCORED for outcome in OUTCOMES])


@dataclass(frozen=True, eq=False)
class Battles:
    """Columns [rows] of two-sided verdicts; asks as recorded, or contests once `combine` has folded their asks.

    a, b: codes into `names`. share: side a's share in [0, 1] (win 1, tie 0.5, loss 0, graded between); NaN exactly where
    `outcome` (codes into records.OUTCOMES, seen from side a) is not scored. weight: above 0, up to HEAVIEST. cluster: what rows share
    when they are not independent, the prompt as a rule; None makes every row a cluster of its own.
    covariates: name -> [rows, 2], a value of each side (length in characters); extent: how large the win was.
    order, repeat, contest: which ask of which contest a row is. asks: how many scored asks a contest folded. name: where
    the rows come from, for messages.
    Raises BadInput, naming the record (counted from 1), for values outside these ranges.
    """

    names: tuple[str, ...]
    a: Ints
    b: Ints
    share: Floats
    outcome: NDArray[np.int8]
    weight: Floats
    cluster: Codes | None = None
    contest: Codes | None = None
    order: Ints | None = None
    repeat: Ints | None = None
    judge: Codes | None = None
    aspect: Codes | None = None
    annotator: Codes | None = None
    category: Codes | None = None
    extent: Floats | None = None
    asks: Ints | None = None
    covariates: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    notes: tuple[str, ...] = ()
    name: str = "battles"

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.a)

    @property
    def scored(self) -> Bools:
        """Which rows enter a figure, [rows]."""
        return SCORED_CODES[self.outcome]

    def take(self, rows: Bools | NDArray[np.intp]) -> Battles:
        """These rows alone (a mask or indices); names and labels stay."""
        changes: dict[str, object] = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if isinstance(value, np.ndarray):
                changes[column.name] = value[rows]
            elif isinstance(value, Codes):
                changes[column.name] = Codes(value.values[rows], value.labels)
        changes["covariates"] = {name: values[rows] for name, values in self.covariates.items()}
        return replace(self, **changes)

    def code_of(self, name: str, role: str = "baseline") -> int:
        """The code of a contender; raises BadInput with the nearest name where there is none of that name."""
        if name in self.names:
            return self.names.index(name)
        import difflib

        near = difflib.get_close_matches(name, self.names, 1, 0.0)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise BadInput(f"{role} {name!r} is not among the {len(self.names)} contenders{hint}")

    def clusters(self) -> tuple[Ints, int]:
        """Cluster codes without gaps [rows], and their number; rows without a prompt are clusters of their own."""
        if self.cluster is None:
            return np.arange(len(self), dtype=np.int32), len(self)
        return dense(self.cluster.values)

    def difference(self, covariate: str) -> Floats:
        """Side a's value of a covariate minus side b's, [rows]; raises BadInput where it was not recorded."""
        if covariate not in self.covariates:
            known = ", ".join(sorted(self.covariates)) or "none"
            raise BadInput(f"covariate {covariate!r} is not in the battles (found: {known})")
        values = self.covariates[covariate]
        return values[:, 0] - values[:, 1]

    @staticmethod
    def from_frame(frame: pl.DataFrame, *, name: str = "battles") -> Battles:
        """Battles of a Polars frame with columns model_a, model_b and winner or share; see `frames.from_frame`."""
        from winsome.standings.frames import from_frame

        return from_frame(frame, name=name)

    def to_frame(self) -> pl.DataFrame:
        """A Polars frame that `from_frame` reads back."""
        from winsome.standings.frames import to_frame

        return to_frame(self)


def battles(
    a: Sequence[str],
    b: Sequence[str],
    share: Sequence[float | None] | Floats,
    *,
    prompt: Sequence[str | None] | None = None,
    outcome: Sequence[Outcome] | None = None,
    weight: Sequence[float] | Floats | None = None,
) -> Battles:
    """Battles of plain columns; outcomes follow the shares (None or NaN: unparsed) where they are not given."""
    both = Codes.of([*a, *b])
    shares = np.array([np.nan if s is None else s for s in share], np.float64)
    rows = len(shares)
    codes = outcome_of(shares) if outcome is None else np.array([CODE[o] for o in outcome], np.int8)
    return Battles(
        names=tuple(both.labels),
        a=both.values[: len(a)],
        b=both.values[len(a) :],
        share=shares,
        outcome=codes,
        weight=np.ones(rows) if weight is None else np.asarray(weight, np.float64),
        cluster=None if prompt is None else Codes.of(prompt),
    )


def outcome_of(share: Floats) -> NDArray[np.int8]:
    """Win, tie or loss of side a by its share [rows]; NaN is unparsed."""
    codes = np.full(len(share), CODE["unparsed"], np.int8)
    # Added, not assigned: where outcomes alternate, assignment by a mask is ten times as slow.
    codes += (share > 0.5) * np.int8(CODE["win"] - CODE["unparsed"])
    codes += (share == 0.5) * np.int8(CODE["tie"] - CODE["unparsed"])
    codes += (share < 0.5) * np.int8(CODE["loss"] - CODE["unparsed"])
    return codes


def mirrored_outcome(outcome: NDArray[np.int8]) -> NDArray[np.int8]:
    """The outcomes seen from the other side: wins and losses change places."""
    mirror = np.arange(len(OUTCOMES), dtype=np.int8)
    mirror[[CODE["win"], CODE["loss"]]] = CODE["loss"], CODE["win"]
    return mirror[outcome]


def _check(battles: Battles) -> None:
    rows = len(battles.a)
    for column in fields(battles):
        value: object = getattr(battles, column.name)
        length = len(value.values) if isinstance(value, Codes) else _length(value)
        if length not in (None, rows):
            raise BadInput(f"{battles.name}: column {column.name} has {length} rows, model_a has {rows}")
    for name, values in battles.covariates.items():
        if values.shape != (rows, 2):
            raise BadInput(f"{battles.name}: covariate {name} has shape {values.shape}, wanted ({rows}, 2)")
    with np.errstate(invalid="ignore"):
        outside = (battles.share < 0) | (battles.share > 1)
    _refuse(battles, outside, battles.share, "share", "is outside [0, 1]; give side a's share")
    if not np.array_equal(battles.outcome, outcome_of(battles.share)):
        _check_outcomes(battles)
    wrong = ~((battles.weight > 0) & (battles.weight <= HEAVIEST))
    _refuse(
        battles,
        wrong,
        battles.weight,
        "weight",
        f"is not a number above 0 and up to {HEAVIEST:g}; drop the row or give a weight",
    )
    own = battles.a == battles.b
    if own.any():
        row = int(np.argmax(own))
        raise BadInput(
            f"{battles.name}: record {row + 1} puts {battles.names[battles.a[row]]!r} against itself; rename one side"
        )


def _check_outcomes(battles: Battles) -> None:
    """The outcomes that are not simply those of the shares."""
    scored = battles.scored
    _refuse(
        battles,
        scored & np.isnan(battles.share),
        battles.share,
        "share",
        "is missing where the outcome is scored",
    )
    _refuse(
        battles,
        ~scored & ~np.isnan(battles.share),
        battles.share,
        "share",
        "is given where the outcome is not scored",
    )
    kinds: tuple[tuple[Outcome, Bools], ...] = (
        ("win", battles.share <= 0.5),
        ("loss", battles.share >= 0.5),
        ("tie", battles.share != 0.5),
    )
    for outcome, bad in kinds:
        rows_of = battles.outcome == CODE[outcome]
        _refuse(battles, rows_of & bad, battles.share, "share", f"does not fit outcome {outcome}")


def _refuse(battles: Battles, bad: Bools, values: Floats, field_name: str, problem: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise BadInput(f"{battles.name}: record {row + 1}, field {field_name}: {values[row]:g} {problem}")


def _length(column: object) -> int | None:
    return int(column.shape[0]) if isinstance(column, np.ndarray) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
