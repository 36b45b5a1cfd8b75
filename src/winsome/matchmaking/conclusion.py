"""A comparison's end: standings of what was judged, and the run folder that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from winsome import specs
from winsome.errors import BadInput
from winsome.matchmaking.asks import Plan, battles_frame
from winsome.matchmaking.baselines import Baselines
from winsome.matchmaking.door import Asked
from winsome.matchmaking.drift import garbled, warnings_of
from winsome.matchmaking.families import shared_family
from winsome.matchmaking.figures import figure
from winsome.matchmaking.judge_cards import card_of
from winsome.matchmaking.judge_errors import with_judge_noise
from winsome.matchmaking.judging import Judging
from winsome.matchmaking.people import PeopleJudging
from winsome.matchmaking.preflight import Estimate
from winsome.matchmaking.rules import BOTH
from winsome.matchmaking.run_folder import FORMAT, now, outcome_counts, reasons, versions, write
from winsome.matchmaking.schedule import simultaneous
from winsome.matchmaking.session import Session, new_folder
from winsome.matchmaking.settings import Settings
from winsome.protocols import Judge
from winsome.records import digest, total
from winsome.standings.battles import Battles
from winsome.standings.combine import combine
from winsome.standings.sequential import anytime, mixed
from winsome.standings.table import Standings
from winsome.standings.win_rate import win_rate


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. `record` is run.json; `complete` is False where the plan has holes."""

    folder: Path
    standings: Standings
    battles: Battles
    record: Mapping[str, Any]

    @property
    def complete(self) -> bool:
        return not self.holes

    @property
    def holes(self) -> dict[str, int]:
        """Outcome -> contests that asking again may fill; none is void by rule, or beyond what people were to label."""
        counts, people = self.record["counts"], self.record.get("people")
        failed = any(
            row["reason"].startswith("void") and not row["reason"].startswith(f"void: {BOTH}")
            for row in self.record["dropped"]
        )
        # pairs beyond the drawn ones, or beyond the wanted interval, were never to be labelled
        wanted = {"unparsed": True, "void": failed, "not asked": not (people and people["enough"])}
        return {outcome: counts[outcome] for outcome, holes in wanted.items() if holes and counts[outcome]}

    def _repr_html_(self) -> str:
        return self.standings._repr_html_()  # pyright: ignore[reportPrivateUsage]


@dataclass(frozen=True)
class Found:
    """Everything from which a comparison is concluded."""

    session: Session
    plan: Plan
    judging: Judging | PeopleJudging
    contenders: Sequence[Asked]
    baseline: Baselines | None
    settings: Settings
    planned: Estimate
    warnings: Sequence[str]
    command: str
    started: str


def concluded(found: Found, seconds: float) -> Comparison:
    """Standings of what was judged, written to a fresh run folder."""
    session, plan, judging, settings = found.session, found.plan, found.judging, found.settings
    judge, suite = judging.judge, plan.suite
    asks = plan.frame(judge.name)
    rows = Battles.from_frame(battles_frame(asks), name="the verdicts")
    rows = found.baseline.pool(rows, plan.names) if found.baseline else rows
    battles = combine(rows)
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
    baseline = found.baseline.label if found.baseline else None
    standings = (
        figure(suite.figure, rows, asks, baseline, seed=settings.seed)
        if suite.figure not in ("", "win-rate")
        else with_judge_noise(win_rate(battles, baseline=baseline, seed=settings.seed), rows)
    ).named(suite.full_name, _label(judge))
    if isinstance(judging, PeopleJudging) and judging.decided:
        standings = mixed(standings, judging.best_at)
    elif settings.stop_when == "decided":
        standings = anytime(standings, battles, level=simultaneous(standings.level, len(plan.names) - 1))
    folder = new_folder(session.folder, "-vs-".join(specs.parse(name).address or name for name in plan.names))
    counts = outcome_counts(battles)
    warnings = [
        *found.warnings,
        *warnings_of([ask for ask in plan.asks if not ask.cached], judge.name),
        *(line for model in getattr(judging, "models", ()) for line in garbled(model.tally, model.name)),
        *([f"stopped early: {session.door.stopped}"] if session.door.stopped else []),
    ]
    record: dict[str, Any] = {
        "format": FORMAT,
        "id": folder.name,
        "command": found.command,
        "started": found.started,
        "finished": now(),
        "seconds": seconds,
        "seed": settings.seed,
        "figure": standings.name,
        "suite": {
            "name": suite.name, "version": suite.version, "licence": suite.licence, "source": suite.source,
            "prompts": len(suite.prompts), "prompt_set": digest(sorted(prompt.id for prompt in suite.prompts)),
        },
        "contenders": [{"name": c.name, "id": c.id, "label": getattr(c.inner, "label", c.name)} for c in found.contenders],
        "judge": {"name": judge.name, "id": judge.id, "label": _label(judge), "note": getattr(judge, "note", ""), "served_by": served,
                  "card": card_of(judge.id)},
        "baseline": baseline,
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
    if isinstance(judging, PeopleJudging):
        record["people"] = judging.told()
    write(folder, record, asks, battles.to_frame())
    session.ledger.put_run(folder.name, record)
    return Comparison(folder, standings, battles, record)


def _label(judge: Judge) -> str:
    return getattr(judge, "label", judge.name)


def _shown(settings: Settings) -> dict[str, Any]:
    values = {
        name: getattr(settings, name)
        for name in ("schedule", "rounds", "limit", "budget", "concurrency", "engine", "stop_when")
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
    family = shared_family(_label(found.judging.judge), [c.name for c in found.contenders])
    if family is not None:
        notes.append(f"judge and {family[1]} are both {family[0]}: it may prefer its own")
    for contender in found.contenders:
        selected_by = set(getattr(contender.inner, "selected_by", ()))
        if judged_by & selected_by:
            notes.append(
                f"{contender.name} selects with {', '.join(sorted(judged_by & selected_by))}, which also serves the judge"
            )
        rests = getattr(contender.inner, "rests_on", None)
        if rests is not None:
            number = found.plan.names.index(contender.name)
            held = found.session.ledger.responses(
                answer.response for answer in found.plan.answers[number].values()
            )
            notes += [f"{contender.name}: {line}" for line in [rests(list(held.values()))] if line]
    return notes
