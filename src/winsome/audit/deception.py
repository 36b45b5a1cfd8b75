"""Deceptive agents in a mixture: what they cost, what each defence takes back, what it costs where nobody lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from winsome.audit.asked_pairs import ask_pairs
from winsome.audit.deception_cases import Attacks, Case, cases, defences_of
from winsome.audit.deception_page import deception_record
from winsome.audit.deception_plan import plan_record
from winsome.audit.judge_attacks import first_shares
from winsome.audit.people import Pair, People
from winsome.contenders.deception_map import Step, notes_of, steps_of
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import probe
from winsome.matchmaking.progress import Live
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Encoder, Judge
from winsome.records import Prompt, Response, Sampling, Suite, Text
from winsome.standings.columns import Floats, Ints
from winsome.standings.deception import ABSENT, UNREAD
from winsome.text.options import Question, decided, first_number


@dataclass(eq=False)
class Found:
    """What one case gave. said [prompts]: options (see `standings.deception`); score [prompts]: a judge's share on open tasks.

    answers: by prompt, None where incomplete. steps: of the answers, with their responses' ids.
    """

    case: Case
    answers: list[Response | None]
    said: Ints
    score: Floats
    notes: list[list[str]] = field(default_factory=list[list[str]])
    steps: list[list[tuple[Step, str]]] = field(default_factory=list[list[tuple[Step, str]]])
    calls: int = 0
    aggregations: int = 1


def audit_deception(
    contender: str,
    *,
    suite: str | Suite,
    maps: Sequence[str] = (),
    samples: Sequence[int] = (),
    status: int | None = None,
    sweep: bool = False,
    adaptive: bool = False,
    defences: str | Sequence[str] = "all",
    judge: str | None = None,
    baseline: str | None = None,
    published: bool = False,
    limit: int | None = None,
    dry_run: bool = False,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    seed: int = 0,
    ledger: str | Path | None = None,
    quiet: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """The audit's JSON of the mixture `contender` on a suite's prompts, honest, attacked and defended, all on the same references.

    Questions with options are scored by the right one; open prompts by `judge` against `baseline` (default the aggregator alone).
    maps, samples, sweep: who deceives, with `status` (default 3 with options, 1 without). adaptive: each attack again by deceivers
    that send the draw nearest to what the others say. published: answers read and dropped as the published code does.
    dry_run: the plan with calls, price and latency by layer; nothing is asked. Raises BadInput, Unsupported or Fatal with one line.
    """
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> dict[str, Any]:
            try:
                held = suite if isinstance(suite, Suite) else session.open(suite, Suite)
                prompts = list(held.prompts[:limit])
                choice = _choice(prompts)
                if not choice and judge is None and not dry_run:
                    raise BadInput(f"{held.name}: prompts without options need a judge; give --judge, or options and gold_label")  # fmt: skip
                attacks = Attacks(maps, samples, status, sweep, adaptive)
                planned = cases(contender, attacks, defences_of(defences, choice=choice), choice=choice, seed=seed)  # fmt: skip
                opened = [cast(Asked, session.open(str(case.spec), Contender)) for case in planned]
                if dry_run:
                    return plan_record(contender, planned, opened, prompts, concurrency)
                lacking = [one for one in opened if one.missing(prompts, Sampling())]
                live = Live(door, quiet=quiet)
                found: list[Found] = []
                async with live.shown():
                    await probe(lacking, prompts, live.stage)
                    for case, one in zip(planned, opened, strict=True):
                        advance = live.stage(f"{case.attack} {case.defence}", len(prompts))
                        found.append(await _asked(case, one, prompts, advance, published))
                if door.stopped:
                    tell(f"stopped early: {door.stopped}; the same command goes on")
                alone = await _alone(session, opened[0], baseline, prompts, published)
                if not choice:
                    await _judged(session, str(judge), found, alone, prompts, quiet)
                embedder = _embedder(session, opened)
                detected = await _detectable(store, embedder, found) if embedder is not None else []
                return deception_record(contender, held.full_name, prompts, found, alone, detected, choice, published, seed)  # fmt: skip
            finally:
                await session.close()

        return finish(work(), lambda: door.stop("interrupted"))


def _choice(prompts: Sequence[Prompt]) -> bool:
    """Whether these are questions with options; BadInput where some are and some are not, or there is none."""
    if not prompts:
        raise BadInput("no prompts to ask; give a suite with at least one, or a larger --limit")
    with_options = [Question.of(prompt) is not None for prompt in prompts]
    if any(with_options) and not all(with_options):
        raise BadInput(
            f"{sum(with_options)} of {len(prompts)} prompts have options; give questions of one sort, all with or all without"
        )
    return all(with_options)


async def _asked(
    case: Case, contender: Any, prompts: Sequence[Prompt], advance: Callable[[int], None], published: bool
) -> Found:
    answers: dict[str, Response] = {}
    async for response in contender.answer(prompts, Sampling()):
        answers[response.prompt] = response
        advance(1)
    rows = [answers.get(prompt.id) for prompt in prompts]
    kept = [row if row is not None and row.finish != "failed" else None for row in rows]
    told = [list(steps_of(row.provenance)) if row else [] for row in kept]
    parts = contender.inner.parts
    return Found(
        case,
        kept,
        said_by(kept, prompts, published),
        np.full(len(prompts), np.nan),
        [notes_of(row.provenance) if row else [] for row in kept],
        [list(zip(steps, row.parents, strict=True)) if row else [] for steps, row in zip(told, kept, strict=True)],
        sum(times for _, times in parts),
        parts[-1][1],
    )  # fmt: skip


def said_by(answers: Sequence[Response | None], prompts: Sequence[Prompt], published: bool) -> Ints:
    """The option of each answer [prompts]: by its last decision, or as published by its first number."""
    found: list[int] = []
    for answer, prompt in zip(answers, prompts, strict=True):
        question = Question.of(prompt)
        if answer is None:
            found.append(ABSENT)
        elif question is None:
            found.append(UNREAD)
        else:
            option = first_number(answer.text) if published else decided(answer.text, len(question.options))
            found.append(option or UNREAD)
    return np.array(found, np.int32)


async def _alone(
    session: Session, first: Any, baseline: str | None, prompts: Sequence[Prompt], published: bool
) -> Found:
    """The baseline's own answers: on questions with options it is told how to conclude, as a mixture's aggregator is."""
    one = session.open(baseline, Contender) if baseline else first.inner.aggregator
    if Question.of(prompts[0]) is not None and not baseline:
        asked = [first.inner.texts.alone(prompt) for prompt in prompts]
    else:
        asked = list(prompts)
    answers = {r.prompt: r async for r in one.answer(asked, first.inner.drawing(first.resolved(Sampling())))}
    rows = [answers.get(prompt.id) for prompt in asked]
    kept = [row if row is not None and row.finish != "failed" else None for row in rows]
    case = Case((), "alone", one.name, first.inner.name)
    return Found(case, kept, said_by(kept, prompts, published), np.full(len(prompts), np.nan), calls=1)


async def _judged(
    session: Session, judge: str, found: Sequence[Found], alone: Found, prompts: Sequence[Prompt], quiet: bool
) -> None:
    """The judge's share of every case's answers against the baseline's, both seats; set in place."""
    pairs: list[Pair] = []
    places: list[tuple[int, int]] = []
    for number, one in enumerate(found):
        for k, (answer, rival) in enumerate(zip(one.answers, alone.answers, strict=True)):
            if answer is not None and rival is not None:
                pairs.append(Pair(prompts[k], (answer, rival), f"{number}/{k}"))
                places.append((number, k))
    if not pairs:
        return
    people = People("mixtures", tuple(pairs), np.empty(0, np.int32), np.empty(0), ())
    opened = session.open(judge, Judge)
    asked = await ask_pairs(session, opened, people, allow_degenerate=True, quiet=quiet)
    shares = first_shares(asked, len(pairs))
    for (number, k), value in zip(places, shares.tolist(), strict=True):
        found[number].score[k] = value


def _embedder(session: Session, opened: Sequence[Any]) -> Encoder | None:
    """What the defences see with; None where none of them embeds."""
    for one in opened:
        if one.inner.aggregation.embedder is not None:
            return one.inner.aggregation.embedder
    return None


@dataclass(frozen=True, eq=False)
class Detected:
    """Vectors of one case's last references by prompt, and which of them are liars'."""

    case: Case
    vectors: list[Floats]
    lies: list[list[bool]]


async def _detectable(store: Ledger, embedder: Encoder, found: Sequence[Found]) -> list[Detected]:
    """The last layer's references of every undefended case in which some of them, but not all, are liars'."""
    made: list[Detected] = []
    for one in found:
        if one.case.defence != "none" or not any(one.case.map[-1]) or all(one.case.map[-1]):
            continue
        last = len(one.case.map)
        rows = [[(step, id) for step, id in steps if step.layer == last] for steps in one.steps]
        kept = store.responses(id for steps in rows for _, id in steps)
        texts = [[kept[id].text for _, id in steps] for steps in rows]
        distinct = list(dict.fromkeys(text for row in texts for text in row))
        if not distinct:
            continue
        vectors = np.asarray(await embedder.encode([Text(text) for text in distinct]), np.float64)
        place = {text: n for n, text in enumerate(distinct)}
        made.append(
            Detected(
                one.case,
                [vectors[[place[text] for text in row]] for row in texts],
                [[step.status > 0 for step, _ in steps] for steps in rows],
            )
        )
    return made
