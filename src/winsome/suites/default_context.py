"""Default answers graded as if for each kind of asker, and answers that were told who asks: the grades behind the audit of defaults.

Source: Malaviya et al. 2024, Contextualized Evaluations. The values are told to the judge alone, or to contender and judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from winsome import specs
from winsome.errors import BadInput
from winsome.judges.in_context import in_context
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Judge
from winsome.records import Match, Message, Prompt, Response, Sampling, Side, Text
from winsome.standings.columns import Floats
from winsome.standings.favoured import Served, decided, served
from winsome.suites.attributes import attributes, is_given
from winsome.suites.contexts import FollowUp, in_words
from winsome.suites.contextual import OPENING, opened_suite


@dataclass(frozen=True)
class DefaultContext:
    """`default`: an attribute each, grades of answers that were told nothing; `adapted`: of answers that were told the value.

    failed: answers that did not come; unread: grades that could not be read. Prompts that lack one are left out of that attribute.
    """

    contender: str
    judge: str
    prompts: int
    default: tuple[Served, ...]
    adapted: tuple[Served, ...]
    failed: int
    unread: int


def default_context(
    contender: str,
    *,
    judge: str,
    suite: str | None = None,
    names: Sequence[str] = (),
    table_of: str | Path | None = None,
    adapted: bool = False,
    limit: int | None = None,
    sampling: Sampling | None = None,
    ledger: str | Path | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Any = "local",
    seed: int = 0,
    quiet: bool = False,
) -> DefaultContext:
    """Whom one contender's answers serve: `names` are attributes of the shipped table, or of `table_of` (default all of them).

    judge: one that grades single answers; a bare model grades from 1 to 5. adapted: answers are also asked for with each value told,
    and graded. Prompts whose words give a value are left out of its attribute. Raises BadInput for a judge of pairs alone.
    """
    chosen = attributes(names, table_of)
    prompts = list(opened_suite(suite, (contender,)).prompts)[:limit]
    with Ledger.open(ledger) as store:
        session = Session(
            Door(store, Budget.of(budget), concurrency, rpm, tpm), seed, Path(".winsome"), engine
        )

        async def work() -> tuple[Grades, Grades]:
            try:
                answering = session.open(contender, Contender)
                grading = _grading(session, judge)
                asked = sampling or Sampling()
                plain = await _graded(prompts, chosen, answering, asked, in_context(judge=grading), False)
                told = (
                    await _graded(prompts, chosen, answering, asked, grading, True) if adapted else ({}, 0, 0)
                )
                return plain, told
            finally:
                await session.close()

        plain, told = finish(work(), lambda: session.door.stop("interrupted"))
    default, follows = (
        tuple(decided([served(name, chosen[name].answers, g, seed) for name, g in grades.items()]))
        for grades, _, _ in (plain, told)
    )
    return DefaultContext(
        str(specs.parse(contender)), judge, len(prompts), default, follows, plain[1] + told[1], plain[2] + told[2]
    )  # fmt: skip


def _grading(session: Session, judge: str) -> Judge:
    spec = specs.parse(judge)
    if specs.factory_of(spec, "Judge") is None and specs.factory_of(spec, "Contender"):
        spec = specs.Spec("scored", "", {"style": "independent", "scale": 5, "model": spec})
    found = session.open(spec, Judge)
    if 1 not in found.sides:
        raise BadInput(
            f"{judge[:80]}: compares answers; name a judge that grades one, or a model (graded 1 to 5)"
        )
    return found


Grades = tuple[dict[str, Floats], int, int]
"""Attribute -> grades [prompts, values]; how many answers failed; how many grades could not be read."""


async def _graded(
    prompts: Sequence[Prompt],
    chosen: Mapping[str, FollowUp],
    contender: Contender,
    sampling: Sampling,
    judge: Judge,
    told: bool,
) -> Grades:
    """The grades of answers given with (`told`) or without the value in the prompt."""
    cells = [
        (name, row, column, _prompt(prompt, one, value, told))
        for name, one in chosen.items()
        for row, prompt in enumerate(prompts)
        if not is_given(one, prompt)
        for column, value in enumerate(one.answers)
    ]
    wanted = {cell[3].id: cell[3] for cell in cells}
    answers: dict[str, Response] = {}
    failed = 0
    async for response in contender.answer(list(wanted.values()), sampling):
        if response.finish == "failed":
            failed += 1
        else:
            answers[response.prompt] = response
    grades = {name: np.full((len(prompts), len(one.answers)), np.nan) for name, one in chosen.items()}
    # a match's id does not cover what the judge alone is told, so each value is judged by itself
    unread = 0
    for name, one in chosen.items():
        for column in range(len(one.answers)):
            asked = {
                Match(prompt, (Side(contender.name, answers[prompt.id], 0),), cluster=prompt.id): row
                for n, row, c, prompt in cells
                if n == name and c == column and prompt.id in answers
            }
            rows = {match.id: row for match, row in asked.items()}
            async for verdict in judge.judge(list(asked)):
                if verdict.outcome == "graded":
                    grades[name][rows[verdict.match], column] = verdict.scores[0]
                else:
                    unread += 1
    return grades, failed, unread


def _prompt(prompt: Prompt, follow_up: FollowUp, value: str, told: bool) -> Prompt:
    words = in_words([(follow_up.question, value)])
    if not told:
        return replace(prompt, for_judges=dict(prompt.for_judges) | {"context": words})
    *before, last = prompt.messages
    turn = Message(last.role, (*last.parts, Text(f"\n\n{OPENING}\n{words}")))
    return replace(prompt, messages=(*before, turn), parents=(prompt.id,))
