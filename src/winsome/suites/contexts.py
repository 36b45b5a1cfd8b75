"""What a prompt leaves open: follow-up questions with sets of plausible answers, and one answer drawn from each.

A file of contexts has a record a prompt: prompt (or id), needed (false where nothing is open), questions: a list of {question, answers}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.fields import items, mapping, optional, wrong
from winsome.ledger.formats.reading import Source, read
from winsome.ledger.formats.writing import write_rows
from winsome.records import Prompt, digest

MOST = 10
"""Follow-up questions of one prompt, the most important first."""
NO_ANSWERS = ("other", "others", "something else", "none of the above", "not specified", "unknown", "n/a")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One question about the asker's situation with the answers that are plausible."""

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contexts:
    """All that may be asked back about one prompt; empty where it leaves nothing open."""

    follow_ups: tuple[FollowUp, ...]

    @property
    def possible(self) -> int:
        """How many different contexts can be drawn: the product of the answer sets' sizes."""
        return math.prod(len(follow_up.answers) for follow_up in self.follow_ups) if self.follow_ups else 0


def problem_of(follow_up: FollowUp) -> str:
    """What is wrong with a question and its answers; empty where nothing is."""
    if not follow_up.question.strip():
        return "no question"
    distinct = {answer.strip().casefold() for answer in follow_up.answers}
    if any(answer in NO_ANSWERS for answer in distinct):
        return "an answer that says nothing (other)"
    if "" in distinct:
        return "an empty answer"
    if len(distinct) < len(follow_up.answers):
        return "one answer twice"
    return "fewer than two answers" if len(distinct) < 2 else ""


def draw(contexts: Contexts, prompt: str, number: int, seed: int = 0) -> tuple[tuple[str, str], ...]:
    """The `number`th context of a prompt (by id): each question with one answer drawn evenly; equal seeds draw alike."""
    chance = Random(digest([seed, prompt, number]))
    return tuple((follow_up.question, chance.choice(follow_up.answers)) for follow_up in contexts.follow_ups)


def in_words(drawn: Sequence[tuple[str, str]]) -> str:
    """A drawn context as its reader sees it."""
    return "\n".join(f"Q: {question}\nA: {answer}" for question, answer in drawn)


def read_contexts(path: str | Path, prompts: Sequence[Prompt]) -> dict[str, Contexts]:
    """Prompt's id -> its contexts. BadInput names the record of a prompt the suite lacks, and of an answer set that is none."""
    source = read(path)
    known = {prompt.id: prompt.id for prompt in prompts} | {prompt.text: prompt.id for prompt in prompts}
    known |= {prompt.item: prompt.id for prompt in prompts if prompt.item is not None}
    found: dict[str, Contexts] = {}
    for place, row in enumerate(source.rows):
        name = optional(row, "id", "prompt_id", "prompt")
        if name not in known:
            wrong(source, place, f"is about {shown(name)}, which the suite lacks; drop it or give its suite")
        found[known[name]] = _contexts(source, place, row)
    if not any(contexts.follow_ups for contexts in found.values()):
        refuse(source.path, "asks nothing back about any prompt; write contexts first")
    return found


def _contexts(source: Source, place: int, row: Mapping[str, Any]) -> Contexts:
    if row.get("needed") is False:
        return Contexts(())
    follow_ups: list[FollowUp] = []
    for number, given in enumerate(items(row.get("questions")), 1):
        entry = mapping(given)
        follow_up = FollowUp(
            str(entry.get("question", "")), tuple(str(a) for a in items(entry.get("answers")))
        )
        problem = problem_of(follow_up)
        if problem:
            wrong(source, place, f"question {number} has {problem}; give two or more plausible answers")
        follow_ups.append(follow_up)
    if len(follow_ups) > MOST:
        wrong(source, place, f"asks {len(follow_ups)} questions; keep the {MOST} most important")
    return Contexts(tuple(follow_ups))


def write_contexts(path: str | Path, prompts: Sequence[Prompt], contexts: Mapping[str, Contexts]) -> int:
    """Writes a record a prompt, as `read_contexts` reads it; returns how many."""
    rows = [
        {
            "id": prompt.item or prompt.id,
            "prompt": prompt.text,
            "needed": bool(contexts[prompt.id].follow_ups),
            "questions": [
                {"question": f.question, "answers": list(f.answers)} for f in contexts[prompt.id].follow_ups
            ],
        }
        for prompt in prompts
        if prompt.id in contexts
    ]
    return write_rows(path, rows)
