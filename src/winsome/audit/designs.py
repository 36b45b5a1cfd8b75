"""How many prompts, asks, tokens and dollars each design of a comparison needs to see a difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from winsome import specs
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.asks import battles_frame
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.preflight import ANSWER_TOKENS, CHARACTERS_A_TOKEN
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.standings import power as planning
from winsome.standings.battles import Battles
from winsome.standings.combine import combine
from winsome.standings.paired import paired_difference
from winsome.standings.power import Pilot

if TYPE_CHECKING:
    import polars as pl

    from winsome.contenders.prices import Price

PROMPT_CHARACTERS = 600
TEMPLATE_TOKENS = 300
"""Assumed length of a prompt, and of what a judge's template adds, where no run says better."""

Orders = Literal["both-orders", "one"]


@dataclass(frozen=True)
class JudgePrice:
    """What one ask of a judge takes: calls (0 for judges without a model), tokens, and US dollars (None: unknown)."""

    name: str
    calls: int
    tokens_in: float
    tokens_out: float
    money: float | None


@dataclass(frozen=True)
class Design:
    """A design that sees the difference: prompts, asks of the judge over all contenders, and what they take.

    tokens: None where no judge was named; money in US dollars, None where unknown.
    """

    name: str
    prompts: int
    asks: int
    calls: int
    tokens: float | None
    money: float | None
    orders: int
    repeats: int
    variance: float


def designs(
    detect: float,
    *,
    power: float = 0.9,
    level: float = 0.95,
    orders: Orders | None = None,
    repeats: int = 1,
    contenders: int = 2,
    pilot: Pilot | None = None,
    price: JudgePrice | None = None,
) -> list[Design]:
    """The designs that tell a win rate of 50 + `detect` points from 50 with chance `power`; one of each order, or `orders`.

    repeats: asks in each order. contenders: all that are told from one baseline together, itself counted. Without a pilot the
    asks of a prompt say the same, so asking twice buys nothing. Raises BadInput for settings out of range.
    """
    wanted = (orders,) if orders is not None else ("one", "both-orders")
    found: list[Design] = []
    for kind in wanted:
        shown = 2 if kind == "both-orders" else 1
        found.append(_design(detect, power, level, shown, repeats, contenders, pilot, price))
    return found


def _design(
    detect: float,
    chance: float,
    level: float,
    orders: int,
    repeats: int,
    contenders: int,
    pilot: Pilot | None,
    price: JudgePrice | None,
) -> Design:
    plan = planning.plan(
        detect,
        power=chance,
        level=level,
        per_prompt=orders * repeats,
        pilot=pilot,
        comparisons=contenders - 1,
    )
    asks = plan.asks * (contenders - 1)
    name = ("both orders" if orders == 2 else "one order") + (f", {repeats} repeats" if repeats > 1 else "")
    tokens = None if price is None else asks * (price.tokens_in + price.tokens_out)
    money = None if price is None or price.money is None else asks * price.money
    calls = asks if price is None else asks * price.calls
    return Design(name, plan.prompts, asks, calls, tokens, money, orders, repeats, plan.variance)


def pilot_of(folder: Path, contender: str | None = None) -> Pilot:
    """Variance and correlation within a prompt of a finished run's asks.

    contender: of more than two, who is taken against the run's baseline. Raises BadInput where the run does not say which.
    """
    record, asks = _finished(folder)
    battles = Battles.from_frame(battles_frame(asks), name=folder.name)
    return planning.pilot(_two(battles, folder.name, record.get("baseline"), contender))


def pilot_of_verdicts(path: Path, contender: str | None = None) -> Pilot:
    """The same of a file of verdicts that others made, in any format that `winsome.rank` reads."""
    from winsome.matchmaking.verdict_files import recorded

    found = recorded(path)
    if found.asks is None:
        raise BadInput(f"{path.name}: holds single grades; a pilot compares two contenders")
    return planning.pilot(_two(found.asks, path.name, found.baseline, contender))


def _two(battles: Battles, name: str, baseline: str | None, contender: str | None) -> Battles:
    """The battles of two contenders; of more, those of `contender` against the baseline."""
    present = [n for code, n in enumerate(battles.names) if ((battles.a == code) | (battles.b == code)).any()]
    if len(present) <= 2:
        return battles
    if baseline is None or contender is None:
        raise BadInput(
            f"{name}: has {len(present)} contenders; name --contender, and take a pilot with a baseline"
        )
    pair = [battles.code_of(baseline), battles.code_of(contender, "contender")]
    return battles.take(np.isin(battles.a, pair) & np.isin(battles.b, pair))


def _finished(folder: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """run.json and asks.parquet of a run."""
    import orjson
    import polars as pl

    try:
        return orjson.loads((folder / "run.json").read_bytes()), pl.read_parquet(folder / "asks.parquet")
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise BadInput(
            f"{folder}: is no finished run ({type(error).__name__}); name a run's folder"
        ) from None


def paired_design(
    folder: Path,
    first: str,
    second: str,
    detect: float,
    *,
    power: float = 0.9,
    level: float = 0.95,
    price: JudgePrice | None = None,
) -> Design:
    """The prompts at which two contenders that meet one baseline on the same prompts are told apart by `detect` points.

    The pilot in `folder` says how much of their difference is noise: what is hard or easy for both cancels, so it needs fewer
    prompts than two figures apart. Raises BadInput where the two share no prompt against the run's baseline.
    """
    record, asks = _finished(folder)
    baseline = record.get("baseline")
    if baseline is None or baseline in (first, second):
        raise BadInput(f"{folder.name}: a paired design needs a run with a --baseline other than the two")
    battles = combine(Battles.from_frame(battles_frame(asks), name=folder.name))
    found = paired_difference(battles, first, second, baseline=baseline, level=level)
    # (1 + d) / 2 lies in [0, 1]; a difference of `detect` points moves its mean by half of that.
    variance = max((found.standard_error / 200.0) ** 2 * found.n, 1e-6)
    shown = record.get("orders") or 1
    repeats = record.get("repeats") or 1
    plan = planning.plan(
        detect / 2.0,
        power=power,
        level=level,
        per_prompt=shown * repeats,
        pilot=Pilot(variance, 1.0, found.n, found.n),
    )
    asked = 2 * plan.asks
    tokens = None if price is None else asked * (price.tokens_in + price.tokens_out)
    money = None if price is None or price.money is None else asked * price.money
    name = f"paired, {first} and {second} against {baseline}"
    calls = asked if price is None else asked * price.calls
    return Design(name, plan.prompts, asked, calls, tokens, money, shown, repeats, plan.variance)


def price_of(judge: str, ledger: str | Path | None = None) -> JudgePrice:
    """What one ask of `judge` takes, by its price and assumed lengths; what it was asked before is not looked at."""
    with Ledger.open(ledger) as store:
        session = Session(Door(store))
        opened: Any = session.open(specs.parse(judge), Judge)
        model = getattr(opened, "model", None)
        if not isinstance(model, Asked):
            return JudgePrice(opened.name, 0, 0.0, 0.0, 0.0)
        price: Price | None = getattr(model.inner, "price", None)
        tokens_in = PROMPT_CHARACTERS / CHARACTERS_A_TOKEN + 2 * ANSWER_TOKENS + TEMPLATE_TOKENS
        money = 0.0 if not model.host else None
        if price is not None:
            money = price.of(round(tokens_in), ANSWER_TOKENS)
        return JudgePrice(opened.name, 1, tokens_in, ANSWER_TOKENS, money)
