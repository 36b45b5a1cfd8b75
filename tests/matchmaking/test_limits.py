"""The limiter: grows while all goes well, backs off once a round, recovers from an hour of refusals, keeps caps."""

from __future__ import annotations

import asyncio

from winsome.matchmaking.limits import WINDOW, Limiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_slow_start_doubles_a_round() -> None:
    limiter, sizes = Limiter(most=64), []
    for _ in range(4):
        places = int(limiter.limit)
        sizes.append(places)
        for _ in range(places):
            await limiter.enter()
        for _ in range(places):
            limiter.leave()
    assert sizes == [8, 16, 32, 64]


async def test_one_round_of_refusals_halves_once() -> None:
    clock = Clock()
    limiter = Limiter(most=64, limit=64.0, clock=clock)
    entered = [await limiter.enter() for _ in range(64)]
    clock.now = 1.0
    for moment in entered:
        limiter.leave_limited(moment, None, "429")
    assert limiter.limit == 32
    clock.now = 2.0
    moment = await limiter.enter()
    limiter.leave_limited(moment, None, "429")
    assert limiter.limit == 16


async def test_recovers_after_an_hour_of_refusals() -> None:
    clock = Clock()
    limiter = Limiter(most=64, limit=64.0, clock=clock)
    while clock.now < 3600.0:
        clock.now += 1.0
        limiter.leave_limited(await limiter.enter(), None, "429")
    assert limiter.limit == 1.0
    calls = 0
    while limiter.limit < 32:
        await limiter.enter()
        limiter.leave()
        calls += 1
    # additive increase: from 1 to 32 by 1 / limit a call takes about 32^2 / 2 calls
    assert 400 < calls < 600


async def test_closed_until_the_server_says() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    limiter.leave_limited(await limiter.enter(), 7.0, "429")
    assert limiter.pause() == 7.0
    clock.now = 7.0
    assert limiter.pause() == 0.0
    limiter.heed(0, None, 3.0)
    assert limiter.pause() == 3.0
    assert "requests" in limiter.waiting_for


async def test_calls_and_tokens_a_minute() -> None:
    clock = Clock()
    limiter = Limiter(rpm=3, clock=clock)
    for _ in range(3):
        await limiter.enter()
        limiter.leave()
    assert limiter.pause() == WINDOW
    assert limiter.waiting_for == "limit 3 calls/min"
    clock.now = WINDOW
    assert limiter.pause() == 0.0
    tokens = Limiter(tpm=1000, clock=clock)
    await tokens.enter()
    tokens.leave(1200)
    assert tokens.pause() == WINDOW


async def test_no_more_than_the_limit_are_inside() -> None:
    limiter, inside, most = Limiter(most=5), 0, 0

    async def call() -> None:
        nonlocal inside, most
        await limiter.enter()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        limiter.leave()

    await asyncio.gather(*(call() for _ in range(200)))
    assert most == 5
    assert limiter.active == 0


async def test_a_cancelled_waiter_passes_its_place_on() -> None:
    limiter = Limiter(most=1)
    await limiter.enter()
    first, second = asyncio.create_task(limiter.enter()), asyncio.create_task(limiter.enter())
    await asyncio.sleep(0)
    first.cancel()
    limiter.leave()
    await asyncio.wait_for(second, 1.0)
    assert limiter.active == 1
