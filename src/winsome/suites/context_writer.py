"""A model that writes what a prompt leaves open, and another that checks every question it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from winsome.judges.json_slot import objects
from winsome.protocols import Contender
from winsome.records import Prompt, Sampling, user
from winsome.suites.contexts import MOST, Contexts, FollowUp, problem_of

CHECKS = ("important", "realistic", "complete", "diverse", "fits")
"""What a question and its answers must be; `fits`: no answer contradicts the prompt."""
TRIES = 3


@dataclass
class Written:
    """contexts by prompt id. dropped: (prompt, question, why) of what was left out; unread: prompts whose replies could not be read."""

    contexts: dict[str, Contexts] = field(default_factory=dict[str, Contexts])
    dropped: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    unread: dict[str, str] = field(default_factory=dict[str, str])


async def written(prompts: Sequence[Prompt], writer: Contender, checker: Contender | None = None) -> Written:
    """Contexts of `prompts` by `writer`; with a `checker` every question must pass all CHECKS.

    A reply that cannot be read is drawn again, three times in all, then the prompt is named in `unread`.
    """
    found = Written()
    waiting = {prompt.id: prompt for prompt in prompts}
    for draw in range(TRIES):
        asks = {asking(prompt).id: prompt for prompt in waiting.values()}
        if not asks:
            break
        async for response in writer.answer([asking(prompt) for prompt in waiting.values()], _sampling(draw)):
            prompt = asks[response.prompt]
            read = parsed(response.text)
            if isinstance(read, str):
                found.unread[prompt.id] = response.error or read
                continue
            contexts, dropped = read
            found.contexts[prompt.id] = contexts
            found.unread.pop(prompt.id, None)
            found.dropped += [(prompt.id, question, why) for question, why in dropped]
        waiting = {id: prompt for id, prompt in waiting.items() if id not in found.contexts}
    if checker is not None:
        await _checked(found, {prompt.id: prompt for prompt in prompts}, checker)
    return found


def asking(prompt: Prompt) -> Prompt:
    """What the writer is asked about a prompt."""
    return Prompt((user(_text("context_write@1").replace("<prompt>", prompt.text)),))


def parsed(text: str) -> tuple[Contexts, list[tuple[str, str]]] | str:
    """(contexts, questions left out with why) of a writer's reply; the reason where it cannot be read."""
    found = [row for row in objects(text) if "needed" in row or "questions" in row]
    if not found:
        return "no JSON object with needed and questions"
    row = found[-1]
    if str(row.get("needed", True)).strip().lower() in ("false", "no"):
        return Contexts(()), []
    questions = row.get("questions")
    if not isinstance(questions, list) or not questions:
        return "needed, but no list of questions"
    kept, dropped = list[FollowUp](), list[tuple[str, str]]()
    for entry in questions:  # pyright: ignore[reportUnknownVariableType]
        follow_up = _follow_up(entry)
        if follow_up is None:
            dropped.append((str(entry)[:60], "no question with a list of answers"))
            continue
        problem = problem_of(follow_up)
        if problem:
            dropped.append((follow_up.question, problem))
        elif len(kept) == MOST:
            dropped.append((follow_up.question, f"beyond the {MOST} most important"))
        else:
            kept.append(follow_up)
    return (Contexts(tuple(kept)), dropped) if kept else "no question with two plausible answers"


def _follow_up(entry: Any) -> FollowUp | None:
    if not isinstance(entry, Mapping):
        return None
    question, answers = entry.get("question"), entry.get("answers")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(question, str) or not isinstance(answers, list):
        return None
    return FollowUp(question.strip(), tuple(str(answer).strip() for answer in answers))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


async def _checked(found: Written, prompts: Mapping[str, Prompt], checker: Contender) -> None:
    """Leaves out the questions that fail a check; one whose check cannot be read is left out too, and says so."""
    asks: dict[str, tuple[str, FollowUp]] = {}
    questions: list[Prompt] = []
    for id, contexts in found.contexts.items():
        for follow_up in contexts.follow_ups:
            ask = checking(prompts[id], follow_up)
            asks[ask.id] = (id, follow_up)
            questions.append(ask)
    failed: dict[tuple[str, FollowUp], str] = {}
    heard: set[str] = set()
    async for response in checker.answer(questions, _sampling(0)):
        heard.add(response.prompt)
        why = verdict_of(response.text)
        if why:
            failed[asks[response.prompt]] = why
    for ask, place in asks.items():
        if ask not in heard:
            failed[place] = "not checked"
    for id, contexts in list(found.contexts.items()):
        kept = tuple(f for f in contexts.follow_ups if (id, f) not in failed)
        found.contexts[id] = Contexts(kept)
    found.dropped += [(id, follow_up.question, why) for (id, follow_up), why in failed.items()]


def checking(prompt: Prompt, follow_up: FollowUp) -> Prompt:
    """What the checker is asked about one question."""
    told = _text("context_check@1").replace("<prompt>", prompt.text).replace("<question>", follow_up.question)
    return Prompt((user(told.replace("<answers>", "\n".join(f"- {a}" for a in follow_up.answers))),))


def verdict_of(text: str) -> str:
    """The first check that a question fails; empty where it passes all."""
    found = [row for row in objects(text) if any(name in row for name in CHECKS)]
    if not found:
        return "its check cannot be read"
    marks = found[-1]
    return next(
        (
            f"not {name}"
            for name in CHECKS
            if str(marks.get(name)).strip().lower() not in ("1", "1.0", "true", "yes")
        ),
        "",
    )


def _sampling(draw: int) -> Sampling:
    return Sampling(samples=range(draw, draw + 1), temperature=0.0 if draw == 0 else 0.7, max_tokens=2048)


def _text(name: str) -> str:
    return (resources.files("winsome.suites") / "prompts" / f"{name}.txt").read_text("utf-8")
