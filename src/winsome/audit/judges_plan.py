"""What judges' verdicts on pairs at hand would take: calls, tokens and money, with nothing asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from winsome import specs
from winsome.audit.designs import TEMPLATE_TOKENS
from winsome.audit.judge_entrants import refuse_twice
from winsome.audit.people import Pair, read_people
from winsome.audit.refusal_sheet import asked
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.preflight import CHARACTERS_A_TOKEN, Estimate, judge_loads
from winsome.matchmaking.session import Session
from winsome.protocols import Judge


def pairs_plan(pairs: Sequence[Pair], judges: Sequence[str], store: Ledger) -> Estimate:
    """What `judges` would be asked of `pairs`, in both orders where a judge may mind them.

    Tokens are those of the prompts and answers at hand, by their characters; replies are assumed `ANSWER_TOKENS` long. What the ledger
    has is not looked at.
    """
    words = sum(len(asked(pair.prompt)) + sum(len(a.text) for a in pair.answers) for pair in pairs)
    shown = words / max(1, len(pairs)) / CHARACTERS_A_TOKEN + TEMPLATE_TOKENS
    session = Session(Door(store))
    opened = [session.open(specs.parse(judge), Judge) for judge in judges]
    asks = [len(pairs) * (2 if judge.ordered else 1) for judge in opened]
    loads = [load for judge, n in zip(opened, asks, strict=True) for load in judge_loads(judge, n, shown)]
    return Estimate(len(pairs), sum(asks), tuple(loads))


def tournament_plan(
    judges: Sequence[str],
    *,
    gold: str | Path,
    pairs: str | Path | None = None,
    limit: int | None = None,
    ledger: str | Path | None = None,
) -> Estimate:
    """What a tournament of `judges` would ask; files of verdicts among them are read and ask nothing.

    BadInput where a judge is named twice.
    """
    refuse_twice(judges)
    with Ledger.open(ledger) as store:
        people = read_people(gold, pairs, store).limited(limit)
        return pairs_plan(people.pairs, [name for name in judges if not Path(name).is_file()], store)
