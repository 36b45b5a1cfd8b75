"""What judges' verdicts on the pairs of the refusal audit would take: calls, tokens and money, with nothing asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from winsome import specs
from winsome.audit.designs import TEMPLATE_TOKENS
from winsome.audit.people import read_people
from winsome.audit.refusal_sheet import asked
from winsome.audit.refusal_votes import one_turn
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.preflight import CHARACTERS_A_TOKEN, Estimate, judge_loads
from winsome.matchmaking.session import Session
from winsome.protocols import Judge


def judges_plan(
    path: str | Path,
    judges: Sequence[str],
    *,
    pairs: str | Path | None = None,
    ledger: str | Path | None = None,
) -> Estimate:
    """What `judges` would be asked for verdicts on the pairs of one turn of `path`, in both orders where a judge may mind them.

    Tokens are those of the prompts and answers at hand, by their characters; replies are assumed `ANSWER_TOKENS` long. What the ledger
    has is not looked at. Raises BadInput where no pair is of one turn.
    """
    read = [pair for pair in read_people(path, pairs).pairs if one_turn(pair)]
    if not read:
        raise BadInput(f"{path}: no pair is of one turn; give pairs of a request and two answers")
    words = sum(len(asked(pair.prompt)) + sum(len(a.text) for a in pair.answers) for pair in read)
    shown = words / len(read) / CHARACTERS_A_TOKEN + TEMPLATE_TOKENS
    with Ledger.open(ledger) as store:
        session = Session(Door(store))
        opened = [session.open(specs.parse(judge), Judge) for judge in judges]
        asks = [len(read) * (2 if judge.ordered else 1) for judge in opened]
        loads = [load for judge, n in zip(opened, asks, strict=True) for load in judge_loads(judge, n, shown)]
    return Estimate(len(read), sum(asks), tuple(loads))
