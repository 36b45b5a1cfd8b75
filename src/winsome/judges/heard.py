"""What judges that ask other judges share: the others' verdicts by match, and what several of them cost together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from winsome.protocols import Judge, Named
from winsome.records import Match, Outcome, Usage, Verdict, total


async def heard(judge: Judge, matches: Sequence[Match]) -> dict[str, Verdict]:
    """The verdict of `judge` on each match by its id; a match that it leaves out (a spent budget) has none."""
    return {verdict.match: verdict async for verdict in judge.judge(matches)} if matches else {}


async def heard_by_all(judges: Sequence[Judge], matches: Sequence[Match]) -> list[dict[str, Verdict]]:
    """`heard` of each judge, all asked at the same time; what one raises is raised once the others have ended."""
    found = await asyncio.gather(*(heard(judge, matches) for judge in judges), return_exceptions=True)
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return [result for result in found if not isinstance(result, BaseException)]


def spent(verdicts: Iterable[Verdict]) -> Usage:
    """What the verdicts cost together."""
    return total(verdict.usage for verdict in verdicts)


def evidence(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The replies behind the verdicts, each once."""
    return tuple(dict.fromkeys(id for verdict in verdicts for id in verdict.evidence))


def said(verdict: Verdict) -> str:
    """One verdict in a word: its outcome, with the share where that says more."""
    share = verdict.share
    if share is None or share in (0.0, 0.5, 1.0):
        return (
            verdict.outcome
            if verdict.outcome != "graded"
            else f"graded {verdict.scores[0]:g} to {verdict.scores[1]:g}"
        )
    return f"{verdict.outcome} {share:.3g}"


def served(verdicts: Iterable[Verdict]) -> str:
    """The models that answered, in alphabetical order."""
    return ", ".join(sorted({verdict.served_by for verdict in verdicts if verdict.served_by}))


def unread(votes: Iterable[Verdict]) -> Outcome:
    """The outcome where votes cannot be read: void where every one of them is, else unparsed."""
    return "void" if all(vote.outcome == "void" for vote in votes) else "unparsed"


def made_of(
    votes: Sequence[Verdict],
    by: Named,
    match: Match,
    outcome: Outcome,
    scores: tuple[float, ...] = (),
    *,
    reason: str,
) -> Verdict:
    """What the judge `by` says of `match` after `votes`: it stands on their replies, and costs what they cost."""
    return Verdict(
        match.id,
        by.name,
        by.id,
        outcome,
        scores,
        reason=reason,
        evidence=evidence(votes),
        usage=spent(votes),
        served_by=served(votes),
    )


def extents(*judges: Judge) -> bool:
    """Whether the verdicts of every one of them say how large a win is."""
    return all(getattr(judge, "extents", False) for judge in judges)


def weights_of(judges: Iterable[Any]) -> tuple[str, ...]:
    """The models that scorers among `judges` read with, each once."""
    return tuple(dict.fromkeys(name for judge in judges for name in getattr(judge, "weights", ())))
