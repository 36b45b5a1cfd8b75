"""Turns of a dialogue as the field's tools write them: role and content (OpenAI, TRL), or from and value (ShareGPT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, cast

from winsome.records import Message, Text, user

ROLES: Mapping[str, str] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "tool": "tool",
}
"""What a turn may be said by, and the role that templates know."""


def turns_of(value: Any, field: str, wrong: Callable[[str], NoReturn]) -> list[Message]:
    """The turns in `value`: a text is one of the user's, an object one turn, a list several; None holds none.

    `wrong` ends with what is wrong of the record's `field`: a turn without text (tool calls, images), or of an unknown role.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [user(value)]
    if isinstance(value, Mapping):
        return [_turn(value, field, wrong)]
    if not isinstance(value, Sequence):
        wrong(f"{field} is neither text nor a list of role and content; write it as one of them")
    turns = cast(Sequence[Any], value)
    return [_turn(turn, f"{field}[{place}]", wrong) for place, turn in enumerate(turns)]


def joined(prompt: Sequence[Message], dialogue: Sequence[Message]) -> list[Message]:
    """The prompt's turns and the dialogue's; one that begins with the prompt, as UltraFeedback's and UltraChat's do, has it once."""
    first, again = ([turn for turn in turns if turn.role != "system"] for turns in (prompt, dialogue))
    pairs = zip(first, again, strict=False)
    if len(first) < len(again) and all(
        a.role == b.role and a.text.strip() == b.text.strip() for a, b in pairs
    ):
        told = [turn for turn in prompt if turn.role == "system" and turn not in dialogue]
        return [*told, *dialogue]
    return [*prompt, *dialogue]


def _turn(turn: Any, field: str, wrong: Callable[[str], NoReturn]) -> Message:
    if not isinstance(turn, Mapping):
        wrong(f"{field} is no object with role and content; write it as one")
    told = cast(Mapping[str, Any], turn)
    said_by, content = told.get("role", told.get("from")), told.get("content", told.get("value"))
    role = ROLES.get(said_by) if isinstance(said_by, str) else None
    if role is None:
        wrong(f"{field} has role {str(said_by)[:20]!r}; write system, user, assistant or tool")
    if told.get("tool_calls"):
        wrong(
            f"{field} has tool_calls, and what is learnt here is text; write the calls as text, or drop the record"
        )
    return Message(role, (Text(_words(content, field, wrong)),))


def _words(content: Any, field: str, wrong: Callable[[str], NoReturn]) -> str:
    """The text of a turn; of parts, their texts one after the other."""
    if isinstance(content, str):
        return content
    parts = cast(Sequence[Any], content) if isinstance(content, Sequence) else ()
    told = [cast(Mapping[str, Any], part) for part in parts if isinstance(part, Mapping)]
    texts = [part["text"] for part in told if isinstance(part.get("text"), str)]
    if not texts or len(texts) < len(parts):
        others = [str(part.get("type")) for part in told if not isinstance(part.get("text"), str)]
        what = f"a part of type {others[0][:20]!r}" if others else "no text"
        wrong(f"{field} has {what} as its content; only text is learnt: write it, or drop the record")
    return "".join(texts)
