"""Before the first paid call: what will be asked and what it may cost, and one small call to each server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from winsome.errors import BadInput, Fatal, RateLimited, Transient
from winsome.matchmaking.asks import Plan
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import TRIES, Asked
from winsome.protocols import Judge
from winsome.records import Prompt, Sampling

Stage = Callable[[str, int], Callable[[int], None]]
"""Makes a bar of a title and a total; what it returns moves the bar on."""

CHARACTERS_A_TOKEN = 3.5
ANSWER_TOKENS = 400
"""Assumed length of an answer where `max_tokens` does not bound it; verdicts are assumed this long too at most."""


@dataclass(frozen=True)
class Load:
    """What one contender or the judge will be asked. `money` is None where a price is unknown, 0.0 for local work."""

    name: str
    calls: int
    kept: int
    tokens_in: int
    tokens_out: int
    money: float | None
    window: int | None = None
    free: bool = False


@dataclass(frozen=True)
class Estimate:
    """The plan before it is asked; tokens are characters / 3.5, answers assumed `ANSWER_TOKENS` long, and said to be so."""

    contests: int
    asks: int
    loads: tuple[Load, ...]

    @property
    def money(self) -> float | None:
        known = [load.money for load in self.loads]
        return None if None in known else sum(m for m in known if m is not None)

    @property
    def calls(self) -> int:
        return sum(load.calls for load in self.loads)

    def lines(self) -> list[str]:
        """The plan as a person reads it."""
        lines = [f"plan: {self.contests:,} contests, {self.asks:,} asks of the judge at most"]
        for load in self.loads:
            if load.free:
                lines.append(f"  {load.name}: {load.kept:,} answers in hand")
                continue
            money = (
                "price unknown"
                if load.money is None
                else f"about {load.money:.2f} usd"
                if load.money
                else "no charge"
            )
            kept = f", {load.kept:,} kept" if load.kept else ""
            tokens = (load.tokens_in + load.tokens_out) / 1000
            lines.append(f"  {load.name}: {load.calls:,} calls{kept}, about {tokens:,.0f}k tokens, {money}")
        return lines


def estimate(
    contenders: Sequence[Asked],
    judge: Judge,
    plan: Plan,
    kind: str,
    rounds: int,
    sampling: Sampling,
    contests: int | None = None,
) -> Estimate:
    """What the plan asks at most: missing answers, and every ask of the judge as if no verdict were kept.

    `contests`: how many there are, where `kind` alone does not say.
    """
    if contests is None:
        from winsome.matchmaking import schedule

        contests = schedule.count(kind, len(plan.prompts), len(plan.names), rounds)
    asks = contests * plan.orders * plan.repeats
    characters = [_characters(prompt) for prompt in plan.prompts]
    mean = sum(characters) / max(1, len(characters))
    loads: list[Load] = []
    for contender in contenders:
        if contender.free:
            loads.append(Load(contender.name, 0, len(plan.prompts), 0, 0, 0.0, free=True))
            continue
        missing = contender.missing(plan.prompts, sampling)
        answer = contender.resolved(sampling).max_tokens or ANSWER_TOKENS
        loads.append(
            load_of(contender, missing, len(plan.prompts) - missing, mean / CHARACTERS_A_TOKEN, answer)
        )
    shown = mean / CHARACTERS_A_TOKEN + 2 * ANSWER_TOKENS + 300
    judged = asks
    if judge.sides.start == 1 and not judge.ordered:
        # Answers are graded alone, so one that meets several opponents is asked about once.
        judged = min(asks, math.ceil(len(plan.names) * len(plan.prompts) * plan.repeats / 2))
    return Estimate(contests, asks, (*loads, *judge_loads(judge, judged, shown)))


def judge_loads(judge: Judge, asks: int, shown: float) -> list[Load]:
    """What `asks` of a judge come to by the models that write its words; `shown`: tokens that one reads."""
    models = _together(asked_models(judge))
    loads: list[Load] = []
    for model, times in models:
        named = judge.name if len(models) == 1 else f"{judge.name[:60]} ({model.name})"
        loads.append(load_of(model, math.ceil(asks * times), 0, shown, ANSWER_TOKENS, named))
    return loads or [Load(judge.name, asks, 0, 0, 0, 0.0)]


def asked_models(judge: Any, times: float = 1) -> list[tuple[Asked, float]]:
    """The contenders that write a judge's words, with how often each is asked a match; through judges made of judges.

    Below one where a call serves several matches, or a match belongs to one of several members.
    """
    if isinstance(judge, Asked):
        return [(judge, times)]
    parts = getattr(judge, "parts", None)
    if parts is None:
        model = getattr(judge, "model", None)
        return [(model, times)] if isinstance(model, Asked) else []
    return [found for part, each in parts for found in asked_models(part, times * each)]


def _together(models: Sequence[tuple[Asked, float]]) -> list[tuple[Asked, float]]:
    """Each model once, its calls added up."""
    times: dict[int, float] = {}
    for model, each in models:
        times[id(model)] = times.get(id(model), 0) + each
    return [(model, times[id(model)]) for model in {id(model): model for model, _ in models}.values()]


def _asking(asked: Asked) -> list[tuple[Asked, float]]:
    """The contenders that are called in the end, below all decoders, each with how often for one answer."""
    inner: Any = asked.inner
    base = getattr(inner, "base", None)
    parts = [(base, getattr(inner, "draws", 1))] if isinstance(base, Asked) else getattr(inner, "parts", ())
    found = [(leaf, times * each) for part, times in parts for leaf, each in _asking(part)]
    return _together(found) if found else [(asked, 1)]


def load_of(asked: Asked, calls: int, kept: int, tokens_in: float, tokens_out: float, name: str = "") -> Load:
    """What `calls` answers of a contender come to; tokens are those of one answer, decoders ask their base several times.

    A contender whose own words come back to it says in `reads` how many tokens that adds to a call on average.
    """
    total = Load(name or asked.name, 0, kept, 0, 0, 0.0)
    tokens_in += getattr(asked.inner, "reads", 0.0)
    for base, draws in _asking(asked):
        read, written = int(calls * draws * tokens_in), int(calls * draws * tokens_out)
        money = total.money
        if calls and base.host:
            price = getattr(base.inner, "price", None)
            money = None if money is None or price is None else money + price.of(read, written)
        total = replace(
            total,
            calls=total.calls + math.ceil(calls * draws),
            tokens_in=total.tokens_in + read,
            tokens_out=total.tokens_out + written,
            money=money,
        )
    return total


def _characters(prompt: Prompt) -> int:
    words = sum(len(m.text) for m in (*prompt.messages, *prompt.follow_ups)) + len(prompt.system or "")
    return words + sum(len(orjson.dumps(tool)) for tool in prompt.tools)


def refuse_unknown_prices(budget: Budget, planned: Estimate) -> None:
    """Raise BadInput where a money budget cannot be kept because a price is unknown."""
    if budget.usd is None:
        return
    for load in planned.loads:
        if load.money is None:
            raise BadInput(
                f'"{load.name}": price unknown, so a money budget cannot be kept; add ?price_in=..&price_out=..'
            )


async def _seen(contender: Asked) -> Any:
    """What the server shows, asked again where it fails for a passing reason."""
    inner: Any = contender.inner
    for attempt in range(TRIES - 1):
        try:
            return await inner.probe()
        except (Transient, RateLimited) as error:
            wait = error.retry_after if isinstance(error, RateLimited) else None
            await contender.door.pause(wait or contender.door.delay(attempt))
    try:
        return await inner.probe()
    except RateLimited as error:
        raise Fatal(
            f"{error}; {TRIES} tries before the run failed: wait, or ask the server for a higher limit"
        ) from None
    except Transient as error:
        raise Fatal(
            f"{error}; {TRIES} tries before the run failed: start the server or check the address"
        ) from None


async def probe(asked: Sequence[Asked], prompts: Sequence[Prompt], stage: Stage | None = None) -> list[str]:
    """Ask each server once; raises what is wrong with key, model or address, returns what is worth a warning.

    Prompts longer than a server's context window are counted in a warning; they come back as failed answers. `stage` shows
    that replies are waited for.
    """
    called = [leaf for contender in asked for leaf, _ in _asking(contender)]
    probing = {id(a.inner): a for a in called if hasattr(a.inner, "probe")}
    warnings: list[str] = []
    advance = stage("first replies", len(probing)) if stage and probing else None

    async def one(contender: Asked) -> None:
        seen = await _seen(contender)
        if advance:
            advance(1)
        if seen.window:
            long = sum(_characters(prompt) / CHARACTERS_A_TOKEN > seen.window for prompt in prompts)
            if long:
                warnings.append(
                    f"{contender.name}: {long} prompts seem longer than its window of {seen.window} tokens"
                )

    await asyncio.gather(*(one(contender) for contender in probing.values()))
    return warnings
