"""Debates of small real models over more pairs, ended in scores and in a letter (part `debates` of system_003).

The pairs, seats and ledger of `system_003_server`. A judge of which none of twenty replies can be read stops a run, so what the debate
that ends in scores said is counted from the ledger.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.chat_server import serving_chat
from benchmarks.system_003_server import (
    AT_ONCE,
    PERSONAS,
    PORT,
    entrants,
    members,
    pairs_of,
    sheet,
)
from winsome.audit.judge_tournament import difference, gold_of, row
from winsome.audit.people import read_people
from winsome.errors import BadInput
from winsome.ledger.store import Ledger

DEBATED, SPEECH = 10, 80
"""Pairs with a reference that are debated, drawn by the seed, and tokens of a speech at most."""


def debates_row(work: Path, data: Path, seed: int) -> dict[str, Any]:
    """Both endings and the jurors on the same pairs."""
    began, ledger = time.perf_counter(), work / "server.sqlite"
    asked: dict[str, Any] = {"ledger": ledger, "quiet": True, "concurrency": AT_ONCE}
    with serving_chat(PORT) as base:
        pairs = [one for one in pairs_of(data, f"{base}#smollm2?timeout=3600", seed, asked) if one["from"] == "reference"]  # fmt: skip
        gold = gold_of(read_people(sheet(work / "debates.json", Random(seed).sample(pairs, DEBATED))))
        seats = ",".join(f"({base}#smollm2?timeout=3600&system={text})" for text in PERSONAS.values())
        debate = f"debate?rounds=1&max_tokens={SPEECH}&members=[{seats}]"
        if not scored(ledger):
            try:
                entrants({"debate": debate}, gold, ledger, seed)
            except BadInput as stopped:
                print(stopped, flush=True)
        jurors = entrants(members(work, base), gold, ledger, seed)
        letter = entrants({"debate of three, a letter": f"{debate}&ending=letter"}, gold, ledger, seed)
        best = max(jurors, key=lambda one: row(one, gold)["all"]["agreement"]["estimate"])
    return {
        "speech_tokens": SPEECH, "pairs": DEBATED, "scores": scored(ledger), "judges": [row(one, gold) for one in letter + jurors],
        "best": best.name, "lead": difference(letter[0], best, gold), "wall_seconds": round(time.perf_counter() - began),
    }  # fmt: skip


def scored(ledger: Path) -> dict[str, int]:
    """Verdicts by outcome of the debate that ends in scores, at this length of speech."""
    with Ledger.open(ledger) as store:
        found = store.query(
            f"SELECT outcome, count(*) AS n FROM verdicts WHERE judge LIKE 'debate?max_tokens={SPEECH}&members=%' "
            "AND judge NOT LIKE '%ending=%' GROUP BY outcome"
        )
    return {one["outcome"]: int(one["n"]) for one in found.to_dicts()}
