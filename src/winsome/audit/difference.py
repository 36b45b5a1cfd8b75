"""Why two figures differ: what they were made of, and how much each part is worth on the prompts that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.audit.figure_files import FigureFile, facts, read_figure
from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Codes, sums
from winsome.standings.intervals import check_level, clustered_mean, score_interval
from winsome.standings.sides import sided

NAMES = (
    "suite",
    "suite version",
    "judge",
    "judge id (model, prompt and settings)",
    "method",
    "baseline",
    "covariates",
    "prompt set",
)
"""Aspects that make two figures unlike: their plain difference says nothing about contenders."""


@dataclass(frozen=True)
class Paired:
    """One contender in both figures, in points of win rate.

    first, second: its estimates as published. on_common: second minus first on the `cells` (prompt, opponent) that both
    judged, with the paired interval over n prompts (None where every verdict is the same); changed: cells whose winner differs. parts: what the difference of the
    estimates is made of; they add up to it. All but the estimates are None without the contests of both.
    """

    contender: str
    first: float | None
    second: float | None
    on_common: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    cells: int = 0
    changed: int = 0
    parts: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Difference:
    """unlike: (aspect, first's value, second's) of all that differs; comparable: whether the names of the figures agree.

    prompts: how many prompts only the first has, both have, only the second has; None where it is not known.
    """

    first: str
    second: str
    unlike: tuple[tuple[str, Any, Any], ...]
    comparable: bool
    prompts: tuple[int, int, int] | None
    paired: tuple[Paired, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    notes: tuple[str, ...]

    def payload(self) -> dict[str, Any]:
        """The difference as JSON-like values."""
        values = {
            name: getattr(self, name)
            for name in ("first", "second", "comparable", "only_first", "only_second", "notes")
        }
        unlike = [{"aspect": aspect, "first": a, "second": b} for aspect, a, b in self.unlike]
        prompts = (
            None
            if self.prompts is None
            else dict(zip(("only_first", "common", "only_second"), self.prompts, strict=True))
        )
        paired = [vars(one) | {"parts": dict(one.parts)} for one in self.paired]
        return values | {"unlike": unlike, "prompts": prompts, "contenders": paired}


def difference(first: str | Path, second: str | Path, *, level: float = 0.95) -> Difference:
    """Why the figures in two files (run folders, report.json, rank --json) differ, and by how much on what they share.

    Figures of unlike names are compared only through contests that both judged; without these it is told what makes them
    unlike. Raises BadInput where two runs have unlike names and no prompt in common, or no contender is.
    """
    check_level(level)
    one, two = read_figure(first), read_figure(second)
    known = [facts(figure) for figure in (one, two)]
    unlike = tuple(
        (aspect, known[0][aspect], known[1][aspect])
        for aspect in known[0]
        if known[0][aspect] != known[1][aspect] and None not in (known[0][aspect], known[1][aspect])
    )
    unlike += tuple(
        (aspect, known[0][aspect], known[1][aspect])
        for aspect in ("baseline", "covariates")
        if known[0][aspect] != known[1][aspect] and None in (known[0][aspect], known[1][aspect])
    )
    comparable = one.standings.get("name") == two.standings.get("name") and not any(
        a in NAMES for a, *_ in unlike
    )
    if not comparable and not unlike:
        unlike = (("name", one.standings.get("name"), two.standings.get("name")),)
    renamed = _same_contenders(one, two)
    estimates = [one.estimates, {renamed.get(name, name): value for name, value in two.estimates.items()}]
    common = [name for name in estimates[0] if name in estimates[1]]
    if not common:
        raise BadInput(
            f"{one.path} and {two.path}: no contender in common ({_few(estimates[0])} and {_few(estimates[1])}); nothing to compare"
        )
    cells = None
    if one.battles is not None and two.battles is not None:
        cells = (_cells(one.battles, {}), _cells(two.battles, renamed))
    prompts = None if cells is None else _prompts(cells)
    notes: list[str] = []
    if cells is None:
        notes.append(
            "without the contests of both, nothing is paired; run folders hold them (winsome rank --report makes one)"
        )
    elif prompts is not None and prompts[1] == 0 and not comparable:
        raise BadInput(
            f"{one.path.name} and {two.path.name}: unlike names and no prompt in common; a bare difference would mislead"
        )
    base = (
        one.standings.get("baseline"),
        renamed.get(two.standings.get("baseline") or "", two.standings.get("baseline")),
    )
    paired = [
        _paired(name, estimates, cells, base, (one, two), level)
        for name in common
        if name not in base or len(common) == 1
    ]
    return Difference(
        str(one.path), str(two.path), unlike, comparable, prompts, tuple(paired),
        tuple(name for name in estimates[0] if name not in estimates[1]),
        tuple(name for name in estimates[1] if name not in estimates[0]), tuple(notes),
    )  # fmt: skip


def _few(names: Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:2])[:40]


def _same_contenders(one: FigureFile, two: FigureFile) -> dict[str, str]:
    """Names of the second whose id is a contender of the first under another name."""
    ids = {c.get("id"): c["name"] for c in one.record.get("contenders", ()) if c.get("id")}
    return {
        c["name"]: ids[c["id"]]
        for c in two.record.get("contenders", ())
        if c.get("id") in ids and ids[c["id"]] != c["name"] and c["name"] not in ids.values()
    }


Cells = dict[str, dict[tuple[str, str], float]]


def _cells(battles: Battles, renamed: Mapping[str, str]) -> Cells:
    """Contender -> (prompt, opponent) -> its mean share there; scored contests alone."""
    prompts = (
        battles.clusters()[0].astype(str).tolist() if battles.cluster is None else battles.cluster.names()
    )
    names = [renamed.get(name, name) for name in battles.names]
    found: Cells = {}
    for code, side in enumerate(sided(battles)):
        used = side.take(side.scored)
        key = used.opponent.astype(np.int64) << 32 | used.cluster
        cell, first, place = np.unique(key, return_index=True, return_inverse=True)
        weight = sums(place, used.weight, len(cell))
        shares = sums(place, used.weight * used.share, len(cell)) / np.where(weight > 0, weight, 1.0)
        found[names[code]] = {
            (str(prompts[int(row)]), names[int(opponent)]): float(share)
            for row, opponent, share in zip(used.row[first], used.opponent[first], shares, strict=True)
        }
    return found


def _prompts(cells: tuple[Cells, Cells]) -> tuple[int, int, int]:
    one, two = ({prompt for of in side.values() for prompt, _ in of} for side in cells)
    return len(one - two), len(one & two), len(two - one)


def _paired(
    name: str,
    estimates: Sequence[Mapping[str, float | None]],
    cells: tuple[Cells, Cells] | None,
    base: tuple[str | None, str | None],
    figures: tuple[FigureFile, FigureFile],
    level: float,
) -> Paired:
    first, second = estimates[0][name], estimates[1][name]
    if cells is None or name not in cells[0] or name not in cells[1]:
        return Paired(name, first, second)
    own = [
        {key: share for key, share in side[name].items() if against is None or key[1] == against}
        for side, against in zip(cells, base, strict=True)
    ]
    both = sorted(own[0].keys() & own[1].keys())
    if not both:
        return Paired(name, first, second)
    shares = [np.array([side[key] for key in both]) for side in own]
    cluster, opponent = (Codes.of([key[place] for key in both]).values for place in (0, 1))
    mean = clustered_mean((1.0 + shares[1] - shares[0]) / 2.0, np.ones(len(both)), cluster, opponent)
    low: float | None = None
    high: float | None = None
    if (shares[0] != shares[1]).any():
        low, high = (100.0 * (2.0 * end - 1.0) for end in score_interval(mean, level))
    changed = int((np.sign(shares[0] - 0.5) != np.sign(shares[1] - 0.5)).sum())
    parts: dict[str, float] = {}
    per_cent = all(figure.standings.get("scale", "per cent") == "per cent" for figure in figures)
    if per_cent and first is not None and second is not None:
        whole = [100.0 * _mean(side) for side in own]
        shared = [
            100.0 * _mean({key: float(s) for key, s in zip(both, side, strict=True)}) for side in shares
        ]
        parts = {
            "prompts or opponents only in the first": shared[0] - whole[0],
            "verdicts on what both have": shared[1] - shared[0],
            "prompts or opponents only in the second": whole[1] - shared[1],
            "method": (second - whole[1]) - (first - whole[0]),
        }
    return Paired(
        name, first, second, 100.0 * (2.0 * mean.mean - 1.0), low, high, mean.n, len(both), changed, parts
    )


def _mean(cells: Mapping[tuple[str, str], float]) -> float:
    """The mean over opponents of the mean over prompts."""
    opponent = Codes.of([key[1] for key in cells]).values
    values: NDArray[np.float64] = np.array(list(cells.values()))
    size = int(opponent.max()) + 1
    return float((sums(opponent, values, size) / sums(opponent, np.ones(len(values)), size)).mean())
