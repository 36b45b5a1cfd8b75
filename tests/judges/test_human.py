"""People as a judge: the id under which sheets and the page keep labels, and no verdict of its own."""

from __future__ import annotations

from winsome.judges.human import HUMAN_ID, human
from winsome.ledger.export import HUMAN
from winsome.records import Match, Prompt, Response, Side, digest, user


async def test_people_give_no_verdict_by_themselves() -> None:
    judge = human()
    assert (judge.name, judge.id, judge.ordered) == (HUMAN, HUMAN_ID, False)
    assert digest(["recorded", HUMAN]) == HUMAN_ID, "the id that filled-in sheets have"
    prompt = Prompt((user("x"),))
    sides = tuple(Side(name, Response(prompt.id, name, name), seat) for seat, name in enumerate("ab"))
    match = Match(prompt, sides)
    (verdict,) = [verdict async for verdict in judge.judge([match])]
    assert (verdict.match, verdict.outcome, verdict.share) == (match.id, "void", None)
    assert "--judge human" in verdict.reason
