"""The cost and accuracy of a cascade of two judges, measured against people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from winsome.audit.asked_pairs import ask_pairs, recorded_pairs
from winsome.audit.judge_tournament import UNREAD, Entrant, Gold, entrant_of, gold_of
from winsome.audit.measures import TIE
from winsome.audit.people import People, read_people
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.standings.cascades import cascade_curve, chosen


def curve_of(
    cheap: Entrant,
    dear: Entrant,
    gold: Gold,
    *,
    costs: tuple[float, float],
    delta: float,
    level: float = 0.95,
) -> dict[str, Any]:
    """The curve over pairs on which people name a side and the dear judge was read; a pair unread by the cheap one is unsure.

    A tie of a judge is half right.
    """
    rows = gold.known & (gold.label != TIE) & (dear.label != UNREAD)
    if not rows.any():
        raise BadInput(
            f"{gold.people.name}: no pair with a side named by people and read by the dear judge; give more pairs"
        )

    def right(entrant: Entrant) -> Any:
        label = entrant.label[rows]
        return np.where(
            (label == TIE) | (label == UNREAD), 0.5, (label == gold.label[rows]).astype(np.float64)
        )

    sure = np.where(
        cheap.label[rows] == UNREAD, 0.0, np.abs(2.0 * np.nan_to_num(cheap.share[rows], nan=0.5) - 1.0)
    )
    curve = cascade_curve(sure, right(cheap), right(dear), gold.cluster[rows], costs=costs, level=level)
    best = chosen(curve, delta)
    return {
        "cheap": cheap.name, "dear": dear.name, "items": int(rows.sum()), "costs": list(costs), "delta": delta, "level": level,
        "curve": [asdict(point) for point in curve], "chosen": asdict(best),
    }  # fmt: skip


def measured_cascade(
    cheap: str,
    dear: str,
    *,
    gold: str | Path,
    pairs: str | Path | None = None,
    costs: str = "0,1",
    delta: float = 0.02,
    level: float = 0.95,
    cluster: str = "prompt",
    limit: int | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Any = "local",
    seed: int = 0,
    ledger: str | Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """The curve of two judges (names, or files of their verdicts) against people's votes; see `curve_of`.

    costs: "C,D" of one verdict of each, in any unit.
    """
    paid = _costs(costs)
    with Ledger.open(ledger) as store:
        people = read_people(gold, pairs, store).limited(limit)
        files = {name: read_people(name, pairs, store) for name in (cheap, dear) if Path(name).is_file()}
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def one(name: str) -> Entrant:
            recorded: People | None = files.get(name)
            if recorded is not None:
                return entrant_of(Path(name).name, recorded_pairs(people, recorded), known=False)
            judge = session.open(name, Judge)
            return entrant_of(
                judge.name, await ask_pairs(session, judge, people, allow_degenerate=True, quiet=quiet)
            )

        async def work() -> tuple[Entrant, Entrant]:
            try:
                return await one(cheap), await one(dear)
            finally:
                await session.close()

        first, second = finish(work(), lambda: door.stop("interrupted"))
    return curve_of(first, second, gold_of(people, cluster), costs=paid, delta=delta, level=level)


def _costs(text: str) -> tuple[float, float]:
    try:
        cheap, dear = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f'costs "{text[:40]}" are no two numbers; give C,D such as 0.001,0.02') from None
    if not (cheap >= 0.0 and dear >= 0.0):
        raise BadInput(f'costs "{text[:40]}" lie below 0; give what one verdict of each costs')
    return cheap, dear
