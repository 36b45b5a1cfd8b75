"""Rounds of a schedule: the answers that a round compares, then its verdicts, then the next round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from winsome.matchmaking.asks import Ask, Plan
from winsome.matchmaking.door import Asked
from winsome.matchmaking.judging import Judging
from winsome.matchmaking.people import PeopleJudging
from winsome.matchmaking.progress import Live
from winsome.matchmaking.rules import Answer, decided
from winsome.matchmaking.schedule import Pairing, Schedule
from winsome.records import SCORED, Sampling


@dataclass
class Answering:
    """Asks the contenders of a plan, each prompt once, when a round first needs it."""

    contenders: Sequence[Asked]
    plan: Plan
    sampling: Sampling
    live: Live
    bars: list[Callable[[int], None]] = field(default_factory=list[Callable[[int], None]])

    def __post_init__(self) -> None:
        self.plan.answers += [{} for _ in self.contenders]
        self.bars += [
            self.live.stage(contender.name, len(self.plan.prompts)) for contender in self.contenders
        ]

    async def answer(self, pairings: Sequence[Pairing]) -> None:
        """The answers of these pairings; endpoints at the same time, local weights one after the other."""
        needed = [dict[int, None]() for _ in self.contenders]
        for prompt, a, b in pairings:
            needed[a][prompt] = needed[b][prompt] = None
        places = [place for place, numbers in enumerate(needed) if numbers]
        together = [place for place in places if self.contenders[place].batch == 1]
        ends = await asyncio.gather(
            *(self._one(place, list(needed[place])) for place in together), return_exceptions=True
        )
        # raised when all have ended, so that one contender's error loses nothing that another has under way
        for error in ends:
            if error is not None:
                raise error
        for place in places:
            if place not in together:
                await self._one(place, list(needed[place]))

    async def _one(self, place: int, numbers: Sequence[int]) -> None:
        contender, plan, known = self.contenders[place], self.plan, self.plan.answers[place]
        by_draw: dict[int, dict[str, int]] = {}
        for number in numbers:
            if number not in known:
                by_draw.setdefault(plan.occurrence[number], {})[plan.prompts[number].id] = number
        for draw, wanted in by_draw.items():
            sampling = replace(self.sampling, samples=range(draw, draw + 1))
            async for response in contender.answer([plan.prompts[n] for n in wanted.values()], sampling):
                known[wanted[response.prompt]] = Answer.of(response)
                self.bars[place](1)


async def play(answering: Answering, judging: Judging | PeopleJudging, rounds: Schedule, asks: int) -> None:
    """Play every round of the schedule: answered, decided by rule or judged, then its shares are sent back."""
    plan = answering.plan
    judging.advance = answering.live.stage(f"judge {judging.judge.name}", asks)
    pairings = next(rounds)
    while True:
        contests = plan.add(pairings)
        await answering.answer(pairings)
        open_asks = [ask for asks in contests if not _by_rule(plan, asks, judging) for ask in asks]
        await judging.run(open_asks)
        shares = [_share([ask.share for ask in asks if ask.outcome in SCORED]) for asks in contests]
        try:
            pairings = rounds.send(shares)
        except StopIteration:
            return


def _by_rule(plan: Plan, asks: Sequence[Ask], judging: Judging | PeopleJudging) -> bool:
    """Fill in a contest that needs no judge (a missing answer leaves it "not asked"); False where a judge must."""
    number, a, b = asks[0].pairing
    sides = [plan.answers[c].get(number) for c in (a, b)]
    if sides[0] is None or sides[1] is None:
        return True
    ruling = decided(sides[0], sides[1], plan.suite)
    if ruling is None:
        return False
    for ask in asks:
        ask.outcome, ask.share, ask.reason = ruling
    judging.advance(len(asks))
    return True


def _share(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None
