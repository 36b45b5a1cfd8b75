"""What holds whatever happens: limiters under any order of events, schedules for any size, budgets for any amounts."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.matchmaking.budget import Budget
from winsome.matchmaking.limits import WINDOW, Limiter
from winsome.matchmaking.schedule import Pairing, Schedule, against, all_pairs, count, most_information, swiss

EVENTS = st.lists(
    st.tuples(st.sampled_from(["enter", "leave", "limited", "cancel"]), st.floats(0.0, 20.0)), max_size=60
)


@settings(deadline=None)
@given(events=EVENTS, most=st.integers(1, 12), rpm=st.none() | st.integers(1, 20))
def test_a_limiter_never_lets_too_many_in_and_never_forgets_one(
    events: list[tuple[str, float]], most: int, rpm: int | None
) -> None:
    now = 0.0
    # nobody really waits for the clock: once over, waits end, so what is seen is who gets in
    limiter = Limiter(most, rpm, clock=lambda: now)
    inside, entered = list[float](), list[float]()

    async def play() -> None:
        nonlocal now
        waiting = list[asyncio.Task[float]]()
        for what, seconds in events:
            now += seconds
            if what == "enter":
                waiting.append(asyncio.create_task(limiter.enter()))
            elif what == "cancel" and waiting:
                waiting.pop(0).cancel()
            elif what != "cancel" and inside:
                moment = inside.pop(0)
                limiter.leave() if what == "leave" else limiter.leave_limited(moment, None, "429")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for task in [task for task in waiting if task.done()]:
                waiting.remove(task)
                if not task.cancelled():
                    inside.append(task.result())
                    entered.append(task.result())
            assert 1.0 <= limiter.limit <= most
            assert len(inside) <= most
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in waiting:
            if not task.cancelled() and task.exception() is None:
                inside.append(task.result())
                entered.append(task.result())
        assert limiter.active == len(inside)
        for _ in range(len(inside)):
            limiter.leave()
        assert limiter.active == 0

    asyncio.run(play())
    if rpm is not None:
        entered.sort()
        for first, later in zip(entered, entered[rpm:], strict=False):
            assert later - first >= WINDOW


SCHEDULES = {
    "all": all_pairs,
    "baseline": against(0),
    "swiss": swiss,
    "information": most_information,
}


def played(schedule: Schedule, shares: list[float | None]) -> list[list[Pairing]]:
    """The rounds of a schedule that is told these shares over and over."""
    rounds, endless = list[list[Pairing]](), itertools.cycle(shares)
    pairings = next(schedule)
    while True:
        rounds.append(pairings)
        try:
            pairings = schedule.send([next(endless) for _ in pairings])
        except StopIteration:
            return rounds


@settings(deadline=None)
@pytest.mark.parametrize("kind", SCHEDULES)
@given(
    prompts=st.integers(1, 30),
    contenders=st.integers(2, 7),
    seed=st.integers(0, 5),
    rounds=st.integers(0, 9),
    shares=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=9),
)
def test_a_schedule_adds_up_to_its_count_and_repeats(
    kind: str, prompts: int, contenders: int, seed: int, rounds: int, shares: list[float | None]
) -> None:
    def once() -> list[list[Pairing]]:
        return played(SCHEDULES[kind](prompts, contenders, seed, rounds), shares)

    found = once()
    contests = [pairing for pairings in found for pairing in pairings]
    assert len(contests) == count(kind, prompts, contenders, rounds)
    assert {c.prompt for c in contests} == set(range(prompts))
    assert all(c.a != c.b and min(c.a, c.b) >= 0 and max(c.a, c.b) < contenders for c in contests)
    # no pair meets twice on one prompt
    met = Counter((c.prompt, frozenset((c.a, c.b))) for c in contests)
    assert max(met.values()) == 1
    assert once() == found


def test_a_contest_without_a_share_is_no_loss_in_a_swiss_table() -> None:
    # 0 beats all it meets, but most of its contests go unjudged; 3 loses all of its own
    schedule = swiss(40, 4, seed=2, rounds=8)
    pairings = next(schedule)
    for turn in range(7):
        shares: list[float | None] = [
            (None if n % 3 else float(a == 0)) if 0 in (a, b) else float(a < b)
            for n, (_, a, b) in enumerate(pairings)
        ]
        pairings = schedule.send(shares)
        if turn >= 2:
            # the first of the table is drawn first: it stays 0
            assert pairings[0].a == 0


@given(amounts=st.lists(st.integers(0, 9), max_size=30), limit=st.none() | st.integers(0, 40))
def test_calls_begun_never_pass_the_budget(amounts: list[int], limit: int | None) -> None:
    budget = Budget(calls=limit)
    begun = [budget.begin(amount) for amount in amounts]
    assert all(0 <= b <= a for a, b in zip(amounts, begun, strict=True))
    assert sum(begun) == (sum(amounts) if limit is None else min(limit, sum(amounts)))
    assert bool(budget.exhausted()) == (limit is not None and sum(amounts) >= limit)
    for amount in begun:
        budget.end(amount)
    assert budget.under_way == 0
