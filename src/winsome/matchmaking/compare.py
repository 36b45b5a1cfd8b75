"""The main job: ask the contenders, schedule matches, ask the judge, rank; every answer and verdict kept in the ledger."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from winsome import specs
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking import schedule as schedules
from winsome.matchmaking.asks import Ask, Plan, battles_frame
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.judging import Alarms, Judging
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import Estimate, estimate, probe, refuse_unknown_prices
from winsome.matchmaking.progress import Live
from winsome.matchmaking.rules import Answer, decided
from winsome.matchmaking.run_folder import FORMAT, outcome_counts, reasons, versions, write
from winsome.matchmaking.session import Session, new_folder
from winsome.protocols import Contender, Judge
from winsome.records import SCORED, Sampling, Suite, digest, total
from winsome.standings.battles import Battles
from winsome.standings.combine import combine
from winsome.standings.table import Standings
from winsome.standings.win_rate import win_rate

Name = str | Path | Mapping[str, Any]
ScheduleName = Literal["all", "baseline", "swiss", "information"]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. `record` is run.json; `complete` is False where the plan has holes."""

    folder: Path
    standings: Standings
    battles: Battles
    record: Mapping[str, Any]

    @property
    def complete(self) -> bool:
        counts = self.record["counts"]
        return not any(counts[outcome] for outcome in ("unparsed", "void", "not asked"))

    def _repr_html_(self) -> str:
        return self.standings._repr_html_()  # pyright: ignore[reportPrivateUsage]


@dataclass(frozen=True)
class Settings:
    """How a comparison is made; see `compare`."""

    judge: Name | None = None
    suite: Name | Suite | None = None
    baseline: str | None = None
    schedule: ScheduleName | None = None
    rounds: int = 0
    orders: int | None = None
    repeats: int = 1
    limit: int | None = None
    sampling: Sampling = Sampling()
    budget: str | None = None
    concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    engine: Literal["local", "ray"] = "local"
    seed: int = 0
    allow_missing: bool = False
    allow_mixed_judge: bool = False
    allow_degenerate: bool = False


def compare(
    *contenders: Name,
    judge: Name | None = None,
    suite: Name | Suite | None = None,
    baseline: str | None = None,
    schedule: ScheduleName | None = None,
    rounds: int = 0,
    orders: int | None = None,
    repeats: int = 1,
    limit: int | None = None,
    sampling: Sampling | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    seed: int = 0,
    allow_missing: bool = False,
    allow_mixed_judge: bool = False,
    allow_degenerate: bool = False,
    ledger: str | Path | None = None,
    folder: str | Path = ".winsome/runs",
    command: str = "",
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
) -> Comparison:
    """The win rates of `contenders` on the prompts of `suite` by `judge`; goes on where an earlier call was stopped.

    contenders, judge, suite: names (specs or paths). Without a suite the prompts come from the contenders' own files.
    schedule: all pairs (default), everybody against `baseline` (default where one is given), swiss, or the pairs with
    the most information; `rounds` for the last two. orders: 2 shows every pair in both orders (default: the suite's);
    repeats: asks in each order. limit: the first prompts only. sampling: defaults for contenders whose name does not say.
    budget: "5usd", "2000calls", "20min"; what it leaves unasked is counted. confirm: asked once with the plan before
    anything is bought; False ends with BadInput.
    Raises BadInput, Unsupported or Fatal with one line; KeyboardInterrupt after what was bought is kept.
    """
    settings = Settings(
        judge, suite, baseline, schedule, rounds, orders, repeats, limit, sampling or Sampling(), budget, concurrency,
        rpm, tpm, engine, seed, allow_missing, allow_mixed_judge, allow_degenerate,
    )  # fmt: skip
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(folder), engine)
        work = _compare(
            session,
            [str(c) if isinstance(c, Path) else c for c in contenders],
            settings,
            command,
            quiet,
            confirm,
        )
        return finish(work, lambda: door.stop("interrupted"))


async def _compare(
    session: Session,
    names: Sequence[str | Mapping[str, Any]],
    settings: Settings,
    command: str,
    quiet: bool,
    confirm: Callable[[Estimate], bool] | None,
) -> Comparison:
    started, clock = _now(), time.monotonic()
    try:
        contenders = _contenders(session, names, settings)
        suite = _suite(session, names, settings)
        for contender in contenders:
            if hasattr(contender.inner, "align"):
                contender.inner.align(suite.prompts)  # type: ignore[attr-defined]
        judge = _judge(session, settings, suite)
        baseline = _baseline(settings, suite, contenders)
        orders = settings.orders or (suite.orders if judge.ordered else 1)
        plan = Plan(
            suite, suite.prompts, [c.name for c in contenders], orders, settings.repeats, settings.seed
        )
        kind = settings.schedule or ("all" if baseline is None else "baseline")
        planned = estimate(contenders, judge, plan, kind, settings.rounds, settings.sampling)
        refuse_unknown_prices(session.door.budget, planned)
        if confirm is not None and not confirm(planned):
            raise BadInput("nothing was asked: the plan was not confirmed; --yes goes on without asking")
        missing = [c for c, load in zip(contenders, planned.loads, strict=False) if load.calls]
        judging = Judging(
            plan, judge, session.ledger, session.door, Alarms(session.door, settings.allow_degenerate)
        )
        warnings = await probe([*missing, *(judging.models if missing else ())], suite.prompts)
        judging.probed = bool(missing)
        live = Live(session.door, quiet=quiet)
        async with live.shown():
            await _generate(contenders, plan, settings.sampling, live)
            await _play(plan, judging, _schedule(kind, baseline, plan, settings), live, planned)
        found = Found(
            session, plan, judging, contenders, baseline, settings, planned, warnings, command, started
        )
        return _conclude(found, time.monotonic() - clock)
    finally:
        await session.close()


def _contenders(
    session: Session, names: Sequence[str | Mapping[str, Any]], settings: Settings
) -> list[Asked]:
    parsed = [specs.parse(name) for name in names]
    if settings.allow_missing:
        loose = {"allow_missing": "true"}
        parsed = [
            replace(s, settings=loose | dict(s.settings)) if s.kind == "recorded" else s for s in parsed
        ]
    contenders = [session.open(spec, Contender) for spec in parsed]
    if len(contenders) < 2:
        raise BadInput("compare needs two contenders or more: winsome compare A B --judge J")
    seen: set[str] = set()
    for contender in contenders:
        if contender.name in seen:
            raise BadInput(
                f'"{contender.name}" is named twice; give each contender once, or tell them apart by ?seed='
            )
        seen.add(contender.name)
    return contenders  # type: ignore[return-value]


def _suite(session: Session, names: Sequence[str | Mapping[str, Any]], settings: Settings) -> Suite:
    """The suite asked for, else the prompts of the first recorded contender; cut to `limit`."""
    if isinstance(settings.suite, Suite):
        suite = settings.suite
    elif settings.suite is not None:
        name = str(settings.suite) if isinstance(settings.suite, Path) else settings.suite
        suite = session.open(name, Suite)
    else:
        recorded = [spec for spec in map(specs.parse, names) if spec.kind == "recorded"]
        if not recorded:
            raise BadInput(
                "no prompts: give --suite NAME or FILE (winsome suites list shows those that ship)"
            )
        suite = session.open(specs.Spec("answers", recorded[0].address, {}), Suite)
    if not suite.prompts:
        raise BadInput(f"{suite.full_name}: has no prompts; give a file with at least one")
    return suite if settings.limit is None else replace(suite, prompts=suite.prompts[: settings.limit])


def _judge(session: Session, settings: Settings, suite: Suite) -> Judge:
    name = settings.judge or suite.judge
    if name is None:
        raise BadInput(
            "no judge: give --judge embedded:judge, an endpoint, or another (nothing is asked by default)"
        )
    spec = specs.parse(str(name) if isinstance(name, Path) else name)
    if (
        suite.judge is not None
        and specs.factory_of(spec, "Judge") is None
        and specs.factory_of(spec, "Contender")
    ):
        protocol = specs.parse(suite.judge)
        spec = specs.Spec(protocol.kind, protocol.address, {**protocol.settings, "model": spec})
    return session.open(spec, Judge)


def _baseline(settings: Settings, suite: Suite, contenders: Sequence[Asked]) -> str | None:
    wanted = settings.baseline or (suite.baseline if isinstance(suite.baseline, str) else None)
    if wanted is None:
        if settings.schedule == "baseline":
            raise BadInput("schedule baseline needs --baseline NAME, one of the contenders")
        return None
    wanted = str(specs.parse(wanted))
    names = [contender.name for contender in contenders]
    if wanted not in names:
        raise BadInput(
            f'baseline "{wanted}" is no contender of this run; name one of {", ".join(names)[:100]}'
        )
    return wanted


def _schedule(kind: ScheduleName, baseline: str | None, plan: Plan, settings: Settings) -> schedules.Schedule:
    makers: dict[str, Callable[..., schedules.Schedule]] = {
        "all": schedules.all_pairs,
        "swiss": schedules.swiss,
        "information": schedules.most_information,
    }
    maker = schedules.against(plan.names.index(baseline)) if kind == "baseline" and baseline else makers[kind]
    return maker(len(plan.prompts), len(plan.names), settings.seed, settings.rounds)


async def _generate(contenders: Sequence[Asked], plan: Plan, sampling: Sampling, live: Live) -> None:
    """Every contender's answer to every prompt; endpoints at the same time, local weights one after the other."""
    by_occurrence: dict[int, dict[str, int]] = {}
    for number, prompt in enumerate(plan.prompts):
        by_occurrence.setdefault(plan.occurrence[number], {})[prompt.id] = number
    plan.answers += [{} for _ in contenders]

    async def one(place: int) -> None:
        contender = contenders[place]
        advance = live.stage(contender.name, len(plan.prompts))
        for draw, numbers in by_occurrence.items():
            wanted = replace(sampling, samples=range(draw, draw + 1))
            async for response in contender.answer([plan.prompts[n] for n in numbers.values()], wanted):
                plan.answers[place][numbers[response.prompt]] = Answer.of(response)
                advance(1)

    places = range(len(contenders))
    await asyncio.gather(*(one(place) for place in places if contenders[place].batch == 1))
    for place in places:
        if contenders[place].batch != 1:
            await one(place)


async def _play(
    plan: Plan, judging: Judging, rounds: schedules.Schedule, live: Live, planned: Estimate
) -> None:
    """Rounds of the schedule, each decided by rule or judged before its shares are sent back."""
    judging.advance = live.stage(f"judge {judging.judge.name}", planned.asks)
    pairings = next(rounds)
    while True:
        contests = plan.add(pairings)
        open_asks = [ask for asks in contests if not _by_rule(plan, asks, judging) for ask in asks]
        await judging.run(open_asks)
        shares = [_share([ask.share for ask in asks if ask.outcome in SCORED]) for asks in contests]
        try:
            pairings = rounds.send(shares)
        except StopIteration:
            return


def _by_rule(plan: Plan, asks: Sequence[Ask], judging: Judging) -> bool:
    """Fill in a contest that needs no judge (a missing answer leaves it "not asked"); False where a judge must."""
    number, a, b = asks[0].pairing
    sides = [plan.answers[c].get(number) for c in (a, b)]
    if sides[0] is None or sides[1] is None:
        return True
    ruling = decided(sides[0], sides[1], plan.suite)
    if ruling is None:
        return False
    for ask in asks:
        ask.outcome, ask.share, ask.reason = ruling
        judging.advance(1)
    return True


def _share(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Found:
    """Everything from which a comparison is concluded."""

    session: Session
    plan: Plan
    judging: Judging
    contenders: Sequence[Asked]
    baseline: str | None
    settings: Settings
    planned: Estimate
    warnings: Sequence[str]
    command: str
    started: str


def _conclude(found: Found, seconds: float) -> Comparison:
    """Standings of what was judged, written to a fresh run folder."""
    session, plan, judging, settings = found.session, found.plan, found.judging, found.settings
    judge, suite = judging.judge, plan.suite
    asks = plan.frame(judge.name)
    battles = combine(Battles.from_frame(battles_frame(asks), name="the verdicts"))
    served = sorted(name for name in judging.served_by if name)
    if len(served) > 1 and not settings.allow_mixed_judge:
        raise BadInput(
            f"judge {judge.name} answered as {' and '.join(served[:3])}: figures of two judges are not one; "
            f"--allow-mixed-judge ranks them all the same"
        )
    if not battles.scored.any():
        why = reasons(plan.asks)
        reason = session.door.stopped or (why[0]["reason"] if why else "nothing was asked")
        raise BadInput(f"no verdict could be scored ({reason}); what was bought is kept: run again to go on")
    standings = win_rate(battles, baseline=found.baseline, seed=settings.seed).named(
        suite.full_name, _label(judge)
    )
    folder = new_folder(session.folder, "-vs-".join(specs.parse(name).address or name for name in plan.names))
    counts = outcome_counts(battles)
    warnings = [
        *found.warnings,
        *([f"stopped early: {session.door.stopped}"] if session.door.stopped else []),
    ]
    record: dict[str, Any] = {
        "format": FORMAT,
        "id": folder.name,
        "command": found.command,
        "started": found.started,
        "finished": _now(),
        "seconds": seconds,
        "seed": settings.seed,
        "figure": standings.name,
        "suite": {
            "name": suite.name, "version": suite.version, "licence": suite.licence, "source": suite.source,
            "prompts": len(suite.prompts), "prompt_set": digest(sorted(prompt.id for prompt in suite.prompts)),
        },
        "contenders": [{"name": c.name, "id": c.id, "label": getattr(c.inner, "label", c.name)} for c in found.contenders],
        "judge": {"name": judge.name, "id": judge.id, "label": _label(judge), "note": getattr(judge, "note", ""), "served_by": served},
        "baseline": found.baseline,
        "orders": plan.orders,
        "repeats": plan.repeats,
        "settings": _shown(settings),
        "versions": versions(),
        "usage": _usage(found),
        "counts": counts,
        "contests": len(battles),
        "asks": len(plan.asks),
        "dropped": reasons(plan.asks),
        "warnings": warnings,
        "notes": _notes(found),
        "ledger": session.ledger.url,
        "standings": standings.payload(),
    }  # fmt: skip
    write(folder, record, asks, battles.to_frame())
    session.ledger.put_run(folder.name, record)
    return Comparison(folder, standings, battles, record)


def _label(judge: Judge) -> str:
    return getattr(judge, "label", judge.name)


def _shown(settings: Settings) -> dict[str, Any]:
    values = {
        name: getattr(settings, name)
        for name in ("schedule", "rounds", "limit", "budget", "concurrency", "engine")
    }
    return values | {"sampling": settings.sampling.asked()}


def _usage(found: Found) -> dict[str, Any]:
    tallies = found.session.door.tallies
    contenders = {c.name: tallies[c.name] for c in found.contenders if c.name in tallies}
    return {
        "contenders": {
            name: tally.bought.payload() | {"asked": tally.asked, "kept": tally.kept, "failed": tally.failed,
                                            "repeated": tally.repeated, "saved": tally.saved.payload()}
            for name, tally in contenders.items()
        },
        "judge": found.judging.bought.payload(),
        "saved": total([found.judging.saved, *(tally.saved for tally in contenders.values())]).payload(),
        "errors": {name: tally.errors for name, tally in tallies.items() if tally.errors},
    }  # fmt: skip


def _notes(found: Found) -> list[str]:
    """What a reader must know of how the contenders and the judge hang together."""
    judged_by = set(getattr(found.judging.judge, "weights", ()))
    notes: list[str] = []
    for contender in found.contenders:
        selected_by = set(getattr(contender.inner, "selected_by", ()))
        if judged_by & selected_by:
            notes.append(
                f"{contender.name} selects with {', '.join(sorted(judged_by & selected_by))}, which also serves the judge"
            )
    return notes


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
