"""Pairs to read beside the figures of who beats whom by type: drawn by a seed, cut short, kept out of the tables."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any

import numpy as np

from winsome.audit.findings import Cell, table
from winsome.audit.people import Pair, People
from winsome.audit.refusal_sheet import asked
from winsome.audit.refusal_votes import one_turn
from winsome.standings.columns import Floats, Ints
from winsome.text.refusals import KINDS

MOST = 20
"""Pairs shown of a cell."""
CHARACTERS = 400
"""Characters shown of a prompt or an answer."""


def examples(people: People, kinds: Ints, seed: int) -> list[dict[str, Any]]:
    """A table of up to 20 pairs for each two types that met, kinds [pairs, 2] being places in KINDS; empty cells have none.

    A cell and its mirror hold the same votes and are one table. A table has further to the others' fields `count`, the pairs that there are.
    """
    votes = np.bincount(people.pair, minlength=len(people.pairs))
    won: Floats = np.bincount(people.pair, people.share, len(people.pairs)).astype(np.float64)
    counted = np.array([one_turn(pair) for pair in people.pairs]) & (votes > 0)
    found: list[dict[str, Any]] = []
    for first, second in combinations(range(len(KINDS)), 2):
        places: list[int] = np.flatnonzero(counted & (np.sort(kinds, 1) == (first, second)).all(1)).tolist()
        if not places:
            continue
        one, other = KINDS[first], KINDS[second]
        drawn = sorted(Random(f"refusals/{one}/{other}/{seed}").sample(places, min(MOST, len(places))))
        rows = [_row(people.pairs[k], bool(kinds[k, 0] == first), (one, other), float(won[k]), int(votes[k])) for k in drawn]  # fmt: skip
        columns = ["pair", "prompt", f"{one} answer", "of", f"{other} answer", "of", "won", "votes"]
        notes = [f"{len(drawn)} of {len(places):,} pairs, drawn by the seed; prompts and answers are cut at {CHARACTERS} characters."]  # fmt: skip
        found.append(
            table(f"Pairs to read: {one} against {other}", columns, rows, notes) | {"count": len(places)}
        )
    return found


def _row(pair: Pair, straight: bool, types: tuple[str, str], won: float, votes: int) -> list[Cell]:
    answers = pair.answers if straight else pair.answers[::-1]
    share = won if straight else votes - won
    winner = "tie" if 2.0 * share == votes else types[0] if 2.0 * share > votes else types[1]
    sides = [cell for answer in answers for cell in (_cut(answer.text), answer.contender)]
    return [pair.id or pair.prompt.id, _cut(asked(pair.prompt)), *sides, winner, votes]


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
