"""Checklists, juries, debates and cascades through the door, against a real local server: parse rates exact, nothing bought twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import winsome
from tests.judges.test_over_http import judged
from tests.servers.openai_server import Behaviour, serving
from winsome.matchmaking.loops import finish
from winsome.records import Prompt, Suite, user

RECORDED = (
    ('{"analysis": "A is fuller.", "choice": "A++"}', 2.0),
    ('```json\n{"analysis": "x", "choice": "B+"}\n```', 1.0),
    ("{'analysis': 'x', 'choice': 'A=B'}", 0.0),
    ('{"analysis": "said "yes" twice", "choice": "A+"', 1.0),
    ("{“choice”: “B++”}", 2.0),
    ('{"choice": 1}', None),
    ("I'm sorry, but I cannot compare these.", None),
    ('{"choice": "A+"}\n{"choice": "B+"}', None),
)
"""Replies that judges gave, with the extent that is read from them."""
N = 40


def place_of(body: Mapping[str, Any]) -> int:
    text = body["messages"][-1]["content"]
    return int(text.split("Question ", 1)[1].split(".", 1)[0]) if "Question " in text else 0


def files(folder: Path) -> list[str]:
    made = []
    for name in ("a", "b"):
        rows = [{"id": str(n), "prompt": f"Question {n}.", "output": f"answer {name} {n}"} for n in range(N)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        made.append(str(folder / f"{name}.jsonl"))
    return made


def compared(folder: Path, base: str, **settings: Any) -> winsome.Comparison:
    notes = {"checklist": ["Is it right?"]}
    suite = Suite(
        "tasks",
        "1",
        [Prompt((user(f"Question {n}."),), for_judges=notes, item=str(n)) for n in range(N)],
        orders=1,
    )
    own = {"ledger": folder / "l.sqlite", "folder": folder / "runs", "quiet": True, "suite": suite}
    judge = f"checklist?metric=reward&model=({base}#test-model)"
    return winsome.compare(*files(folder), judge=judge, **(own | settings))


def test_recorded_replies_are_read_exactly_and_a_stopped_run_goes_on(tmp_path: Path) -> None:
    behaviour = Behaviour(answer=lambda body: RECORDED[place_of(body) % len(RECORDED)][0])

    async def work() -> tuple[winsome.Comparison, winsome.Comparison, int, int]:
        import asyncio

        async with serving(behaviour) as server:
            half = await asyncio.to_thread(compared, tmp_path, server.base, budget="25calls")
            bought = server.stats.answered
            whole = await asyncio.to_thread(compared, tmp_path, server.base)
            return half, whole, bought, server.stats.answered

    half, whole, bought, requests = finish(work(), lambda: None)
    assert half.record["counts"]["not asked"] > 0
    asks = pl.read_parquet(whole.folder / "asks.parquet").sort(pl.col("item").cast(pl.Int64))
    expected = [RECORDED[n % len(RECORDED)][1] for n in range(N)]
    assert asks["extent"].to_list() == expected
    assert asks.filter(pl.col("outcome") == "unparsed").height == 3 * N // 8
    assert whole.record["counts"]["unparsed"] == 3 * N // 8
    # every readable reply is bought once, an unreadable one three times in a run, and each run probes once
    unread = 3 * N // 8
    assert N + 2 * unread <= requests <= N + 2 * unread + 2 * bought + 2
    before = pl.read_parquet(half.folder / "asks.parquet").filter(pl.col("share").is_not_null())
    kept = asks.join(before, on="match", suffix="_before")
    assert kept.height == before.height
    assert kept["share"].to_list() == kept["share_before"].to_list()


async def test_a_schema_is_sent_where_structured_replies_are_asked_for(tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []

    def answer(body: Mapping[str, Any]) -> str:
        seen.append(body)
        return '{"analysis": "x", "choice": "A+"}'

    spec = "checklist?metric=reward&checklist=off&structured=true&model=({server})"
    ((found,), _) = await judged(spec, Behaviour(answer=answer), tmp_path / "l.sqlite")
    assert [verdict.extent for verdict in found] == [1.0] * 6
    assert seen[0]["response_format"]["json_schema"]["schema"]["properties"]["choice"]["enum"][0] == "A++"


def by_prompt(body: Mapping[str, Any]) -> str:
    """A letter, two scores, a grade or a speech, by what the prompt asks for; the first answer shown is better."""
    text = str(body["messages"])
    if "last line of exactly this form" in text and "A:" in text:
        return "Reasons.\nA: 8, B: 6"
    if "[[5]]" in text:
        return "Rating: [[7]]"
    return "A" if "Reply with one letter" in text else "I think that A is right."


@pytest.mark.parametrize(
    ("spec", "calls"),
    [
        ("scored?scale=10&model=({server})", 1),
        ("jury?members=[(pairwise?model=({server})),(scored?scale=10&model=({server}))]", 2),
        ("debate?personas=[public,critic]&rounds=1&members=[({server})]", 4),
        ("self_consistency?samples=3&judge=(pairwise?temperature=0.7&model=({server}))", 3),
        (
            "cascade?sure=0.5&check=0&cheap=(rubric?model=({server}))&dear=(scored?scale=10&model=({server}))",
            3,
        ),
    ],
)
async def test_judges_made_of_judges_are_bought_once(tmp_path: Path, spec: str, calls: int) -> None:
    """The first seat wins throughout; a cascade's two equal grades are unsure, so each match costs two grades and one comparison."""
    (first, second), requests = await judged(
        spec, Behaviour(answer=by_prompt, logprobs=False), tmp_path / "l.sqlite", times=2
    )
    assert [verdict.share for verdict in first] == [1.0, 0.0] * 3
    assert [verdict.id for verdict in second] == [verdict.id for verdict in first]
    assert requests == 6 * calls
    assert all(len(verdict.evidence) == calls for verdict in first)


def test_the_plan_counts_every_call_of_a_judge_made_of_judges(tmp_path: Path) -> None:
    async def work() -> dict[str, int]:
        import asyncio

        loads: dict[str, int] = {}
        async with serving(Behaviour(answer=by_prompt, logprobs=False)) as server:
            model = f"{server.base}#test-model"

            def seen(estimate: Any) -> bool:
                loads.update({load.name: load.calls for load in estimate.loads})
                return True

            judge = f"jury?members=[(pairwise?model=({model})),(debate?personas=[public,critic]&rounds=1&members=[({model})])]"
            await asyncio.to_thread(
                winsome.compare, *files(tmp_path), judge=judge, orders=1, limit=4, confirm=seen, quiet=True,
                ledger=tmp_path / "l.sqlite", folder=tmp_path / "runs",
            )  # fmt: skip
            loads["answered"] = server.stats.answered
        return loads

    loads = finish(work(), lambda: None)
    told = [calls for name, calls in loads.items() if name.startswith("jury")]
    assert sum(told) == 4 * (1 + 4)
    # one letter and two agents who speak once and score once, a match; probes come on top
    assert loads["answered"] - 4 * (1 + 4) <= 3
