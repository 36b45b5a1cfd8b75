"""The main job against a real local server: figures, counts, resumption, alarms, refusals."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.matchmaking.conftest import Start
from tests.servers.openai_server import FAULTS, Behaviour, ChatServer, Reply, letter, sentence
from winsome.errors import BadInput, Fatal, Unsupported
from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import Comparison, compare
from winsome.matchmaking.generate import generate
from winsome.records import OUTCOMES, Prompt, Sampling, Suite, user

MODELS = ("a", "b", "c", "judge")
SUITE = Suite(
    "arithmetic",
    "1",
    [Prompt((user(f"What is {i} + {i}?"),), facets={"category": "ab"[i % 2]}) for i in range(60)],
)


def answer(body: Mapping[str, Any]) -> Reply | str:
    """Contenders say a few words, "a" more of them; the judge gives token probabilities drawn by what it reads."""
    if body["model"] != "judge":
        return sentence(body) + (" And more words." * 2 if body["model"] == "a" else "")
    return letter(body)


def run(server: ChatServer, path: Path, *names: str, **settings: Any) -> Comparison:
    settings = {
        "judge": f"pairwise?protocol=alpaca_eval&model=({server.base}#judge)",
        "suite": SUITE,
        "ledger": path / "ledger.sqlite",
        "folder": path / "runs",
        "quiet": True,
    } | settings
    return compare(*(f"{server.base}#{name}" for name in names or ("a", "b")), **settings)


def test_a_comparison_writes_a_whole_run_folder(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    found = run(server, tmp_path, "a", "b", "c")
    asks, battles = (pl.read_parquet(found.folder / f"{name}.parquet") for name in ("asks", "battles"))
    assert asks.height == 3 * 60 * 2
    assert battles.height == 3 * 60
    assert sum(found.record["counts"].values()) == found.record["contests"] == 180
    assert set(found.record["counts"]) == set(OUTCOMES)
    assert found.complete
    assert found.record["figure"] == f"arithmetic@1 / {server.base}#judge alpaca_eval@1 / win-rate"
    # the share of a contest is the mean over its two orders
    mean = asks.group_by("contest", "a").agg(pl.col("share").mean().alias("mean"))
    both = battles.join(mean, on="contest")
    mirrored = pl.when(pl.col("model_a") == pl.col("a")).then(pl.col("mean")).otherwise(1 - pl.col("mean"))
    assert both.select((pl.col("share") - mirrored).abs().max()).item() < 1e-12
    # every seat is used once a contest
    assert asks.group_by("contest").agg(pl.col("seat_a").sum())["seat_a"].unique().to_list() == [1]


def test_again_asks_nothing_and_finds_the_same(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    first = run(server, tmp_path, "a", "b", "c")
    requests = server.stats.requests
    again = run(server, tmp_path, "a", "b", "c")
    assert server.stats.requests == requests
    assert again.standings.to_json() == first.standings.to_json()
    swapped = run(server, tmp_path, "c", "b", "a")
    assert server.stats.requests == requests
    assert {row.contender: row.estimate for row in swapped.standings.rows} == pytest.approx(
        {row.contender: row.estimate for row in first.standings.rows}
    )


def test_concurrency_does_not_change_the_plan(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    found = [
        run(
            server,
            tmp_path / str(concurrency),
            concurrency=concurrency,
            orders=1,
            seed=7,
            schedule=schedule,
            rounds=3,
        )
        for concurrency in (1, 64)
        for schedule in ("all", "swiss")
    ]
    columns = ["contest", "order", "seat_a", "outcome", "share"]
    frames = [pl.read_parquet(c.folder / "asks.parquet").select(columns) for c in found]
    assert frames[0].equals(frames[2])
    assert frames[1].equals(frames[3])
    seats = frames[0]["seat_a"].to_list()
    assert 15 < sum(seats) < 45
    other = run(server, tmp_path / "other", orders=1, seed=8)
    assert pl.read_parquet(other.folder / "asks.parquet")["seat_a"].to_list() != seats


def test_faults_change_no_figure(start_server: Start, tmp_path: Path) -> None:
    calm = start_server(Behaviour(answer=answer, models=MODELS))
    rough = start_server(
        Behaviour(answer=answer, models=MODELS, faults=FAULTS, rate=0.2, hang=5.0, retry_after=0.01)
    )
    figures = []
    for server, setting in ((calm, ""), (rough, "?timeout=0.5")):
        found = compare(
            f"{server.base}#a{setting}", f"{server.base}#b{setting}",
            judge=f"pairwise?protocol=alpaca_eval&model=({server.base}#judge{setting})",
            suite=Suite("s", "1", SUITE.prompts[:40]), ledger=tmp_path / f"{server.port}.sqlite", folder=tmp_path, quiet=True,
        )  # fmt: skip
        assert found.complete
        figures.append([row.estimate for row in found.standings.rows])
    assert figures[0] == figures[1]
    assert sum(rough.stats.faults.values()) > 20


def test_budget_leaves_holes_that_a_later_run_fills(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    part = run(server, tmp_path, budget="170calls")
    assert not part.complete
    assert part.record["counts"]["not asked"] > 0
    assert sum(part.record["counts"].values()) == 60
    assert "170 calls" in " ".join(part.record["warnings"])
    whole = run(server, tmp_path)
    assert whole.complete
    # every answer and verdict once, and in each run a probe of each server that was still to be asked
    assert sum(server.stats.replies.values()) <= 60 * 4 + 3 + 1


def test_missing_equal_and_empty_answers_are_decided_by_rule(start_server: Start, tmp_path: Path) -> None:
    def odd(body: Mapping[str, Any]) -> Reply | str:
        if body["model"] == "judge":
            return letter(body)
        number = int((re.findall(r"\d+", body["messages"][-1]["content"]) or ["2"])[0])
        if number % 4 == 0:
            return "The same."
        if number % 4 == 1 and body["model"] == "a":
            return " \n"
        return sentence(body)

    server = start_server(Behaviour(answer=odd, models=MODELS))
    found = run(server, tmp_path)
    counts = found.record["counts"]
    assert (counts["forfeit"], counts["tie"]) == (15, 15)
    assert sum(counts.values()) == 60
    assert server.stats.models["judge"] == 30 * 2 + 1
    row = found.standings.row(f"{server.base}#b")
    assert row.counts["forfeit"] == 15


def test_a_prompt_that_stands_twice_is_answered_twice(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    twice = Suite("twice", "1", [*SUITE.prompts[:6], *SUITE.prompts[:6]])
    found = run(server, tmp_path, suite=twice, sampling=Sampling(temperature=1.0, seed=3))
    asks = pl.read_parquet(found.folder / "asks.parquet")
    assert found.record["contests"] == 12
    assert asks["contest"].n_unique() == 12
    assert asks["response_a"].n_unique() == 12
    # two contests of one prompt are one cluster
    assert found.standings.rows[0].n == 6
    assert found.standings.rows[0].battles == 12


@pytest.mark.parametrize(("order", "limit", "left"), [("ab", None, 2), ("ab", 2, 0), ("ba", None, 0)])
def test_records_of_no_prompt_are_told(
    start_server: Start, tmp_path: Path, order: str, limit: int | None, left: int
) -> None:
    """The first file's prompts are asked; what a longer one has besides is told, unless --limit cut the prompts."""
    server = start_server(Behaviour(answer=answer, models=MODELS))
    for name, n in (("a", 3), ("b", 5)):
        rows = [{"instruction": f"What is {i}?", "output": f"{name} says {i}"} for i in range(n)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    judge = f"pairwise?protocol=alpaca_eval&model=({server.base}#judge)"
    found = compare(
        *(str(tmp_path / f"{name}.json") for name in order),
        judge=judge, ledger=tmp_path / "l", folder=tmp_path / "runs", quiet=True, limit=limit,
        allow_missing=order == "ba",
    )  # fmt: skip
    told = [warning for warning in found.record["warnings"] if "belong to none" in warning]
    assert len(told) == (left > 0)
    if left:
        assert f"b.json: {left} of its records belong to none of the 3 prompts of a@" in told[0]


def test_two_empty_answers_are_void_by_rule_and_no_hole(start_server: Start, tmp_path: Path) -> None:
    """Two of six pairs say nothing on both sides: asked again they would say no more, so the comparison is complete."""
    server = start_server(Behaviour(answer=answer, models=MODELS))
    for name in "ab":
        rows = [
            {"instruction": f"What is {i}?", "output": f"{name} says {i}" if i > 1 else ""} for i in range(6)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    judge = f"pairwise?protocol=alpaca_eval&model=({server.base}#judge)"
    files = [str(tmp_path / f"{name}.json") for name in "ab"]
    settings: dict[str, Any] = {
        "judge": judge,
        "ledger": tmp_path / "l",
        "folder": tmp_path / "runs",
        "quiet": True,
    }
    found = compare(*files, **settings)
    assert found.record["counts"]["void"] == 2
    assert found.complete
    part = compare(*files, **settings | {"ledger": tmp_path / "m", "budget": "6calls"})
    assert part.holes == {"not asked": part.record["counts"]["not asked"]}
    assert not part.complete


def test_a_judge_that_never_parses_stops_after_twenty(start_server: Start, tmp_path: Path) -> None:
    def chatty(body: Mapping[str, Any]) -> Reply | str:
        return "I would rather not say which." if body["model"] == "judge" else sentence(body)

    server = start_server(Behaviour(answer=chatty, models=MODELS))
    with pytest.raises(BadInput, match="cannot be read") as caught:
        run(
            server, tmp_path, judge=f"pairwise?protocol=arena_hard&model=({server.base}#judge)", concurrency=4
        )
    assert "rather not say" in str(caught.value)
    assert server.stats.models["judge"] < 120


def test_a_judge_with_one_label_is_stopped_unless_allowed(start_server: Start, tmp_path: Path) -> None:
    def always(body: Mapping[str, Any]) -> Reply | str:
        return "Both are fine.\n\nFinal verdict: [[A>B]]" if body["model"] == "judge" else sentence(body)

    server = start_server(Behaviour(answer=always, models=MODELS))
    judge = f"pairwise?protocol=arena_hard&model=({server.base}#judge)"
    with pytest.raises(BadInput, match="labels over both seats"):
        run(server, tmp_path / "one", judge=judge)
    found = run(server, tmp_path / "two", judge=judge, allow_degenerate=True)
    assert found.record["counts"]["inconsistent"] == 60


def test_two_judge_ids_are_not_one_figure(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS, served_as="judge-0613"))
    run(server, tmp_path, limit=20)
    server.behaviour.served_as = "judge-1106"
    with pytest.raises(BadInput, match="judge-0613 and judge-1106"):
        run(server, tmp_path)
    assert run(server, tmp_path, allow_mixed_judge=True).complete


def test_a_rejected_plan_buys_nothing(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    with pytest.raises(BadInput, match="not confirmed"):
        run(server, tmp_path, confirm=lambda planned: planned.calls != 2 * 60 + 120)
    assert server.stats.requests == 0


def test_a_money_budget_needs_prices(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    with pytest.raises(BadInput, match="price unknown"):
        run(server, tmp_path, budget="1usd")
    assert server.stats.requests == 0
    priced = [f"{server.base}#{name}?price_in=100&price_out=1000" for name in ("a", "b", "judge")]
    found = compare(
        *priced[:2], judge=f"pairwise?protocol=alpaca_eval&model=({priced[2]})", suite=SUITE, budget="2usd",
        ledger=tmp_path / "l.sqlite", folder=tmp_path, quiet=True, concurrency=2,
    )  # fmt: skip
    assert not found.complete
    spent = (
        sum(u["money"] for u in found.record["usage"]["contenders"].values())
        + found.record["usage"]["judge"]["money"]
    )
    assert 2.0 <= spent < 2.1


async def test_works_inside_a_running_loop(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    found = run(server, tmp_path, limit=5)
    assert asyncio.get_running_loop().is_running()
    assert found.record["contests"] == 5


def test_sampling_defaults_reach_contenders_but_not_the_judge(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    server.keep_bodies = True
    run(server, tmp_path, limit=3, sampling=Sampling(temperature=0.8, max_tokens=64))
    asked = [
        body for body in server.bodies if len(body["messages"][-1]["content"]) > 3 and body["model"] in "ab"
    ]
    answers = [body for body in asked if "What is" in body["messages"][-1]["content"]]
    assert {body["temperature"] for body in answers} == {0.8}
    assert {body["max_tokens"] for body in answers} == {64}
    judged = [
        body for body in server.bodies if body["model"] == "judge" and "What is" in str(body["messages"])
    ]
    assert {body["temperature"] for body in judged} == {0.0}


@pytest.mark.parametrize(
    ("names", "settings", "line"),
    [
        (("a",), {}, "two contenders"),
        (("a", "a"), {}, "named twice"),
        (("a", "b"), {"judge": None}, "no judge"),
        (("a", "b"), {"suite": None}, "no prompts"),
        (("a", "b"), {"baseline": "recorded:x.json"}, "is no contender"),
        (("a", "b"), {"budget": "5"}, "--budget"),
        (("a", "b"), {"suite": "basiks"}, 'did you mean "basics"'),
        (("a", "zz"), {}, "zz"),
    ],
)
def test_wrong_input_is_one_line(
    start_server: Start, tmp_path: Path, names: tuple[str, ...], settings: dict[str, Any], line: str
) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    with pytest.raises(BadInput if names != ("a", "zz") else Exception, match=re.escape(line)) as caught:
        run(server, tmp_path, *names, **settings)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_stops_when_decided_at_the_same_prompt_whatever_the_concurrency(
    start_server: Start, tmp_path: Path
) -> None:
    def reads(body: Mapping[str, Any]) -> Reply | str:
        """A judge that finds "good" in nine of ten matches: the better contender's share is 0.9."""
        if body["model"] != "judge":
            return f"{'good' if body['model'] == 'a' else 'bad'} {sentence(body)}"
        text = body["messages"][-1]["content"]
        number = int(re.findall(r"What is (\d+)", text)[0]) if "What is" in text else 1
        for_first = (text.find("good") < text.find("bad")) != (number % 10 == 0)
        first = -0.01 if for_first else -6.0
        return Reply("m" if for_first else "M", top={"m": first, "M": -6.01 - first})

    server = start_server(Behaviour(answer=reads, models=MODELS))
    long = Suite("long", "1", [Prompt((user(f"What is {i} + 1?"),)) for i in range(300)])
    settings = {"suite": long, "stop_when": "decided", "seed": 4, "orders": 1}
    figures = []
    for concurrency in (1, 64):
        found = run(server, tmp_path / str(concurrency), "a", "b", concurrency=concurrency, **settings)
        row = found.standings.row(f"{server.base}#a")
        assert found.record["contests"] in (32, 64)
        assert found.complete
        assert found.standings.interval == "sequential"
        assert row.low is not None
        assert row.low > 50
        figures.append((found.record["contests"], row.estimate, row.low))
    assert figures[0] == figures[1]
    assert server.stats.models["a"] == 2 * (figures[0][0] + 1)
    with pytest.raises(BadInput, match="--baseline"):
        run(server, tmp_path, "a", "b", "c", **settings)


def test_one_contenders_error_loses_nothing_that_another_has_under_way(
    start_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "wrong")
    slow = start_server(Behaviour(answer=answer, models=MODELS, latency=0.3))
    closed = start_server(Behaviour(answer=answer, models=MODELS))

    async def unseen(*_: object) -> list[str]:
        closed.behaviour.keys = frozenset({"right"})
        return []

    # the key is withdrawn between the probe and the run
    monkeypatch.setattr("winsome.matchmaking.compare.probe", unseen)
    with pytest.raises(Fatal, match="TEST_KEY"):
        compare(
            f"{slow.base}#a", f"{closed.base}#b?key=env:TEST_KEY", judge=f"pairwise?model=({slow.base}#judge)",
            suite=SUITE, ledger=tmp_path / "ledger.sqlite", folder=tmp_path, quiet=True,
        )  # fmt: skip
    assert slow.stats.answered > 0
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        counts = ledger.counts()
    assert counts["responses"] == slow.stats.answered
    assert counts["claims"] == 0


def test_a_judge_that_gives_up_stops_all_its_windows(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS, logprobs=False))
    suite = Suite("long", "1", [Prompt((user(f"What is {i} + {i}?"),)) for i in range(1200)])
    judge = f"pairwise?protocol=alpaca_eval&model=({server.base}#judge)"
    with pytest.raises(Unsupported, match="no log-probs"):
        run(server, tmp_path, suite=suite, judge=judge, concurrency=8)
    assert server.stats.models["judge"] < 200


def test_one_sampling_serves_comparing_and_generating(start_server: Start, tmp_path: Path) -> None:
    server = start_server(Behaviour(answer=answer, models=MODELS))
    sampling = Sampling(temperature=0.5)
    run(server, tmp_path, limit=2, sampling=sampling)
    found = generate(
        f"{server.base}#a",
        ["one", "two"],
        samples=2,
        sampling=sampling,
        ledger=tmp_path / "g.sqlite",
        quiet=True,
    )
    assert len(found.answers) == 4
    assert (
        generate(
            f"{server.base}#a", ["one"], sampling=sampling, ledger=tmp_path / "g.sqlite", quiet=True
        ).kept
        == 1
    )
