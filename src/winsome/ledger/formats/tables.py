"""Prompts and answers in plain tables with named columns, in chat messages, and in AlpacaEval instruction files.

Prompts: prompt (or instruction, question), optional id, system, category, lang, reference_answer, follow_ups or turns, options with
gold_label (1 is the first) and passage; or messages. `input` and `context` beside `instruction` are its second paragraph. Answers: output (or answer, response,
completion), a text or a list of samples, optional id, model and sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.fields import (
    ANSWER,
    ID,
    MODEL,
    PROMPT,
    Answer,
    content_of,
    facets_of,
    items,
    mapping,
    needed,
    number,
    optional,
    present,
    several,
    text,
    unpacked,
    wrong,
)
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.writing import write_rows
from winsome.records import Message, Prompt, Text, user

FOLLOW_UPS = ("follow_ups", "follow-ups")
REFERENCE = ("reference_answer", "reference")
CHOICE = ("options", "gold_label", "passage")
"""What belongs to a question with numbered options; its prompt lists them too."""


def prompts(source: Source) -> list[Prompt]:
    """A prompt a record."""
    return [_prompt(source, place) for place in range(len(source.rows))]


def _prompt(source: Source, place: int) -> Prompt:
    row = source.rows[place]
    messages, system, later = _asked(source, place)
    for name in FOLLOW_UPS:
        if present(row, (name,)) and row[name] != "":
            later += several(source, place, name, row[name])
    return Prompt(
        messages,
        system=system or optional(row, "system"),
        follow_ups=tuple(user(turn) for turn in later),
        facets=facets_of(row),
        item=optional(row, *ID),
        for_judges=_for_judges(row),
    )


def _asked(source: Source, place: int) -> tuple[tuple[Message, ...], str | None, tuple[str, ...]]:
    """(messages, the system text among them, later turns): from messages, from turns alone, or from a prompt and turns."""
    row = source.rows[place]
    if present(row, ("messages",)):
        system, messages, _ = conversation(source, place, row["messages"])
        return messages, system, ()
    turns = several(source, place, "turns", row["turns"]) if present(row, ("turns",)) else ()
    if turns and not present(row, PROMPT):
        return (user(turns[0]),), None, turns[1:]
    return (user(question(source, place)),), None, turns


def question(source: Source, place: int) -> str:
    """The words of a record's prompt; an instruction with its input or context as a second paragraph."""
    words = text(source, place, *PROMPT)
    if not words.strip():
        wrong(
            source,
            place,
            f'has an empty "{present(source.rows[place], PROMPT)}"; write the prompt or drop the record',
        )
    row = source.rows[place]
    if "instruction" in row and "prompt" not in row:
        second = optional(row, "input") or optional(row, "context")
        if second and second.strip():
            return f"{words}\n\n{second}"
    return words


def _for_judges(row: Row) -> dict[str, Any]:
    """What only judges see: a reference answer (a list of them: one a turn), a checklist, options and which is right."""
    notes: dict[str, Any] = {}
    name = present(row, REFERENCE)
    if name is not None and row[name] not in ("", []):
        value = row[name]
        notes["reference_answer"] = value[0] if isinstance(value, list) and len(value) == 1 else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if row.get("checklist"):
        notes["checklist"] = row["checklist"]
    if row.get("options"):
        notes |= {name: row[name] for name in CHOICE if row.get(name)}
    return notes


def conversation(
    source: Source, place: int, messages: Any
) -> tuple[str | None, tuple[Message, ...], str | None]:
    """(system, messages up to the last user turn, the answer after it or None) of a chat in OpenAI's form."""
    messages = unpacked(messages)
    if not isinstance(messages, list) or not messages:
        wrong(
            source,
            place,
            f'has {shown(messages)} in "messages"; give a list of objects with role and content',
        )
    system: str | None = None
    turns: list[Message] = []
    for n, message in enumerate(map(mapping, items(messages)), 1):
        role = message.get("role")
        if not isinstance(role, str):
            wrong(source, place, f"has no role in message {n}; give objects with role and content")
        words = content_of(message.get("content"))
        if words is None:
            wrong(source, place, f'has no text in "content" of message {n}; give text')
        if role in ("system", "developer") and not turns:
            system = words
        elif role in ("user", "assistant", "tool"):
            turns.append(Message(role, (Text(words),)))
        else:
            wrong(
                source, place, f"has role {shown(role)} in message {n}; use system, user, assistant or tool"
            )
    answer = turns.pop().text if turns and turns[-1].role == "assistant" else None
    if not turns or turns[-1].role != "user":
        wrong(source, place, 'has no user turn at the end of "messages"; end with a user turn or its answer')
    return system, tuple(turns), answer


def answers(source: Source, field: str | None = None) -> list[Answer]:
    """An answer a record and sample; `field` names the column that holds it where it has another name."""
    found: list[Answer] = []
    for place, row in enumerate(source.rows):
        prompt = _prompt(source, place) if present(row, (*PROMPT, "messages")) else None
        item, model = optional(row, *ID), optional(row, *MODEL)
        if prompt is None and item is None:
            wrong(
                source, place, f'has neither "prompt" nor "id" (found: {listed(list(row))}); add one of them'
            )
        for sample, words in enumerate(_outputs(source, place, field)):
            drawn = sample + (_sample(source, place) if "sample" in row else 0)
            turns = None if words is None else (words,) if isinstance(words, str) else words
            found.append(Answer(place + 1, turns, prompt, item, model, drawn))
    return found


def _sample(source: Source, place: int) -> int:
    drawn = number(source, place, "sample")
    if drawn is None or drawn < 0 or drawn != int(drawn):
        wrong(
            source,
            place,
            f'has {shown(source.rows[place]["sample"])} in "sample"; give a whole number from 0',
        )
    return int(drawn)


def _outputs(source: Source, place: int, field: str | None) -> list[str | tuple[str, ...] | None]:
    """The samples of a record; a sample is a text, or a list of texts by turn."""
    row = source.rows[place]
    names = (field,) if field else ANSWER
    name = present(row, names)
    if name is None and "messages" in row and not field:
        answer = conversation(source, place, row["messages"])[2]
        if answer is None:
            wrong(source, place, 'ends "messages" with a user turn; add the answer as the last message')
        return [answer]
    if name is None:
        if any(n in row for n in names):
            return [None]
        needed(source, place, *names)
    value = row[name or names[0]]
    values = items(value) if isinstance(value, list) else [value]
    samples: list[str | tuple[str, ...] | None] = []
    for v in values:
        if isinstance(v, list) and v and all(isinstance(turn, str) for turn in v):  # pyright: ignore[reportUnknownVariableType]
            samples.append(tuple(v))  # pyright: ignore[reportUnknownArgumentType]
        elif v is None or isinstance(v, str):
            samples.append(v)
        else:
            wrong(source, place, f'has {shown(v)} in "{name}"; give text or a list of texts')
    if not samples:
        return [None]
    return samples


def write_prompts(path: Path | str, prompts: Iterable[Prompt]) -> int:
    """Writes prompts in columns that `prompts` reads back; returns how many."""
    return write_rows(path, (_prompt_row(prompt) for prompt in prompts))


def _prompt_row(prompt: Prompt) -> Row:
    row: Row = {} if prompt.item is None else {"id": prompt.item}
    row |= dict(prompt.facets)
    if len(prompt.messages) == 1 and prompt.messages[0].role == "user":
        row["prompt"] = prompt.text
    else:
        row["messages"] = [message.payload() for message in prompt.messages]
    if prompt.system is not None:
        row["system"] = prompt.system
    if prompt.follow_ups:
        row["follow_ups"] = [message.text for message in prompt.follow_ups]
    return row | dict(prompt.for_judges)


def write_answers(path: Path | str, answers: Iterable[Answer]) -> int:
    """Writes answers in columns that `answers` reads back; returns how many."""
    kept = list(answers)
    table = Path(path).name.lower().removesuffix(".gz").endswith(".csv")
    long = next((answer for answer in kept if answer.turns and len(answer.turns) > 1), None)
    if table and long is not None:
        refuse(path, f"answer {long.record} has several turns; use .jsonl, whose cells can hold lists")
    return write_rows(path, map(_answer_row, kept))


def _answer_row(answer: Answer) -> Row:
    row: Row = {} if answer.prompt is None else _prompt_row(answer.prompt)
    if answer.item is not None:
        row["id"] = answer.item
    if answer.model is not None:
        row["model"] = answer.model
    turns = answer.turns
    row["output"] = None if turns is None else turns[0] if len(turns) == 1 else [list(turns)]
    return row | {"sample": answer.sample}
