"""The plan before it is asked: counts, tokens and money by hand, through decoders too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.matchmaking.conftest import Start
from tests.matchmaking.test_door import answers, session
from tests.servers.openai_server import Behaviour, serving
from winsome.errors import BadInput, Fatal
from winsome.ledger.store import Ledger
from winsome.matchmaking.asks import Plan
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.compare import compare
from winsome.matchmaking.preflight import Estimate, estimate, probe, refuse_unknown_prices
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Judge
from winsome.records import Prompt, Sampling, Suite, user

# 35 characters are 10 tokens
PROMPTS = [Prompt((user(f"{i:035d}"),)) for i in range(20)]
PRICED = "?price_in=1&price_out=10&max_tokens=50"
FAVOURITE = "tests.matchmaking.counting:favourite"


def planned(run: Session, names: list[str], judge: str, orders: int = 2, repeats: int = 1) -> Estimate:
    contenders = [run.open(name, Contender) for name in names]
    plan = Plan(Suite("s", "1", PROMPTS), PROMPTS, [c.name for c in contenders], orders, repeats, 0)
    return estimate(contenders, run.open(judge, Judge), plan, "all", 0, Sampling())  # type: ignore[arg-type]


async def test_figures_by_hand(tmp_path: Path) -> None:
    async with serving() as server:
        run = session(tmp_path)
        a, b, j = (f"{server.base}#test-model{PRICED}&seed={seed}" for seed in (1, 2, 3))
        await answers(run, b, PROMPTS[:15])
        found = planned(run, [a, f"best_of_n?n=4&base=({b})&scorer={FAVOURITE}"], f"pairwise?model=({j})")
        await run.close()
    assert (found.contests, found.asks) == (20, 40)
    first, decoder, judge = found.loads
    assert (first.calls, first.kept, first.tokens_in, first.tokens_out) == (20, 0, 200, 1000)
    assert first.money == pytest.approx((200 * 1 + 1000 * 10) / 1e6)
    # four drafts an answer, priced by the base; drafts that are kept are not looked at
    assert (decoder.calls, decoder.tokens_in, decoder.tokens_out) == (80, 800, 4 * 20 * 400)
    assert decoder.money == pytest.approx((800 * 1 + 32_000 * 10) / 1e6)
    # both answers taken to be 400 tokens, and 300 of instructions
    assert (judge.calls, judge.tokens_in, judge.tokens_out) == (40, 40 * (10 + 800 + 300), 40 * 400)
    assert found.calls == 20 + 80 + 40
    assert found.money == pytest.approx(sum(load.money or 0 for load in found.loads))
    assert any("80 calls" in line for line in found.lines())


async def test_recorded_answers_are_no_calls_and_nobody_claims_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"prompt": prompt.text, "output": f"answer {n}"} for n, prompt in enumerate(PROMPTS)]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    claimed: list[str] = []
    held = Ledger.claim

    async def claim(self: Ledger, keys: Iterable[str], owner: str, seconds: float = 60) -> set[str]:
        claimed.extend(keys := list(keys))
        return await held(self, keys, owner, seconds)

    monkeypatch.setattr(Ledger, "claim", claim)
    async with serving() as server:
        run = session(tmp_path)
        run.door.budget = Budget.of("12calls")
        found = planned(run, [str(file), f"{server.base}#test-model"], "exact?answer=x")
        assert (found.loads[0].calls, found.loads[0].kept, found.loads[1].calls) == (0, 20, 20)
        assert f"  recorded:{file}: 20 answers in hand" in found.lines()
        assert len(await answers(run, str(file), PROMPTS)) == 20
        assert (run.door.budget.spent_calls, claimed) == (0, [])
        assert len(await answers(run, f"{server.base}#test-model", PROMPTS)) == 12
        await run.close()
    assert len(claimed) == 20


async def test_what_is_kept_is_not_planned_again(tmp_path: Path) -> None:
    async with serving() as server:
        run = session(tmp_path)
        a, b = (f"{server.base}#test-model?seed={seed}" for seed in (1, 2))
        await answers(run, a, PROMPTS[:15])
        found = planned(run, [a, b], f"pairwise?model=({a})", orders=1, repeats=3)
        await run.close()
    assert [(load.calls, load.kept) for load in found.loads] == [(5, 15), (20, 0), (60, 0)]
    assert found.money is None
    assert "price unknown" in found.lines()[1]


@pytest.mark.parametrize("name", ["{a}", "best_of_n?n=2&base=({a})&scorer=" + FAVOURITE])
async def test_a_money_budget_needs_every_price_below_decoders_too(tmp_path: Path, name: str) -> None:
    run = session(tmp_path)
    priced, free = f"http://localhost:1/v1#m{PRICED}", "http://localhost:1/v1#m"
    for model, known in ((priced, True), (free, False)):
        found = planned(run, [name.format(a=model), f"{priced}&seed=1"], f"pairwise?model=({priced})")
        if known:
            refuse_unknown_prices(Budget.of("1usd"), found)
        else:
            refuse_unknown_prices(Budget.of("100calls"), found)
            with pytest.raises(BadInput, match="price unknown"):
                refuse_unknown_prices(Budget.of("1usd"), found)
    await run.close()


async def test_a_probe_reaches_through_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "wrong")
    async with serving(Behaviour(keys=frozenset({"right"}))) as server:
        run = session(tmp_path)
        base = f"{server.base}#test-model?key=env:TEST_KEY"
        decoder = run.open(f"best_of_n?n=2&base=({base})&scorer={FAVOURITE}", Contender)
        with pytest.raises(Fatal, match="TEST_KEY"):
            await probe([decoder], PROMPTS)  # type: ignore[list-item]
        await run.close()


async def test_a_server_that_only_limits_is_not_said_to_be_down(tmp_path: Path) -> None:
    async with serving(Behaviour(most_at_once=0)) as server:
        run = session(tmp_path)
        contender = run.open(f"{server.base}#test-model", Contender)
        with pytest.raises(Fatal, match="wait, or ask the server for a higher limit") as caught:
            await probe([contender], PROMPTS)  # type: ignore[list-item]
        await run.close()
    assert "start the server" not in str(caught.value)
    assert len(str(caught.value)) <= 200


async def test_prompts_beyond_the_window_are_counted(tmp_path: Path) -> None:
    async with serving(Behaviour(context=9)) as server:
        run = session(tmp_path)
        contender = run.open(f"{server.base}#test-model", Contender)
        (warning,) = await probe([contender], [*PROMPTS, Prompt((user("short"),))])  # type: ignore[list-item]
        await run.close()
    assert "20 prompts" in warning


@pytest.mark.parametrize(
    "settings", [{"limit": 0}, {"limit": -3}, {"repeats": 0}, {"orders": 3}, {"orders": 0}, {"rounds": -1}]
)
def test_settings_that_ask_nothing_are_refused(
    start_server: Start, tmp_path: Path, settings: dict[str, int]
) -> None:
    server = start_server(Behaviour(models=("a", "b", "judge")))
    names = [f"{server.base}#{name}" for name in ("a", "b")]
    with pytest.raises(BadInput, match=f"{next(iter(settings))}="):
        compare(
            *names,
            judge=f"pairwise?model=({server.base}#judge)",
            suite=Suite("s", "1", PROMPTS),
            ledger=tmp_path / "l.sqlite",
            folder=tmp_path,
            **settings,  # type: ignore[arg-type]
        )
    assert server.stats.requests == 0
