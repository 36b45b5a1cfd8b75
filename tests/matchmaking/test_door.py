"""The door: ledger first, one ask a question, faults survived, limits and budgets kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.servers.openai_server import FAULTS, Behaviour, serving
from winsome.errors import Fatal
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, user

PROMPTS = [Prompt((user(f"question {i}"),)) for i in range(120)]


def session(path: Path, **door: object) -> Session:
    return Session(Door(Ledger.open(path / "ledger.sqlite"), first_delay=0.01, **door))  # type: ignore[arg-type]


async def answers(
    run: Session, spec: str, prompts: list[Prompt], sampling: Sampling | None = None
) -> list[Response]:
    contender = run.open(spec, Contender)
    return [response async for response in contender.answer(prompts, sampling or Sampling())]


async def test_every_question_is_bought_once_and_kept(tmp_path: Path) -> None:
    async with serving(Behaviour()) as server:
        spec = f"{server.base}#test-model"
        run = session(tmp_path)
        first = await answers(run, spec, PROMPTS)
        again = await answers(run, spec, PROMPTS)
        tally = run.open(spec, Contender).tally  # type: ignore[attr-defined]
        await run.close()
        run.ledger.close()
        later = session(tmp_path)
        third = await answers(later, spec, PROMPTS)
        await later.close()
        later.ledger.close()
        assert server.stats.requests == len(PROMPTS)
    texts = {r.prompt: r.text for r in first}
    assert len(texts) == len(PROMPTS)
    assert texts == {r.prompt: r.text for r in again} == {r.prompt: r.text for r in third}
    assert (tally.asked, tally.kept, tally.failed) == (120, 120, 0)


async def test_a_prompt_given_twice_is_asked_once(tmp_path: Path) -> None:
    async with serving() as server:
        run = session(tmp_path)
        found = await answers(run, f"{server.base}#test-model", [*PROMPTS[:5], *PROMPTS[:5]])
        await run.close()
        assert server.stats.requests == 5
        assert len(found) == 5


async def test_the_same_question_under_way_twice_is_asked_once(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.05)) as server:
        run = session(tmp_path)
        spec = f"{server.base}#test-model"
        both = await asyncio.gather(answers(run, spec, PROMPTS), answers(run, spec, PROMPTS))
        await run.close()
        assert server.stats.requests == len(PROMPTS)
        assert [len(found) for found in both] == [120, 120]


async def test_draws_are_told_apart_and_only_missing_ones_are_bought(tmp_path: Path) -> None:
    async with serving() as server:
        run, spec = session(tmp_path), f"{server.base}#test-model"
        await answers(run, spec, PROMPTS[:10], Sampling(samples=range(1, 2), temperature=1.0))
        found = await answers(run, spec, PROMPTS[:10], Sampling(samples=range(4), temperature=1.0))
        await run.close()
        assert sorted({r.sample for r in found}) == [0, 1, 2, 3]
        assert len({r.key for r in found}) == 40
        assert server.stats.requests == 40


async def test_system_and_sampling_of_a_name_reach_the_server_and_the_key(tmp_path: Path) -> None:
    async with serving() as server:
        server.keep_bodies = True
        run = session(tmp_path)
        plain = await answers(run, f"{server.base}#test-model", PROMPTS[:1])
        terse = await answers(
            run, f"{server.base}#test-model?system=Be%20terse.&temperature=0.3", PROMPTS[:1]
        )
        await run.close()
        assert server.bodies[1]["messages"][0] == {"role": "system", "content": "Be terse."}
        assert server.bodies[1]["temperature"] == 0.3
        assert plain[0].key != terse[0].key
        assert terse[0].prompt == PROMPTS[0].id
        assert terse[0].contender.endswith("?system=Be terse.&temperature=0.3")


@pytest.mark.parametrize("seed", [0, 1])
async def test_one_call_in_five_fails_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    behaviour = Behaviour(faults=FAULTS, rate=0.2, seed=seed, hang=5.0)
    async with serving(behaviour) as server:
        run = session(tmp_path)
        found = await answers(run, f"{server.base}#test-model?timeout=1", PROMPTS)
        await run.close()
        assert sum(server.stats.faults.values()) > 10
        assert {r.finish for r in found} == {"stop"}
        assert len({r.prompt for r in found}) == len(PROMPTS)
        assert server.stats.requests == len(PROMPTS) + sum(server.stats.faults.values())


async def test_a_server_that_always_fails_gives_failed_answers_that_are_asked_again(tmp_path: Path) -> None:
    async with serving(Behaviour(faults=("500",), rate=1.0)) as server:
        run, spec = session(tmp_path), f"{server.base}#test-model"
        found = await answers(run, spec, PROMPTS[:3])
        assert [r.finish for r in found] == ["failed"] * 3
        assert all(r.error for r in found)
        server.behaviour.rate = 0.0
        again = await answers(run, spec, PROMPTS[:3])
        await run.close()
        assert [r.finish for r in again] == ["stop"] * 3
        assert server.stats.requests == 3 * 6 + 3


async def test_a_wrong_key_is_final_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "wrong-secret")
    async with serving(Behaviour(keys=frozenset({"right"}))) as server:
        run = session(tmp_path, concurrency=4)
        with pytest.raises(Fatal, match="TEST_KEY") as caught:
            await answers(run, f"{server.base}#test-model?key=env:TEST_KEY", PROMPTS)
        await run.close()
        assert "wrong-secret" not in str(caught.value)
        assert server.stats.most_at_once <= 4


async def test_two_servers_with_two_keys_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_ONE", "one")
    monkeypatch.setenv("KEY_TWO", "two")
    async with (
        serving(Behaviour(keys=frozenset({"one"}))) as first,
        serving(Behaviour(keys=frozenset({"two"}))) as second,
    ):
        run = session(tmp_path)
        specs = [f"{first.base}#test-model?key=env:KEY_ONE", f"{second.base}#test-model?key=env:KEY_TWO"]
        found = await asyncio.gather(*(answers(run, spec, PROMPTS[:20]) for spec in specs))
        await run.close()
        assert [len(part) for part in found] == [20, 20]


async def test_budget_of_calls_is_never_overrun(tmp_path: Path) -> None:
    async with serving() as server:
        run = session(tmp_path, budget=Budget.of("37calls"))
        found = await answers(run, f"{server.base}#test-model", PROMPTS)
        await run.close()
        assert server.stats.requests == len(found) == 37
        assert "37 calls" in run.door.stopped


async def test_concurrency_follows_the_server(tmp_path: Path) -> None:
    async with serving(Behaviour(most_at_once=6, latency=0.01, retry_after=0.01)) as server:
        run = session(tmp_path, concurrency=64)
        found = await answers(run, f"{server.base}#test-model", PROMPTS)
        limiter = run.door.limiter(run.open(f"{server.base}#test-model", Contender).host)  # type: ignore[attr-defined]
        await run.close()
        assert {r.finish for r in found} == {"stop"}
        assert limiter is not None
        assert limiter.limit < 20
        assert server.stats.faults["429"] < len(PROMPTS)


async def test_two_runs_on_one_ledger_ask_each_question_once(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.02)) as server:
        runs, spec = [session(tmp_path), session(tmp_path)], f"{server.base}#test-model"
        found = await asyncio.gather(*(answers(run, spec, PROMPTS) for run in runs))
        for run in runs:
            await run.close()
        assert [len(part) for part in found] == [120, 120]
        assert server.stats.requests == len(PROMPTS)


async def test_stop_keeps_what_is_under_way(tmp_path: Path) -> None:
    async with serving(Behaviour(latency=0.1)) as server:
        run, spec = session(tmp_path, concurrency=8), f"{server.base}#test-model"
        task = asyncio.create_task(answers(run, spec, PROMPTS))
        await asyncio.sleep(0.25)
        run.door.stop("interrupted")
        found = await task
        await run.close()
        assert 0 < len(found) < len(PROMPTS)
        assert server.stats.answered == len(found) == run.ledger.counts()["responses"]
        assert run.ledger.counts()["claims"] == 0
