"""A judge's verdicts on pairs, asked as in a comparison: through the door, in both orders, kept in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from winsome.audit.people import Pair, People
from winsome.errors import BadInput
from winsome.matchmaking.asks import Plan, battles_frame
from winsome.matchmaking.judging import Alarms, Judging
from winsome.matchmaking.preflight import Estimate, estimate, refuse_unknown_prices
from winsome.matchmaking.progress import Live
from winsome.matchmaking.rules import Answer, decided
from winsome.matchmaking.schedule import Pairing
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Sampling, Suite, Usage, digest, shares
from winsome.standings.battles import Battles
from winsome.standings.combine import combine

if TYPE_CHECKING:
    import polars as pl

SIDES = ("first answer", "second answer")


@dataclass(frozen=True, eq=False)
class Asked:
    """What a judge said of pairs. asks: a row an ask; contests: a row a pair, the first answer's share.

    ruled: [pairs] where a rule decided (an empty answer, equal answers) and the judge was not asked. usage: of each ask.
    """

    asks: pl.DataFrame
    contests: Battles
    ruled: NDArray[np.bool_]
    served_by: tuple[str, ...]
    usage: tuple[Usage, ...]


async def ask_pairs(
    session: Session,
    judge: Judge,
    people: People,
    *,
    orders: int | None = None,
    repeats: int = 1,
    allow_degenerate: bool = False,
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
) -> Asked:
    """The verdicts of `judge` on every pair, kept ones not asked again.

    orders: both unless the judge cannot mind them. repeats: asks in each order. confirm: asked once with the plan.
    Raises as `compare` does.
    """
    prompts = [pair.prompt for pair in people.pairs]
    suite = Suite(people.name, digest([prompt.id for prompt in prompts])[:8], prompts)
    asked_orders = orders or (2 if judge.ordered else 1)
    plan = Plan(suite, prompts, SIDES, asked_orders, repeats, session.seed)
    planned = estimate([], judge, plan, "all", 0, Sampling())
    refuse_unknown_prices(session.door.budget, planned)
    if confirm is not None and not confirm(planned):
        raise BadInput("nothing was asked: the plan was not confirmed; --yes goes on without asking")
    ledger = session.ledger
    ledger.put_many([*prompts, *(answer for pair in people.pairs for answer in pair.answers)])
    plan.answers += [
        {n: Answer.of(pair.answers[side]) for n, pair in enumerate(people.pairs)} for side in (0, 1)
    ]
    contests = plan.add([Pairing(n, 0, 1) for n in range(len(prompts))])
    ruled = np.zeros(len(prompts), np.bool_)
    for number, asks in enumerate(contests):
        ruling = decided(plan.answers[0][number], plan.answers[1][number], suite)
        if ruling is not None:
            ruled[number] = True
            for ask in asks:
                ask.outcome, ask.share, ask.reason = ruling
    live = Live(session.door, quiet=quiet)
    judging = Judging(plan, judge, ledger, session.door, Alarms(session.door, allow_degenerate))
    judging.advance = live.stage(f"judge {judge.name}", int((~ruled).sum()) * asked_orders * repeats)
    async with live.shown():
        await judging.run([ask for number, asks in enumerate(contests) if not ruled[number] for ask in asks])
    frame = plan.frame(judge.name)
    battles = combine(Battles.from_frame(battles_frame(frame), name="the verdicts"))
    return Asked(
        frame,
        battles,
        ruled,
        tuple(sorted(name for name in judging.served_by if name)),
        tuple(ask.usage for ask in plan.asks),
    )


def recorded_pairs(people: People, verdicts: People) -> Asked:
    """Verdicts that a judge gave elsewhere, in the form of those asked here; a pair judged twice is a repeat.

    verdicts: the judge's, read as people's are. Nothing is known of seats and cost. Raises BadInput where no pair is shared.
    """
    import polars as pl

    place = {_key(pair): n for n, pair in enumerate(people.pairs)}
    of_pair = [place.get(_key(pair)) for pair in verdicts.pairs]
    turned = [n is not None and pair.answers[0].content != people.pairs[n].answers[0].content
              for n, pair in zip(of_pair, verdicts.pairs, strict=True)]  # fmt: skip
    repeats, rows = [0] * len(people.pairs), list[dict[str, object]]()
    for pair, share in zip(verdicts.pair.tolist(), verdicts.share.tolist(), strict=True):
        number = of_pair[pair]
        if number is not None:
            rows.append(_row(number, repeats[number], 1.0 - share if turned[pair] else share, people))
            repeats[number] += 1
    if not rows:
        raise BadInput(
            f"{verdicts.name} and {people.name}: no pair in common; give verdicts on the same answers"
        )
    rows += [_row(n, 0, None, people) for n, count in enumerate(repeats) if not count]
    frame = pl.DataFrame(
        sorted(rows, key=lambda row: (row["position"], row["repeat"])), infer_schema_length=None
    )
    frame = frame.cast(
        {"share": pl.Float64, "extent": pl.Float64, "category": pl.String, "verdict": pl.String}
    )
    battles = combine(Battles.from_frame(battles_frame(frame), name="the verdicts"))
    return Asked(frame, battles, np.zeros(len(people.pairs), np.bool_), (), ())


def _key(pair: Pair) -> tuple[str, str, frozenset[str]]:
    return pair.id, pair.prompt.id, frozenset(answer.content for answer in pair.answers)


def _row(number: int, repeat: int, share: float | None, people: People) -> dict[str, object]:
    outcome = "not asked" if share is None else shares(share)[0]
    return {
        "position": number, "contest": str(number), "cluster": people.pairs[number].prompt.id, "a": SIDES[0], "b": SIDES[1],
        "order": 0, "repeat": repeat, "seat_a": 0, "outcome": outcome, "share": share, "extent": None, "aspect": "",
        "judge": "recorded", "category": None, "length_a": 0, "length_b": 0, "cached": True,
        "verdict": None if share is None else "recorded",
    }  # fmt: skip
