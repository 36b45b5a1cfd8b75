"""LLM judges through the door, against a real local server."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.judges.scripted import asked, verdicts
from tests.servers.openai_server import Behaviour, Reply, serving
from winsome.errors import Unsupported
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Verdict

MATCHES = [asked(question=f"Name fruit {i}.", seat=i % 2) for i in range(6)]


async def judged(
    spec: str, behaviour: Behaviour, ledger: Path, times: int = 1
) -> tuple[list[list[Verdict]], int]:
    """The verdicts of each of `times` runs on one ledger, and how many requests the server answered."""
    async with serving(behaviour) as server:
        runs: list[list[Verdict]] = []
        for _ in range(times):
            with Ledger.open(ledger) as store:
                session = Session(Door(store))
                try:
                    judge = session.open(spec.format(server=f"{server.base}#test-model"), Judge)
                    runs.append(await verdicts(judge, *MATCHES))
                finally:
                    await session.close()
        return runs, server.stats.answered


def weighted(body: Mapping[str, Any]) -> Reply:
    return Reply("A", top={"A": math.log(0.8), "B": math.log(0.2)})


async def test_letter_judges_are_weighted_and_bought_once(tmp_path: Path) -> None:
    spec = "pairwise?model=({server})"
    (first, second), requests = await judged(spec, Behaviour(answer=weighted), tmp_path / "l.sqlite", times=2)
    assert [v.share for v in first] == pytest.approx([0.8, 0.2] * 3)
    assert [v.reason for v in first] == ["label: A"] * 6
    assert [v.id for v in second] == [v.id for v in first]
    assert second == first
    assert requests == 6


async def test_without_log_probs_the_letter_itself_counts(tmp_path: Path) -> None:
    behaviour = Behaviour(answer=weighted, logprobs=False)
    ((found,), _) = await judged("pairwise?model=({server})", behaviour, tmp_path / "l.sqlite")
    assert [v.share for v in found] == [1.0, 0.0] * 3


async def test_alpaca_eval_without_log_probs_stops_with_the_way_out(tmp_path: Path) -> None:
    spec = "pairwise?model=({server})&protocol=alpaca_eval"
    with pytest.raises(Unsupported, match="use protocol=letter or another server"):
        await judged(spec, Behaviour(answer=lambda _: "m", logprobs=False), tmp_path / "l.sqlite")


async def test_a_cut_reply_gets_room_unless_the_models_name_sets_it(tmp_path: Path) -> None:
    def say(body: Mapping[str, Any]) -> Reply:
        return Reply("So [[A]]") if body["max_tokens"] > 50 else Reply("So", finish="length")

    spec = "pairwise?model=({server})&protocol=mt_bench_pair&max_tokens=40"
    ((found,), requests) = await judged(spec, Behaviour(answer=say), tmp_path / "l.sqlite")
    assert [v.outcome for v in found] == ["win", "loss"] * 3
    assert requests == 12
    room = "pairwise?model=({server}?max_tokens=40)&protocol=mt_bench_pair"
    ((cut,), _) = await judged(room, Behaviour(answer=say), tmp_path / "m.sqlite")
    assert {v.reason for v in cut} == {"cut off: give the judge a larger max_tokens"}


async def test_a_rerun_asks_twice_more_for_what_is_unread_and_nothing_else(tmp_path: Path) -> None:
    def say(body: Mapping[str, Any]) -> Reply:
        return Reply("Hard to say.") if "fruit 3" in str(body["messages"]) else Reply("A")

    spec = "pairwise?model=({server})"
    (runs, requests) = await judged(
        spec, Behaviour(answer=say, logprobs=False), tmp_path / "l.sqlite", times=2
    )
    for number, found in enumerate(runs):
        assert [v.outcome for v in found] == ["win", "loss", "win", "unparsed", "win", "loss"]
        assert len(found[3].evidence) == 3 + 2 * number
    assert requests == 5 + 3 + 2


async def test_faults_are_ridden_out(tmp_path: Path) -> None:
    behaviour = Behaviour(answer=weighted, faults=("429", "500", "cut", "invalid", "empty"), rate=0.3)
    ((found,), requests) = await judged("pairwise?model=({server})", behaviour, tmp_path / "l.sqlite")
    assert [v.share for v in found] == pytest.approx([0.8, 0.2] * 3)
    assert requests == 6


async def test_rubric_grades_over_http(tmp_path: Path) -> None:
    behaviour = Behaviour(answer=lambda _: "Fair.\nRating: [[6]]")
    ((found,), requests) = await judged("rubric?model=({server})", behaviour, tmp_path / "l.sqlite")
    assert {(v.outcome, v.scores) for v in found} == {("graded", (6.0, 6.0))}
    assert requests == 12
