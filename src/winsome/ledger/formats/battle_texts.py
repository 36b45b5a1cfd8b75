"""The words of battles, turn by turn: Chatbot Arena's and MT-Bench's conversations, and lists of turns beside a prompt.

conversation_a, conversation_b: lists of role and content (text, or parts of type text); `turn` says how many exchanges were judged.
prompt, response_a, response_b: a text each, or lists of turns, also as JSON in a text, as lmsys's table of 55,000 battles has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from winsome.ledger.formats.complaints import shown
from winsome.ledger.formats.fields import content_of, items, mapping, unpacked, wrong
from winsome.ledger.formats.reading import Row, Source

CONVERSATIONS = ("conversation_a", "conversation_b")
RESPONSES = ("response_a", "response_b")


@dataclass(frozen=True)
class Exchange:
    """What was asked [turns] and what both sides said to it [2][turns]."""

    asked: tuple[str, ...]
    said: tuple[tuple[str, ...], tuple[str, ...]]
    system: str | None = None


def has_texts(row: Row) -> bool:
    """Whether a battle's record holds its words."""
    return all(name in row for name in CONVERSATIONS) or all(name in row for name in ("prompt", *RESPONSES))


def exchange(source: Source, place: int) -> Exchange:
    """The words of `source.rows[place]`; BadInput where a side has other requests, or another number of turns, than the other."""
    row = source.rows[place]
    if CONVERSATIONS[0] not in row:
        asked, first, second = (_texts(source, place, name) for name in ("prompt", *RESPONSES))
        return _checked(source, place, Exchange(asked, (first, second)))
    (asked, first, system), (again, second, _) = (
        _conversation(source, place, name) for name in CONVERSATIONS
    )
    if asked != again:
        wrong(
            source,
            place,
            'has other user turns in "conversation_b" than in "conversation_a"; drop the record',
        )
    judged = row.get("turn")
    kept = judged if isinstance(judged, int) and 0 < judged <= len(asked) else len(asked)
    return _checked(source, place, Exchange(asked[:kept], (first[:kept], second[:kept]), system))


def words_of(value: Any) -> str:
    """What an answer's field says: a text, its turns, or what the assistant says in a conversation; lists may be JSON in a text."""
    turns = unpacked(value)
    if not isinstance(turns, list):
        return "" if value is None else str(value)
    said = [turn if isinstance(turn, str) else _said(mapping(turn)) for turn in items(turns)]
    return "\n".join(word for word in said if word is not None)


def _said(turn: dict[str, Any]) -> str | None:
    return content_of(turn.get("content")) if turn.get("role") == "assistant" else None


def _texts(source: Source, place: int, name: str) -> tuple[str, ...]:
    """A text or a list of turns; a turn that is null says nothing."""
    value = unpacked(source.rows[place][name])
    turns: Sequence[Any] = items(value) if isinstance(value, list) else [value]
    if not turns or not all(turn is None or isinstance(turn, str) for turn in turns):
        wrong(source, place, f'has {shown(value)} in "{name}"; give text or a list of texts')
    return tuple(turn or "" for turn in turns)


def _conversation(
    source: Source, place: int, name: str
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """(user turns, assistant turns, the system text) of a list of role and content."""
    turns = [mapping(turn) for turn in items(unpacked(source.rows[place][name]))]
    by: dict[str, list[str]] = {"system": [], "user": [], "assistant": []}
    for n, turn in enumerate(turns, 1):
        words, role = content_of(turn.get("content")), turn.get("role")
        if words is None or role not in by:
            wrong(source, place, f'has no text of user or assistant in turn {n} of "{name}"; drop the record')
        by[role].append(words)
    if not by["user"]:
        wrong(
            source,
            place,
            f'has {shown(source.rows[place][name])} in "{name}"; give a list of role and content',
        )
    return tuple(by["user"]), tuple(by["assistant"]), "\n".join(by["system"]) or None


def _checked(source: Source, place: int, found: Exchange) -> Exchange:
    counts = [len(found.asked), *map(len, found.said)]
    if len(set(counts)) > 1:
        told = f"{counts[0]} requests, {counts[1]} answers of a and {counts[2]} of b"
        wrong(source, place, f"has {told}; give each request an answer of both, or drop the record")
    return found
