"""Of several owners only one asks a question, and a dead owner's questions are taken over."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.ledger.records import contest
from winsome.ledger.store import Ledger

ROOT = Path(__file__).resolve().parent.parent.parent


async def test_a_claim_is_held_by_one_owner_until_released(ledger: Ledger) -> None:
    assert await ledger.claim(["a", "b", "a"], "one") == {"a", "b"}
    assert await ledger.claim(["b", "c"], "two") == {"c"}
    assert await ledger.claim(["a", "b"], "one") == {"a", "b"}
    await ledger.release(["a", "c"], "one")
    assert await ledger.claim(["a", "b", "c"], "two") == {"a", "c"}
    assert await ledger.claim([], "one") == set()


async def test_an_expired_claim_is_taken_over_and_a_beat_prevents_it(ledger: Ledger) -> None:
    assert await ledger.claim(["a", "b"], "dead", seconds=0.3) == {"a", "b"}
    assert await ledger.claim(["c"], "alive", seconds=0.3) == {"c"}
    assert await ledger.beat("alive", seconds=60) == 1
    await asyncio.sleep(0.4)
    assert await ledger.claim(["a", "b", "c"], "new") == {"a", "b"}
    assert await ledger.beat("dead") == 0


async def test_an_answer_ends_its_claim_and_is_not_claimed_again(ledger: Ledger) -> None:
    one = contest(1)
    key = one.responses[0].key
    failed = replace(one.responses[0], messages=(), finish="failed", error="HTTP 500")
    assert await ledger.claim([key], "one") == {key}
    await ledger.put(failed)
    assert ledger.counts()["claims"] == 1
    await ledger.put(one.responses[0])
    assert ledger.counts()["claims"] == 0
    assert await ledger.claim([key, "other"], "two") == {"other"}
    assert ledger.counts()["claims"] == 1


async def test_claims_of_one_group_exclude_each_other(ledger: Ledger) -> None:
    keys = [f"k{n}" for n in range(50)]
    held = await asyncio.gather(*(ledger.claim(keys[n : n + 20], f"owner {n}") for n in range(30)))
    assert sum(len(h) for h in held) == len(set.union(*held)) == 49


WORKER = """
import asyncio, json, sys
from tests.ledger.records import contest
from winsome.ledger.store import Ledger

async def main(where, owner, count):
    asked = []
    with Ledger.open(where) as ledger:
        async def one(n):
            response = contest(n).responses[0]
            while not ledger.answers([response.key]):
                if await ledger.claim([response.key], owner, 30):
                    asked.append(n)
                    await asyncio.sleep(0.001)
                    await ledger.put(response)
                else:
                    await asyncio.sleep(0.01)
        numbers = iter(range(count))
        async def work():
            for n in numbers:
                await one(n)
        await asyncio.gather(*(work() for _ in range(16)))
    print(json.dumps(asked))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_two_processes_ask_exactly_the_distinct_questions(where: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, where, owner, "300"], stdout=subprocess.PIPE, cwd=ROOT
        )
        for owner in ("one", "two")
    ]
    asked = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    assert sorted(asked[0] + asked[1]) == list(range(300))
    with Ledger.open(where) as ledger:
        assert ledger.counts()["responses"] == 300
        assert ledger.counts()["claims"] == 0
