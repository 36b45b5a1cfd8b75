"""Verdicts on single matches outside a comparison: kept ones first, new ones kept before they are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from winsome.matchmaking.judging import reseated
from winsome.matchmaking.preflight import probe
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Match, Verdict

WINDOW = 512
"""Matches whose words are in memory at a time."""


async def asked(judge: Judge, matches: Sequence[Match], run: Session) -> dict[str, Verdict]:
    """Match id -> verdict: those that the ledger has on the same words, and those asked now, kept before they are counted."""
    found: dict[str, Verdict] = {}
    probed = False
    for start in range(0, len(matches), WINDOW):
        window = matches[start : start + WINDOW]
        kept = run.ledger.judged(judge.id, [(match.shown, match.repeat) for match in window])
        missing: list[Match] = []
        for match in window:
            held = kept.get((match.shown, match.repeat))
            if held:
                seats, verdict = held[0]
                found[match.id] = reseated(verdict, seats, match, judge)
            else:
                missing.append(match)
        if not missing or run.door.closed():
            continue
        if not probed and (model := getattr(judge, "model", None)) is not None:
            await probe([model], [match.prompt for match in missing])
            probed = True
        by_id = {match.id: match for match in missing}
        writing: list[asyncio.Task[None]] = []
        async for verdict in judge.judge(missing):
            match = by_id[verdict.match]
            records = (match.prompt, *(side.response for side in match.sides), match, verdict)
            writing.append(asyncio.create_task(run.ledger.put(*records)))
            found[match.id] = verdict
        await asyncio.gather(*writing)
    return found
