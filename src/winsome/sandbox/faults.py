"""Seven types of faults with a place: planted into right answers, and found again in any answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from winsome.sandbox.lexicon import CATEGORIES, CATEGORY_OF, COUNTS, MARKS, MOST, THINGS
from winsome.sandbox.targets import Exactly, SomeOf, Target

Type = Literal["wrong", "missing", "repeated", "extra", "order", "number", "topic"]
TYPES: tuple[Type, ...] = get_args(Type)
_TRIES = 20


@dataclass(frozen=True)
class Fault:
    """A fault and the place (from 0) of the word at which it stands; a missing word's place is where it should stand."""

    kind: Type
    place: int

    def __str__(self) -> str:
        return f"{self.kind} at {self.place}"


def plant(
    target: Target, core: Sequence[str], rng: Random, kind: Type | None = None
) -> tuple[list[str], Fault] | None:
    """A right answer with one fault (of `kind`) and the fault; None where the answer has no room for one."""
    order = [kind] if kind else rng.sample(TYPES, len(TYPES))
    places = [place for place, word in enumerate(core) if word not in MARKS and word != "and"]
    for chosen in order:
        for _ in range(_TRIES):
            place = rng.choice(places)
            spoilt = _spoilt(list(core), chosen, place, places, rng)
            if spoilt is not None and spoilt and target.rate(spoilt) < 1.0:
                return spoilt, Fault(chosen, place)
    return None


def _spoilt(held: list[str], kind: Type, place: int, places: Sequence[int], rng: Random) -> list[str] | None:
    word = held[place]
    if kind == "missing":
        return held[:place] + held[place + 1 :] if len(places) > 1 else None
    if kind == "repeated":
        return [*held[: place + 1], word, *held[place + 1 :]]
    if kind == "extra":
        other = [thing for thing in THINGS if thing not in held]
        return [*held[: place + 1], rng.choice(other), *held[place + 1 :]]
    if kind == "order":
        if place + 1 not in places or held[place + 1] == word:
            return None
        held[place], held[place + 1] = held[place + 1], word
        return held
    if kind == "number":
        if not word.isdigit() and word not in COUNTS:
            return None
        pool = COUNTS if word in COUNTS else [str(n) for n in range(MOST + 1)]
        held[place] = rng.choice([other for other in pool if other not in held])
        return held
    category = CATEGORY_OF.get(word)
    if category is None:
        return None
    names = CATEGORIES[category] if kind == "wrong" else [t for t in THINGS if CATEGORY_OF[t] != category]
    held[place] = rng.choice([other for other in names if other not in held])
    return held


def find(target: Target, core: Sequence[str]) -> list[Fault]:
    """The faults of an answer in order of place, empty for a right one; of several ways to mend it the shortest counts."""
    if isinstance(target, SomeOf):
        return _find_in_set(target, core)
    if isinstance(target, Exactly):
        return _find_in_order(target, core)
    return [] if target.rate(core) == 1.0 else [Fault("wrong", 0)]


def _find_in_set(target: SomeOf, core: Sequence[str]) -> list[Fault]:
    found: list[Fault] = []
    seen: set[str] = set()
    category = CATEGORY_OF.get(next(iter(sorted(target.members))), "")
    for place, word in enumerate(core):
        if word in MARKS or word == "and":
            continue
        if word in seen:
            found.append(Fault("repeated", place))
        elif word not in target.members:
            found.append(Fault("wrong" if CATEGORY_OF.get(word) == category else "topic", place))
        elif len(seen & target.members) == target.count:
            found.append(Fault("extra", place))
        seen.add(word)
    lacking = target.count - len(seen & target.members) - sum(f.kind in ("wrong", "topic") for f in found)
    return found + [Fault("missing", len(core))] * max(0, lacking)


def _find_in_order(target: Exactly, core: Sequence[str]) -> list[Fault]:
    held = [(place, word) for place, word in enumerate(core) if target.marks or word not in (",", ".")]
    if target.marks and held and held[-1][1] == ".":
        held.pop()
    right = target.words
    # cost[i][j]: fewest edits from held[i:] to right[j:], a swap of neighbours counting one.
    rows, columns = len(held), len(right)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            if i == rows or j == columns:
                cost[i][j] = rows - i + columns - j
                continue
            same = held[i][1] == right[j]
            cost[i][j] = min(cost[i + 1][j + 1] + (not same), cost[i + 1][j] + 1, cost[i][j + 1] + 1)
            if _swapped(held, right, i, j):
                cost[i][j] = min(cost[i][j], cost[i + 2][j + 2] + 1)
    found: list[Fault] = []
    i = j = 0
    while i < rows or j < columns:
        place = held[i][0] if i < rows else len(core)
        if i < rows and j < columns and held[i][1] == right[j] and cost[i][j] == cost[i + 1][j + 1]:
            i, j = i + 1, j + 1
        elif _swapped(held, right, i, j) and cost[i][j] == cost[i + 2][j + 2] + 1:
            found.append(Fault("order", place))
            i, j = i + 2, j + 2
        elif i < rows and j < columns and cost[i][j] == cost[i + 1][j + 1] + 1:
            found.append(Fault(_replaced(held[i][1], right[j]), place))
            i, j = i + 1, j + 1
        elif i < rows and cost[i][j] == cost[i + 1][j] + 1:
            near = {held[k][1] for k in (i - 1, i + 1) if 0 <= k < rows}
            found.append(Fault("repeated" if held[i][1] in near else "extra", place))
            i += 1
        else:
            found.append(Fault("missing", place))
            j += 1
    return found


def _swapped(held: Sequence[tuple[int, str]], right: Sequence[str], i: int, j: int) -> bool:
    if i + 1 >= len(held) or j + 1 >= len(right):
        return False
    return held[i][1] == right[j + 1] and held[i + 1][1] == right[j] and right[j] != right[j + 1]


def _replaced(word: str, right: str) -> Type:
    if (word.isdigit() or word in COUNTS) and (right.isdigit() or right in COUNTS):
        return "number"
    same = CATEGORY_OF.get(word, "") == CATEGORY_OF.get(right, "-")
    return "wrong" if same else "topic"
