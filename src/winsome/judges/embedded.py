"""Judges made of the models that ship in packages."""

from __future__ import annotations

from winsome.judges.by_score import ByScore, by_score
from winsome.judges.pairwise import Pairwise, pairwise
from winsome.protocols import Contender, Run, Scorer


def embedded(address: str = "judge", *, run: Run, name: str = "") -> ByScore | Pairwise:
    """`embedded:judge`, the fitted judge without a prompt; any other address is that model under `pairwise`'s defaults."""
    named = name or f"embedded:{address}"
    if address == "judge":
        return by_score(scorer=run.open("embedded:judge", Scorer), link="sigmoid", name=named)
    return pairwise(model=run.open(f"embedded:{address}", Contender), name=named)
