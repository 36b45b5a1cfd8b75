"""A second generator of arenas: honest crowds with heavy voters, tastes, fan clubs and launches; stuffers planted on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from winsome.standings.battles import Battles, outcome_of
from winsome.standings.columns import Codes

Shape = Literal["flat", "ramp", "bell", "pulses"]


@dataclass(frozen=True)
class Plant:
    """Stuffing of `share` of all votes for `target` by `accomplices`, over `width` of the time in a `shape`.

    decoys: share of its votes on what the draw brought. uneven: exponent of the accomplices' sizes (0: all alike).
    """

    share: float
    accomplices: int
    target: int
    width: float = 1.0
    start: float = 0.0
    decoys: float = 0.2
    shape: Shape = "flat"
    uneven: float = 0.0


@dataclass(frozen=True, eq=False)
class Arena:
    battles: Battles
    source: NDArray[np.int32]
    time: NDArray[np.float64]
    stuffers: frozenset[int]
    fans: frozenset[int]
    heavy: frozenset[int]


def arena(
    seed: int,
    *,
    players: int = 150,
    votes: int = 1_500_000,
    sources: int = 60_000,
    plants: tuple[Plant, ...] = (),
    fans: float = 0.05,
    heat: float = 1.5,
    launch: float = 8.0,
    sessions: float | None = None,
) -> Arena:
    """Votes in order of time by sources of heavy-tailed sizes, `fans` of them in a fan club (`heat` logits more for one player).

    launch: how many times as often a new player is shown at first. sessions: sources come and go, the more so the smaller it is
    (the shape of a gamma factor on their activity in each hundredth of the time).
    """
    draw = np.random.default_rng(seed)
    strength = np.sort(draw.normal(0.0, 0.6, players))[::-1]
    weight = (1.0 + np.arange(sources)) ** -0.8
    source = draw.choice(sources, votes, p=weight / weight.sum()).astype(np.int32)
    time = np.sort(draw.random(votes))
    launched = np.where(draw.random(players) < 0.2, draw.uniform(0.1, 0.9, players), -1.0)
    a = np.empty(votes, np.int32)
    b = np.empty(votes, np.int32)
    for rows in np.array_split(np.arange(votes), 100):
        now = float(time[rows[0]]) if len(rows) else 0.0
        shown = np.where(
            launched > now, 1e-9, np.where((launched > 0) & (now - launched < 0.03), launch, 1.0)
        )
        first = draw.choice(players, len(rows), p=shown / shown.sum())
        second = draw.choice(players, len(rows), p=shown / shown.sum())
        same = first == second
        second[same] = (first[same] + 1 + draw.integers(players - 1, size=int(same.sum()))) % players
        a[rows], b[rows] = first, second
        if sessions is not None:
            active = weight * draw.gamma(sessions, size=sources)
            source[rows] = draw.choice(sources, len(rows), p=active / active.sum())
    fan_of = np.where(draw.random(sources) < fans, draw.integers(players, size=sources), -1)
    taste = draw.normal(0.0, 0.4, votes)
    gap = strength[a] - strength[b] + taste + heat * ((fan_of[source] == a) * 1.0 - (fan_of[source] == b))
    share = (draw.random(votes) < 1 / (1 + np.exp(-gap))).astype(np.float64)
    share[draw.random(votes) < 0.1] = 0.5
    stuffers: set[int] = set()
    for number, plant in enumerate(plants):
        rows = np.flatnonzero((time >= plant.start) & (time <= plant.start + plant.width))
        rows = draw.choice(rows, min(len(rows), round(plant.share * votes)), replace=False, p=_height(plant, time[rows]))  # fmt: skip
        codes = sources + 100_000 * number + np.arange(plant.accomplices)
        size = (1.0 + np.arange(plant.accomplices)) ** -plant.uneven
        source[rows] = draw.choice(codes, len(rows), p=size / size.sum() if plant.uneven else None)
        stuffers |= set(np.unique(source[rows]).tolist())
        aimed = rows[draw.random(len(rows)) > plant.decoys]
        other = draw.integers(players - 1, size=len(aimed))
        other += other >= plant.target
        left = draw.random(len(aimed)) < 0.5
        a[aimed], b[aimed] = np.where(left, plant.target, other), np.where(left, other, plant.target)
        share[aimed] = np.where(draw.random(len(aimed)) < 0.97, left, ~left).astype(np.float64)
    names = tuple(f"player-{k}" for k in range(players))
    battles = Battles(names, a, b, share, outcome_of(share), np.ones(votes))
    busiest = np.argsort(-np.bincount(source, minlength=sources)[:sources])[:100]
    return Arena(battles, source, time, frozenset(stuffers), frozenset(np.flatnonzero(fan_of >= 0).tolist()), frozenset(busiest.tolist()))  # fmt: skip


def _height(plant: Plant, time: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Each vote's chance of belonging to the plant, by its time; None where all are alike."""
    place = (time - plant.start) / plant.width
    if plant.shape == "flat" or not len(time):
        return None
    shapes = {
        "ramp": 0.02 + place,
        "bell": 0.02 + np.exp(-0.5 * ((place - 0.5) / 0.15) ** 2),
        "pulses": 0.02 + (np.sin(10 * np.pi * place) > 0.7),
    }
    return shapes[plant.shape] / shapes[plant.shape].sum()


def with_sources(found: Arena) -> Battles:
    """The battles with the sources as annotators."""
    from dataclasses import replace

    labels, codes = np.unique(found.source, return_inverse=True)
    return replace(
        found.battles, annotator=Codes(codes.astype(np.int32), tuple(f"s{k}" for k in labels.tolist()))
    )


Family = Literal["best of several", "all stay", "one drawn by lot stays", "one after the other"]


def with_family(
    found: Arena, seed: int, kind: Family, provider: str, variants: int = 6
) -> tuple[Arena, dict[str, str]]:
    """The arena with a provider's variants of nearly one strength, and contender -> provider.

    "best of several" tries them together and keeps the one that did best there; the other kinds are honest: all stay, one that was
    drawn before the trial stays, or each gives way to the next. Votes are taken over from others: one side of theirs becomes a variant.
    """
    draw = np.random.default_rng(seed)
    size, battles, time = len(found.battles.names), found.battles, found.time
    begin, width = draw.uniform(0.15, 0.6), draw.uniform(0.02, 0.1)
    strength = draw.normal(0.3, 0.6) + draw.normal(0.0, 0.05, variants)
    step = (1.0 - begin) / variants
    starts = begin + (
        step * np.arange(variants) if kind == "one after the other" else draw.uniform(0, 0.02, variants)
    )
    ends = starts + step if kind == "one after the other" else np.full(variants, begin + width)
    a, b, share = battles.a.copy(), battles.b.copy(), battles.share.copy()
    taken = draw.random(len(time)) < draw.uniform(0.01, 0.03)

    def play(variant: int, low: float, high: float, part: float) -> float:
        rows = np.flatnonzero(taken & (time >= low) & (time < high) & (draw.random(len(time)) < part))
        left = draw.random(len(rows)) < 0.5
        won = draw.random(len(rows)) < 1 / (1 + np.exp(-strength[variant] - draw.normal(0, 0.4, len(rows))))
        a[rows], b[rows] = np.where(left, size + variant, a[rows]), np.where(left, b[rows], size + variant)
        share[rows] = np.where(left, won, ~won)
        taken[rows] = False
        return float(won.mean()) if len(rows) else 0.0

    scores = [
        play(k, starts[k], ends[k], 1.0 / (variants - k) if kind != "one after the other" else 1.0)
        for k in range(variants)
    ]
    stays = {
        "best of several": [int(np.argmax(scores))],
        "one drawn by lot stays": [int(draw.integers(variants))],
        "all stay": list(range(variants)),
        "one after the other": [],
    }[kind]
    for number, k in enumerate(stays):
        play(k, ends[k], 1.1, 1.0 / (len(stays) - number))
    names = (*battles.names, *(f"{provider}-{k}" for k in range(variants)))
    made = replace(battles, names=names, a=a, b=b, share=share, outcome=outcome_of(share))
    return replace(found, battles=made), {f"{provider}-{k}": provider for k in range(variants)}
