"""The best of several private variants: contenders of one provider that start together, of which only the best stays.

The survivor's score is the largest of k draws: too high by about E[max of k normals] standard errors where the variants are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats
from winsome.standings.laws import expit, normal_tails
from winsome.standings.strengths import PRIOR, fit

FEWEST = 3
"""Variants of one provider that started together from which on a choice among them is reported."""
TOGETHER = 0.05
"""Share of the arena's whole time within which variants have started together; those gone within three times it, were trials."""


@dataclass(frozen=True)
class Choice:
    """`survivor` and its trial's `variants` (codes), the p value of "the survivor is the best by chance", in logits the gain by choice."""

    provider: str
    survivor: int
    variants: tuple[int, ...]
    p_value: float
    inflation: float


def chosen_variants(battles: Battles, time: Floats, provider: Mapping[str, str]) -> list[Choice]:
    """Providers (of contenders' names) of whose variants that began together one stayed, the best of the trial.

    Reported is the design, not an intent: a provider may say that it does so. inflation: E[max] of as many equal variants.
    """
    size = len(battles.names)
    both, when = np.concatenate([battles.a, battles.b]), np.concatenate([time, time])
    start, end = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(start, both, when)
    np.maximum.at(end, both, when)
    whole = float(time.max() - time.min()) if len(time) else 0.0
    families: dict[str, list[int]] = {}
    for code, name in enumerate(battles.names):
        if name in provider and np.isfinite(start[code]):
            families.setdefault(provider[name], []).append(code)
    flat = battles.a.astype(np.int64) * size + battles.b
    met = np.bincount(flat, minlength=size * size).reshape(size, size)
    gained = np.bincount(flat, battles.share, size * size).reshape(size, size)
    strength, _ = fit(gained + (met - gained).T, PRIOR)
    found: list[Choice] = []
    for name, codes in families.items():
        for lead in sorted(codes, key=lambda c: float(start[c])):
            trial = [c for c in codes if 0 <= start[c] - start[lead] <= TOGETHER * whole]
            gone = [c for c in trial if end[c] - start[c] <= 3 * TOGETHER * whole and end[c] < time.max() - TOGETHER * whole]  # fmt: skip
            stayed = [c for c in trial if c not in gone]
            if len(trial) < FEWEST or len(stayed) != 1 or len(gone) != len(trial) - 1:
                continue
            until = max(end[c] for c in gone)
            scores = {c: _trial_score(battles, time, c, until, strength) for c in trial}
            if max(scores, key=lambda c: scores[c][0]) != stayed[0]:
                continue
            error = scores[stayed[0]][1]
            found.append(
                Choice(name, stayed[0], tuple(trial), 1.0 / len(trial), error * _largest(len(trial)))
            )
            break
    return found


def _trial_score(
    battles: Battles, time: Floats, code: int, until: float, strength: Floats
) -> tuple[float, float]:
    """One Newton step of a contender's strength from 0 on its votes up to `until`, and its standard error."""
    mine = ((battles.a == code) | (battles.b == code)) & (time <= until)
    first = battles.a[mine] == code
    other = np.where(first, battles.b[mine], battles.a[mine])
    share = np.where(first, battles.share[mine], 1.0 - battles.share[mine])
    guess = 0.0
    information = 1.0
    for _ in range(25):
        chance = expit(guess - strength[other])
        information = float((chance * (1 - chance)).sum()) + 0.25
        step = (float((share - chance).sum()) - (float(expit(np.array(guess))) - 0.5)) / information
        guess += max(-1.0, min(1.0, step))
        if abs(step) < 1e-9:
            break
    return guess, 1.0 / math.sqrt(information)


def _largest(number: int) -> float:
    """The expected largest of `number` standard normals: the integral of 1 - F^n above 0, less that of F^n below."""
    above = np.linspace(0.0, 9.0, 9_001)
    tail = normal_tails(above) / 2.0
    gap = 1.0 - (1.0 - tail) ** number - tail**number
    return float((gap[1:] + gap[:-1]).sum()) * 0.5e-3
