"""A suite like WildBench from one's own chat log: real requests, filtered, rated for difficulty, each with a checklist of its own.

The steps and their order are WildBench's: length, turns, language, near-duplicates, difficulty, checklist. What a step leaves out is
counted by its reason. Source: Lin et al. 2024, section 2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from winsome.errors import BadInput
from winsome.judges.json_slot import objects
from winsome.ledger.formats.fields import optional
from winsome.ledger.formats.reading import Source, read
from winsome.ledger.formats.tables import conversation
from winsome.ledger.formats.writing import write_rows
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Encoder
from winsome.records import Prompt, Sampling, Text, user
from winsome.suites.wildbench import GROUPS

TOKENS = (10, 3000)
"""Tokens of a dialogue, at 3.5 characters each."""
TURNS = 5
SAME = 0.9
"""Cosine of the sentence vectors of two requests above which the later one is left out."""
QUESTIONS = (5, 10)
TRIES = 3
_ENGLISH = re.compile(
    r"\b(?:the|an?|of|to|and|in|is|it|that|for|on|with|as|you|i|this|be|are|was|by|or|from|at|not|what|how|can|my|me|your|do|if|have|will|we)\b"
)


@dataclass
class Built:
    """tasks: rows in WildBench's format. left_out: reason -> how many. unread: replies that could not be read, by what was asked."""

    tasks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    left_out: Counter[str] = field(default_factory=Counter[str])
    unread: Counter[str] = field(default_factory=Counter[str])


def requests(source: Source) -> list[Prompt]:
    """The dialogues of a chat log up to the last request of the user, as prompts."""
    found: list[Prompt] = []
    for place, row in enumerate(source.rows):
        turns = next(
            (row[name] for name in ("conversation", "conversation_input", "messages") if row.get(name)), None
        )
        if turns is None:
            raise BadInput(
                f'{source.path}: record {place + 1} has no "messages"; give the turns with role and content'
            )
        system, messages, _ = conversation(source, place, turns)
        item = optional(row, "session_id", "conversation_hash", "id") or str(place)
        found.append(Prompt(tuple(messages), system=system, item=item))
    return found


def problem_of(prompt: Prompt) -> str:
    """Why a dialogue is no task, by its words alone; empty where it may be one."""
    tokens = len(in_words(prompt)) / 3.5
    if tokens < TOKENS[0]:
        return f"shorter than {TOKENS[0]} tokens"
    if tokens > TOKENS[1]:
        return f"longer than {TOKENS[1]} tokens"
    if sum(message.role == "user" for message in prompt.messages) > TURNS:
        return f"more than {TURNS} turns"
    return "" if is_english(prompt.text) else "not English"


def is_english(text: str) -> bool:
    """Whether a request is English by its commonest words: a sixth of its words in Latin letters, which are nearly all it holds.

    A request of fewer than six words is judged by its letters alone.
    """
    letters = [c for c in text if c.isalpha()]
    if not letters or sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return False
    words = re.findall(r"[a-z']+", text.lower())
    return len(words) < 6 or len(_ENGLISH.findall(text.lower())) >= len(words) / 6


async def distinct(prompts: Sequence[Prompt], encoder: Encoder) -> list[Prompt]:
    """The prompts without those whose last request is nearly that of an earlier one."""
    if not prompts:
        return []
    vectors = np.asarray(await encoder.encode([Text(prompt.text) for prompt in prompts]), np.float32)
    kept: list[int] = []
    for n in range(len(prompts)):
        if not kept or float((vectors[kept] @ vectors[n]).max()) <= SAME:
            kept.append(n)
    return [prompts[n] for n in kept]


async def build(
    prompts: Sequence[Prompt],
    *,
    writers: Sequence[Contender],
    raters: Sequence[Contender] = (),
    encoder: Encoder | None = None,
    hardest: int | None = None,
) -> Built:
    """The tasks of a chat log's prompts.

    writers: models whose checklists are merged, the first one's tags hold. raters: models that rate difficulty from 1 to 5; a task that
    most of them rate 1 or 2 is left out, and `hardest` keeps that many of the highest mean. encoder: leaves out near-duplicates.
    """
    found = Built()
    asked: list[Prompt] = []
    seen: set[str] = set()
    for prompt in prompts:
        why = problem_of(prompt) or ("same words as an earlier one" if prompt.id in seen else "")
        seen.add(prompt.id)
        if why:
            found.left_out[why] += 1
        else:
            asked.append(prompt)
    if encoder is not None:
        apart = await distinct(asked, encoder)
        found.left_out["nearly an earlier one"] += len(asked) - len(apart)
        asked = apart
    ratings = [await _replies(asked, rater, "task_difficulty@1", _difficulty) for rater in raters]
    rated: dict[str, list[int]] = {p.id: [r[p.id] for r in ratings if p.id in r] for p in asked}
    found.unread["difficulty"] = len(asked) * len(raters) - sum(map(len, rated.values()))
    if raters:
        hard = [
            p for p in asked if not rated[p.id] or 2 * sum(r <= 2 for r in rated[p.id]) <= len(rated[p.id])
        ]
        found.left_out["easy by most raters"] += len(asked) - len(hard)
        asked = sorted(hard, key=lambda p: -float(np.mean(rated[p.id] or [0.0]))) if hardest else hard
    lists = [await _replies(asked, writer, "task_checklist@1", _checklist) for writer in writers]
    found.unread["checklist"] = len(asked) * len(writers) - sum(map(len, lists))
    for prompt in asked:
        if hardest is not None and len(found.tasks) == hardest:
            found.left_out["beyond the hardest"] += 1
            continue
        said = [one[prompt.id] for one in lists if prompt.id in one]
        questions = _merged([row["checklist"] for row in said])
        if len(questions) < QUESTIONS[0]:
            found.left_out["no checklist that can be read"] += 1
            continue
        found.tasks.append(
            {
                "session_id": prompt.item or prompt.id,
                "conversation_input": [message.payload() for message in prompt.messages],
                "checklist": questions,
                "primary_tag": said[0]["primary_tag"],
                "secondary_tags": said[0]["secondary_tags"],
                "difficulty": float(np.mean(rated[prompt.id])) if rated[prompt.id] else None,
            }
        )
    found.left_out += Counter()
    found.unread += Counter()
    return found


def write_tasks(path: str | Path, built: Built) -> int:
    """Writes the tasks so that `wildbench?path=` reads them; returns how many. BadInput where there are none."""
    if not built.tasks:
        told = ", ".join(f"{n} {why}" for why, n in built.left_out.most_common(3))
        raise BadInput(f"no task is left ({told[:120]}); give a longer log or other models")
    return write_rows(path, built.tasks)


def in_words(prompt: Prompt) -> str:
    """A dialogue as its raters and writers see it."""
    return "\n\n".join(f"{message.role.upper()}: {message.text}" for message in prompt.messages)


def asking(prompt: Prompt, text: str) -> Prompt:
    """What a model is asked about a task; `text` names the prompt file."""
    told = (resources.files("winsome.suites") / "prompts" / f"{text}.txt").read_text("utf-8")
    return Prompt(
        (user(told.replace("<tags>", ", ".join(GROUPS)).replace("<task>", in_words(prompt))),)
    )  # fmt: skip


async def _replies(
    prompts: Sequence[Prompt], model: Contender, text: str, parse: Callable[[str], Any]
) -> dict[str, Any]:
    """Prompt's id -> what was read of the model's reply; one that cannot be read is drawn again, three times in all."""
    found: dict[str, Any] = {}
    for draw in range(TRIES):
        asks = {asking(p, text).id: p for p in prompts if p.id not in found}
        if not asks:
            break
        sampling = Sampling(
            samples=range(draw, draw + 1), temperature=0.0 if draw == 0 else 0.7, max_tokens=1024
        )
        async for response in model.answer([asking(p, text) for p in asks.values()], sampling):
            value = parse(response.text)
            if value is not None:
                found[asks[response.prompt].id] = value
    return found


def _difficulty(text: str) -> int | None:
    rows = [row for row in objects(text) if "difficulty" in row]
    said = str(rows[-1]["difficulty"]).strip() if rows else ""
    return int(said) if re.fullmatch("[1-5]", said) else None


def _checklist(text: str) -> Mapping[str, Any] | None:
    rows = [row for row in objects(text) if "checklist" in row]
    if not rows or not isinstance(rows[-1]["checklist"], list):
        return None
    questions = [q.strip() for q in rows[-1]["checklist"] if isinstance(q, str) and q.strip()]
    if not questions:
        return None
    tag, more = rows[-1].get("primary_tag"), rows[-1].get("secondary_tags")
    others = [t for t in more if t in GROUPS and t != tag] if isinstance(more, list) else []
    return {
        "checklist": questions,
        "primary_tag": tag if tag in GROUPS else "Others",
        "secondary_tags": others,
    }


def _merged(lists: Sequence[Sequence[str]]) -> list[str]:
    """The questions of several writers in turn, each once, at most ten."""
    turn = [q for k in range(max(map(len, lists), default=0)) for one in lists for q in one[k : k + 1]]
    known: dict[str, str] = {}
    for question in turn:
        known.setdefault(re.sub(r"\W+", " ", question).casefold().strip(), question)
    return list(known.values())[: QUESTIONS[1]]


def built(
    path: str | Path,
    *,
    writers: Sequence[str],
    raters: Sequence[str] = (),
    encoder: str | None = None,
    hardest: int | None = None,
    limit: int | None = None,
    ledger: str | Path | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Any = "local",
    seed: int = 0,
    quiet: bool = False,
) -> Built:
    """`build` on the chat log in a file (its first `limit` dialogues), models by their names; replies are kept in the ledger."""
    prompts = requests(read(path))[:limit]
    with Ledger.open(ledger) as store:
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> Built:
            try:
                return await build(
                    prompts,
                    writers=[session.open(name, Contender) for name in writers],
                    raters=[session.open(name, Contender) for name in raters],
                    encoder=None if encoder is None else session.open(encoder, Encoder),
                    hardest=hardest,
                )
            finally:
                await session.close()

        return finish(work(), lambda: door.stop("interrupted"))
