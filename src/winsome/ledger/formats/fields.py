"""Fields of records, checked: what is missing or of the wrong kind is named by file, record and field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.reading import Row, Source
from winsome.records import Message, Prompt, user

PROMPT = ("prompt", "instruction", "question")
ANSWER = ("output", "answer", "response", "completion")
ID = ("id", "prompt_id", "question_id", "uid", "session_id", "index")
MODEL = ("model", "model_id", "generator")
FACETS = ("category", "subcategory", "cluster", "dataset", "lang", "language", "user", "split")
"""Columns that describe a prompt and never reach a contender."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer. `turns` are its words by turn, None where the file has none; `prompt` is None where the

    file names prompts by `item` alone. `record` counts from 1; `sample` is the place among several answers of a record.
    """

    record: int
    turns: tuple[str, ...] | None
    prompt: Prompt | None = None
    item: str | None = None
    model: str | None = None
    sample: int = 0


def wrong(source: Source, place: int, problem: str) -> NoReturn:
    """BadInput about `source.rows[place]`."""
    refuse(source.path, f"record {place + 1} {problem}")


def present(row: Row, names: Sequence[str]) -> str | None:
    """The first of `names` that the record has with a value."""
    return next((name for name in names if row.get(name) is not None), None)


def needed(source: Source, place: int, *names: str) -> Any:
    """The value of the first of `names` that the record has; BadInput where it has none."""
    row = source.rows[place]
    name = present(row, names)
    if name is None:
        empty = next((name for name in names if name in row), None)
        if empty is not None:
            wrong(source, place, f'has no value in "{empty}"; fill it in or drop the record')
        wrong(source, place, f'has no "{names[0]}" (found: {listed(list(row))}); rename or add the field')
    return row[name]


def text(source: Source, place: int, *names: str) -> str:
    """A field that must be text."""
    value = needed(source, place, *names)
    if not isinstance(value, str):
        name = present(source.rows[place], names)
        wrong(source, place, f'has {shown(value)} in "{name}"; give text in quotes')
    return value


def label(source: Source, place: int, *names: str) -> str:
    """A name or id: text or a whole number, not empty."""
    value = needed(source, place, *names)
    name = present(source.rows[place], names)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        wrong(source, place, f'has {shown(value)} in "{name}"; give a name or a number')
    return str(value)


def optional(row: Row, *names: str) -> str | None:
    """The first of `names` as text, None where there is none or it is empty."""
    name = present(row, names)
    value = None if name is None else row[name]
    return str(value) if isinstance(value, (str, int, float)) and str(value) else None


def number(source: Source, place: int, name: str) -> float | None:
    """A field that must be a finite number (also written as text); None where it is null, empty or NaN."""
    row = source.rows[place]
    if name not in row:
        wrong(source, place, f'has no "{name}" (found: {listed(list(row))}); rename or add the field')
    value = row[name]
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "null", "none")):
        return None
    try:
        figure = math.inf if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        figure = math.inf
    if math.isinf(figure):
        wrong(source, place, f'has {shown(value)} in "{name}"; give a number')
    return None if math.isnan(figure) else figure


def measured(source: Source, place: int, name: str) -> float | None:
    """A verdict's number as `number` reads it, but NaN is refused: it says neither who won nor that nobody asked."""
    if str(source.rows[place].get(name)).strip().lower() == "nan":
        wrong(source, place, f'has NaN in "{name}"; give a number, or null where there is no verdict')
    return number(source, place, name)


def one_of(source: Source, place: int, name: str, words: Mapping[str, Any]) -> Any:
    """What `words` says of a field's value, blanks around it and its case aside; BadInput with the words allowed where it

    is none of them.
    """
    value = needed(source, place, name)
    if isinstance(value, str):
        for word in (value, value.strip(), value.strip().lower()):
            if word in words:
                return words[word]
    wrong(source, place, f'has {shown(value)} in "{name}"; use one of {listed(list(words))}')


def prompt_of(words: str, row: Row, **beside: Any) -> Prompt:
    """A prompt of one user turn with the facets of its record."""
    return Prompt((user(words),), facets=facets_of(row), item=optional(row, *ID), **beside)


def facets_of(row: Row) -> dict[str, str]:
    """The describing columns of a record; `category` falls back to a narrower or a wider column."""
    found = {name: value for name in FACETS if (value := optional(row, name)) is not None}
    if "language" in found:
        found.setdefault("lang", found.pop("language"))
    if "category" not in found and "dataset" in found:
        found["category"] = found["dataset"]
    return found


def users(prompt: Prompt) -> tuple[str, ...]:
    """The words of all user turns, follow-ups included: what two files must share to be about one prompt."""
    turns: tuple[Message, ...] = (*prompt.messages, *prompt.follow_ups)
    return tuple(message.text for message in turns if message.role == "user")


def items(value: Any) -> list[Any]:
    """The items of a list; none where the value is no list."""
    return [*value] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def mapping(value: Any) -> dict[str, Any]:
    """An object's fields; none where the value is no object."""
    return {**value} if isinstance(value, dict) else {}


def content_of(content: Any) -> str | None:
    """The text of a message: plain, in parts of type text, or under `answer` as Arena-Hard writes it; None where it holds more."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        answer = mapping(content).get("answer")
        return answer if isinstance(answer, str) else None
    parts: list[Any] = [mapping(part).get("text") for part in items(content)]
    return "".join(parts) if parts and all(isinstance(part, str) for part in parts) else None


def unpacked(value: Any) -> Any:
    """A list that a CSV cell holds as JSON; any other value as it is."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def several(source: Source, place: int, name: str, value: Any) -> tuple[str, ...]:
    """A list of texts, or one text as a list of one."""
    value = unpacked(value)
    values = items(value) if isinstance(value, list) else [value]
    if not values or not all(isinstance(v, str) for v in values):
        wrong(source, place, f'has {shown(value)} in "{name}"; give text or a list of texts')
    return tuple(values)
