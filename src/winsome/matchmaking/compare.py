"""The main job: ask the contenders, schedule matches, ask the judge, rank; every answer and verdict kept in the ledger."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from winsome import specs
from winsome.errors import BadInput
from winsome.judges.human import HUMAN_ID
from winsome.ledger.store import Ledger
from winsome.matchmaking import baselines
from winsome.matchmaking import schedule as schedules
from winsome.matchmaking.asks import Plan
from winsome.matchmaking.baselines import Baselines, lacking
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.conclusion import Comparison, Found, concluded
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.figures import check_figure
from winsome.matchmaking.judging import Alarms, Judging
from winsome.matchmaking.loops import finish
from winsome.matchmaking.people import People, PeopleJudging
from winsome.matchmaking.preflight import Estimate, Load, estimate, probe, refuse_unknown_prices
from winsome.matchmaking.progress import Live
from winsome.matchmaking.rounds import Answering, play
from winsome.matchmaking.run_folder import now
from winsome.matchmaking.session import Session
from winsome.matchmaking.settings import Name, ScheduleName, Settings
from winsome.protocols import Judge
from winsome.records import Sampling, Suite

__all__ = ["Comparison", "Name", "compare", "compared"]


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
    stop_when: Literal["decided"] | None = None,
    ledger: str | Path | None = None,
    folder: str | Path = ".winsome/runs",
    command: str = "",
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
    people: People | None = None,
) -> Comparison:
    """The win rates of `contenders` on the prompts of `suite` by `judge`; goes on where an earlier call was stopped.

    contenders, judge, suite: names (specs or paths). Without a suite the prompts come from the contenders' own files.
    schedule: all pairs (default), everybody against `baseline` (default where one is given), swiss, or the pairs with
    the most information; `rounds` for the last two. orders: 2 shows every pair in both orders (default: the suite's);
    repeats: asks in each order. limit: the first prompts only. sampling: defaults for contenders whose name does not say.
    stop_when: "decided" asks prompts in blocks, drawn by the seed, until every contender is told from the baseline (or the two from
    each other); the intervals then hold however often one looks; people's labels end there too. budget: "5usd", "2000calls", "20min"; what it leaves unasked is counted. confirm: asked once with the plan before
    anything is bought; False ends with BadInput. people: how judge "human" asks them.
    Raises BadInput, Unsupported or Fatal with one line; KeyboardInterrupt after what was bought is kept.
    """
    settings = Settings(
        judge, suite, baseline, schedule, rounds, orders, repeats, limit, sampling or Sampling(), budget, concurrency,
        rpm, tpm, engine, seed, allow_missing, allow_mixed_judge, allow_degenerate, stop_when,
        people,
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
        return finish(work, lambda: door.stop("interrupted"), lambda: door.labelling)


async def _compare(
    session: Session,
    names: Sequence[str | Mapping[str, Any]],
    settings: Settings,
    command: str,
    quiet: bool,
    confirm: Callable[[Estimate], bool] | None,
) -> Comparison:
    try:
        return await compared(session, names, settings, command, quiet, confirm)
    finally:
        await session.close()


async def compared(
    session: Session,
    names: Sequence[str | Mapping[str, Any]],
    settings: Settings,
    command: str,
    quiet: bool,
    confirm: Callable[[Estimate], bool] | None = None,
) -> Comparison:
    """`compare` within a session that others go on using: neither it nor its ledger is closed."""
    started, clock = now(), time.monotonic()
    suite = _suite(session, names, settings)
    if settings.schedule in (None, "baseline") and settings.baseline is None and suite.baseline:
        names = [*names, *lacking(suite.baseline, [str(specs.parse(name)) for name in names])]
    contenders = _contenders(session, names, settings)
    left_out = [*_aligned(contenders, suite, settings.limit is not None)]
    judge = judge_of(session, settings.judge, suite)
    baseline = _baseline(settings, suite, contenders)
    # people see a pair once, whatever a judge beside them is asked
    once = judge.id == HUMAN_ID
    orders = 1 if once else settings.orders or (suite.orders if judge.ordered else 1)
    repeats = 1 if once else settings.repeats
    plan = Plan(suite, suite.prompts, [c.name for c in contenders], orders, repeats, settings.seed)
    check_figure(suite.figure, baseline and baseline.label, judge)
    kind = settings.schedule or ("all" if baseline is None else "baseline")
    contests = baseline.contests(len(contenders)) if baseline and kind == "baseline" else None
    judging = _judging(session, plan, judge, settings, kind)
    helped = judging.assist if isinstance(judging, PeopleJudging) else None
    asked = (judge, plan) if helped is None else (helped.judge, helped.plan)
    planned = estimate(contenders, *asked, kind, settings.rounds, settings.sampling, contests)
    if helped is not None:
        planned = replace(planned, loads=(*planned.loads, Load(judge.name, planned.contests, 0, 0, 0, 0.0)))
    refuse_unknown_prices(session.door.budget, planned)
    if confirm is not None and not confirm(planned):
        raise BadInput("nothing was asked: the plan was not confirmed; --yes goes on without asking")
    missing = [c for c, load in zip(contenders, planned.loads, strict=False) if load.calls]
    live = Live(session.door, quiet=quiet)
    async with live.shown():
        probed = await probe([*missing, *(judging.models if missing else ())], suite.prompts, live.stage)
        judging.probed = bool(missing)
        answering = Answering(contenders, plan, settings.sampling, live)
        await play(answering, judging, _schedule(kind, baseline, plan, settings), planned.asks)
    found = Found(
        session,
        plan,
        judging,
        contenders,
        baseline,
        settings,
        planned,
        [*left_out, *probed],
        command,
        started,
    )
    return concluded(found, time.monotonic() - clock)


def _contenders(
    session: Session, names: Sequence[str | Mapping[str, Any]], settings: Settings
) -> list[Asked]:
    parsed = [specs.parse(name) for name in names]
    if settings.allow_missing:
        loose = {"allow_missing": "true"}
        parsed = [
            replace(s, settings=loose | dict(s.settings)) if s.kind == "recorded" else s for s in parsed
        ]
    contenders = [session.asked(spec) for spec in parsed]
    if len(contenders) < 2:
        raise BadInput("compare needs two contenders or more: winsome compare A B --judge J")
    seen: set[str] = set()
    for contender in contenders:
        if contender.name in seen:
            raise BadInput(
                f'"{contender.name}" is named twice; give each contender once, or tell them apart by ?seed='
            )
        seen.add(contender.name)
    return contenders


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


def _aligned(contenders: Sequence[Asked], suite: Suite, cut: bool) -> Iterator[str]:
    """Puts recorded answers beside the prompts; a line for every file with records that none takes, unless prompts were `cut`."""
    for contender in contenders:
        align = getattr(contender.inner, "align", None)
        if align is not None:
            unused = align(suite.prompts).unused
            if unused and not cut:
                told = f"{unused} of its records belong to none of the {len(suite.prompts)} prompts of {suite.full_name}"
                yield f"{contender.name}: {told} and are left out; name that file first, or give a suite with all prompts"


def judge_of(session: Session, named: Name | None, suite: Suite) -> Judge:
    """The judge `named`, by the protocol of `suite` where it is a model alone, else the suite's own; BadInput where there is none."""
    name = named or suite.judge
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
    if named is None and "model" in _required(spec) and "model" not in spec.settings:
        raise BadInput(
            f"suite {suite.name[:40]} fixes how to judge ({str(spec)[:60]}), not who: give --judge openai:MODEL or "
            f"http://host:8000/v1#MODEL"
        )
    return session.open(spec, Judge)


def _judging(
    session: Session, plan: Plan, judge: Judge, settings: Settings, kind: ScheduleName
) -> Judging | PeopleJudging:
    """Who asks the judge; people are asked by a page."""
    alarms = Alarms(session.door, settings.allow_degenerate)
    if judge.id != HUMAN_ID:
        if settings.people is not None:
            raise BadInput(
                f"judge {judge.name} is no person; --assist and what people are asked need --judge human"
            )
        return Judging(plan, judge, session.ledger, session.door, alarms)
    people = settings.people
    if people is None:
        raise BadInput(
            'judge "human" needs somebody to ask: use winsome compare --judge human, or import a filled-in sheet'
        )
    if kind not in ("all", "baseline"):
        raise BadInput(
            "people label pairs that are drawn beforehand: leave out --schedule but all and baseline"
        )
    decided = settings.stop_when == "decided"
    if decided and len(plan.names) != 2:
        raise BadInput(
            f"--stop-when decided follows two contenders that people compare, not {len(plan.names)}; leave it out"
        )
    if people.assist is None:
        return PeopleJudging(plan, judge, session.ledger, session.door, people, None, decided)
    if len(plan.names) != 2:
        raise BadInput(
            f"--assist joins a judge with people for two contenders, not {len(plan.names)}; compare them pair by pair"
        )
    helper = judge_of(session, people.assist, plan.suite)
    if helper.id == HUMAN_ID:
        raise BadInput("--assist human: people cannot assist themselves; name a judge such as embedded:judge")
    orders = settings.orders or (plan.suite.orders if helper.ordered else 1)
    own = Plan(plan.suite, plan.prompts, plan.names, orders, settings.repeats, plan.seed, plan.answers)
    assist = Judging(own, helper, session.ledger, session.door, alarms)
    return PeopleJudging(plan, judge, session.ledger, session.door, people, assist, decided)


def _required(spec: specs.Spec) -> list[str]:
    """The settings without which a judge of this kind cannot be made."""
    factory = specs.factory_of(spec, "Judge")
    known = {} if factory is None else specs.settings_of(factory)
    return [name for name, setting in known.items() if setting.default is inspect.Parameter.empty]


def _baseline(settings: Settings, suite: Suite, contenders: Sequence[Asked]) -> Baselines | None:
    """Whom the figure measures against: the flag's, else the suite's unless another schedule was asked for."""
    names = [contender.name for contender in contenders]
    if settings.baseline is None:
        if suite.baseline and settings.schedule in (None, "baseline"):
            return baselines.of_suite(suite.baseline, names, suite.prompts, suite.name)
        if settings.schedule == "baseline":
            raise BadInput("schedule baseline needs --baseline NAME, one of the contenders")
        return None
    wanted = str(specs.parse(settings.baseline))
    if wanted not in names:
        raise BadInput(
            f'baseline "{wanted}" is no contender of this run; name one of {", ".join(names)[:100]}'
        )
    return baselines.single(wanted, names, len(suite.prompts))


def _schedule(
    kind: ScheduleName, baseline: Baselines | None, plan: Plan, settings: Settings
) -> schedules.Schedule:
    if settings.stop_when == "decided" and settings.people is None:
        if baseline is not None and baseline.pooled:
            raise BadInput("--stop-when decided measures against one baseline; name it by --baseline NAME")
        if baseline is None and len(plan.names) > 2:
            raise BadInput(
                "--stop-when decided with more than two contenders needs --baseline NAME to tell them from"
            )
        base = baseline.numbers[0] if baseline else 1
        return schedules.until_decided(base)(
            len(plan.prompts), len(plan.names), settings.seed, settings.rounds
        )
    makers: dict[str, Callable[..., schedules.Schedule]] = {
        "all": schedules.all_pairs,
        "swiss": schedules.swiss,
        "information": schedules.most_information,
    }
    maker = baseline.schedule if kind == "baseline" and baseline else makers[kind]
    return maker(len(plan.prompts), len(plan.names), settings.seed, settings.rounds)
