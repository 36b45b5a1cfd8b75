"""How purchases end: errors, closed doors, spent budgets and abandoned askers leave nothing hanging, lost or held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matchmaking.counting import Counting
from tests.matchmaking.test_door import PROMPTS, answers, session
from tests.servers.openai_server import Behaviour, serving
from winsome.errors import BadInput, Fatal
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.commits import Commits
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, assistant, user

COUNTING = "tests.matchmaking.counting:contender"


def inner(run: Session, spec: str) -> Counting:
    """The contender itself, behind the door."""
    return run.open(spec, Contender).inner  # type: ignore[attr-defined, no-any-return]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("spec", [f"{COUNTING}?fatal=1", f"{COUNTING}?fatal=1&batch=8&pause=0.05"])
async def test_an_asker_that_dies_does_not_leave_the_feeder_waiting(tmp_path: Path, spec: str) -> None:
    run = session(tmp_path)
    with pytest.raises(Fatal, match="no such weights"):
        await asyncio.wait_for(answers(run, spec, PROMPTS), 10)
    assert inner(run, spec).calls == 1
    await run.close()


async def test_a_late_refusal_with_a_full_queue_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "wrong-secret")
    async with serving(Behaviour(keys=frozenset({"right"}))) as server:

        async def slow(self: object, body: object, logprobs: bool) -> object:
            await asyncio.sleep(0.4)
            return await chat(self, body, logprobs)

        from winsome.contenders.server import Server

        chat = Server.chat
        monkeypatch.setattr(Server, "chat", slow)
        run = session(tmp_path, concurrency=2)
        with pytest.raises(Fatal, match="TEST_KEY"):
            await asyncio.wait_for(answers(run, f"{server.base}#test-model?key=env:TEST_KEY", PROMPTS), 10)
        await run.close()


async def test_a_ledger_that_cannot_claim_is_an_error_not_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session(tmp_path)

    async def full(self: Ledger, keys: object, owner: str, seconds: float = 60) -> set[str]:
        raise Fatal("ledger: no room on the disk; free some")

    monkeypatch.setattr(Ledger, "claim", full)
    with pytest.raises(Fatal, match="no room"):
        await asyncio.wait_for(answers(run, COUNTING, PROMPTS), 10)
    await run.close()


async def test_a_budget_of_calls_holds_within_a_local_batch(tmp_path: Path) -> None:
    run, spec = session(tmp_path, budget=Budget.of("37calls")), f"{COUNTING}?batch=50"
    found = await answers(run, spec, PROMPTS)
    assert len(found) == inner(run, spec).worked == 37
    assert run.ledger.counts()["responses"] == 37
    await run.close()


async def test_an_interrupt_ends_a_local_batch_with_its_next_answer(tmp_path: Path) -> None:
    run, spec = session(tmp_path), f"{COUNTING}?batch=120&pause=0.01"
    task = asyncio.create_task(answers(run, spec, PROMPTS))
    await until(lambda: inner(run, spec).worked >= 10)
    run.door.stop("interrupted")
    found = await task
    assert 10 <= len(found) <= inner(run, spec).worked < 20
    await run.close()


async def test_money_is_kept_within_the_budget_while_calls_are_under_way(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.05)) as server:
        spec = f"{server.base}#test-model?price_in=0&price_out=1000000&max_tokens=1"
        run = session(tmp_path)
        one = await answers(run, spec, PROMPTS[:20])
        mean = sum(response.usage.money or 0.0 for response in one) / 20
        await run.close()
        poor = Session(Door(run.ledger, Budget(usd=60 * mean), first_delay=0.01))
        found = await answers(poor, spec, PROMPTS[20:])
        await poor.close()
        assert "usd" in poor.door.stopped
        # 100 prompts at 64 at once: without looking ahead all of them would be bought
        assert sum(response.usage.money or 0.0 for response in found) <= 60 * mean * 1.1
        assert len(found) > 40


async def test_a_decoder_under_a_spent_budget_leaves_out_rather_than_fails(tmp_path: Path) -> None:
    async with serving() as server:
        spec = f"best_of_n?n=4&base=({server.base}#test-model)&scorer=tests.matchmaking.counting:favourite"
        run = session(tmp_path, budget=Budget.of("42calls"))
        found = await answers(run, spec, PROMPTS)
        await run.close()
        assert server.stats.requests == 42
        assert {response.finish for response in found} == {"stop"}
        assert 0 < len(found) <= 10
        counts = run.ledger.query("SELECT finish, count(*) AS n FROM responses GROUP BY finish")
        assert counts["finish"].to_list() == ["stop"]
        run.ledger.close()
        later = session(tmp_path)
        whole = await answers(later, spec, PROMPTS)
        await later.close()
        assert len(whole) == len(PROMPTS)
        # every draft is bought once over both runs
        assert server.stats.requests == 4 * len(PROMPTS)


async def test_a_decoder_asks_its_server_as_concurrently_as_it_may(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.05)) as server:
        run = session(tmp_path, concurrency=32)
        spec = f"best_of_n?n=2&base=({server.base}#test-model)&scorer=tests.matchmaking.counting:favourite"
        await answers(run, spec, PROMPTS)
        await run.close()
        assert server.stats.most_at_once > 16


async def test_an_interrupt_cuts_the_wait_for_a_server_short(tmp_path: Path) -> None:
    behaviour = Behaviour(faults=("429",), rate=1.0, retry_after=60.0)
    async with serving(behaviour) as server:
        run = session(tmp_path)
        task = asyncio.create_task(answers(run, f"{server.base}#test-model", PROMPTS[:3]))
        await until(lambda: server.stats.requests >= 3)
        began = time.monotonic()
        run.door.stop("interrupted")
        assert await task == []
        assert time.monotonic() - began < 5
        await run.close()
        assert run.ledger.counts()["responses"] == 0


async def test_a_wait_beyond_patience_is_final_at_once(tmp_path: Path) -> None:
    async with serving(Behaviour(faults=("429",), rate=1.0, retry_after=7200.0)) as server:
        run = session(tmp_path)
        with pytest.raises(Fatal, match="wait 7200 s") as caught:
            await asyncio.wait_for(answers(run, f"{server.base}#test-model", PROMPTS), 20)
        assert len(str(caught.value)) <= 200
        await run.close()


async def test_waiting_for_a_place_does_not_use_up_patience(tmp_path: Path) -> None:
    async with serving(Behaviour(faults=("500",), rate=0.2, latency=0.1)) as server:
        # 120 questions, at first 8 at a time: a question that failed waits longer for a place than patience lasts
        run = session(tmp_path, patience=0.3)
        found = await answers(run, f"{server.base}#test-model", PROMPTS)
        await run.close()
        assert sum(server.stats.faults.values()) > 10
        assert {response.finish for response in found} == {"stop"}


async def test_what_an_abandoned_asker_held_is_free_again(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.02)) as server:
        run, spec = session(tmp_path, concurrency=4), f"{server.base}#test-model"
        asking = run.open(spec, Contender).answer(PROMPTS, Sampling())
        async for _ in asking:
            break
        await asking.aclose()  # type: ignore[attr-defined]
        assert run.door.under_way == set()
        assert run.ledger.counts()["claims"] == 0
        assert 0 < run.ledger.counts()["responses"] < len(PROMPTS)
        await run.close()


async def test_who_leaves_does_not_free_what_another_is_asking(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.2)) as server:
        run, spec = session(tmp_path), f"{server.base}#test-model"
        first = asyncio.create_task(answers(run, spec, PROMPTS[:8]))
        await until(lambda: server.stats.requests >= 8)
        second = asyncio.create_task(answers(run, spec, PROMPTS[:8]))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.wait([second])
        third = await answers(run, spec, PROMPTS[:8])
        await first
        await run.close()
        assert len(third) == 8
        assert server.stats.requests == 8


async def test_a_cancelled_wait_does_not_cancel_the_commit(tmp_path: Path) -> None:
    done: list[int] = []
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        commits = Commits[int](ledger, done.extend, lambda error: None)
        response = Response("p", "c", "k", messages=(assistant("words"),))
        commits.keep(1, Prompt((user("p"),)), response)
        waiting = asyncio.create_task(commits.flush())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await commits.flush()
        assert done == [1]
        assert ledger.counts()["responses"] == 1


async def test_an_answer_kept_for_a_prompt_that_reads_the_same_brings_its_own_prompt(tmp_path: Path) -> None:
    async with serving() as server:
        run = session(tmp_path)
        with_system, bare = Prompt((user("hello"),), system="Be kind."), Prompt((user("hello"),))
        await answers(run, f"{server.base}#test-model", [with_system])
        found = await answers(run, f"{server.base}#test-model?system=Be%20kind.", [bare])
        await run.close()
        assert server.stats.requests == 1
        assert [response.prompt for response in found] == [bare.id]
        # matches name the prompt that was compared, so the ledger must hold it
        assert set(run.ledger.prompts([with_system.id, bare.id])) == {with_system.id, bare.id}


@pytest.mark.parametrize("setting", ["concurrency", "rpm", "tpm"])
def test_a_door_that_lets_nothing_through_is_refused(tmp_path: Path, setting: str) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger, pytest.raises(BadInput, match=f"{setting}=0"):
        Door(ledger, **{setting: 0})  # type: ignore[arg-type]
