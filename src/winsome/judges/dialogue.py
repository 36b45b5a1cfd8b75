"""A prompt and its answers as the text that a judge reads: the whole dialogue, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from winsome.errors import BadInput, Unsupported
from winsome.given import is_listed
from winsome.records import Message, Prompt, Response, Text

_SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


def question(prompt: Prompt) -> str:
    """What was asked first: the plain text of a single turn, else the transcript with its system text."""
    if prompt.system is None and len(prompt.messages) == 1:
        return _text(prompt.messages[0])
    system = [f"System: {prompt.system}"] if prompt.system is not None else []
    return "\n\n".join([*system, transcript(prompt.messages)])


def history(prompt: Prompt) -> str:
    """The turns before the last one asked, with the system text; "(none)" for a dialogue that has only begun."""
    turns = [*prompt.messages, *prompt.follow_ups][:-1]
    system = [f"System: {prompt.system}"] if prompt.system is not None else []
    return "\n\n".join([*system, *([transcript(turns)] if turns else [])]) or "(none)"


def query(prompt: Prompt) -> str:
    """The user's last turn."""
    return _text([*prompt.messages, *prompt.follow_ups][-1])


def checklist(prompt: Prompt) -> str:
    """`for_judges["checklist"]` as a list of lines; BadInput where there is none."""
    found: Any = prompt.for_judges.get("checklist")
    items: Sequence[Any] = found if is_listed(found) else [found] if found else []
    lines = [f"- {item}" for item in items if isinstance(item, str) and item.strip()]
    if not lines:
        where = prompt.item or prompt.id[:8]
        raise BadInput(
            f'prompt {where}: has no "checklist", which the judge works through; add it, or checklist=off'
        )
    return "\n".join(lines)


def questions(prompt: Prompt) -> list[str]:
    """The question of each turn."""
    return [question(prompt), *(_text(message) for message in prompt.follow_ups)]


def answers(response: Response) -> list[str]:
    """The answer of each turn."""
    return [_text(message) for message in response.messages if message.role == "assistant"]


def answer(prompt: Prompt, response: Response) -> str:
    """The plain text of an only answer; of several turns, the transcript from the first answer on."""
    messages = response.messages
    if len(messages) == 1:
        return _text(messages[0])
    if any(message.role == "user" for message in messages):
        return transcript(messages)
    turns: list[Message] = []
    for i, message in enumerate(messages):
        turns += [*prompt.follow_ups[i - 1 : i], message] if i else [message]
    return transcript(turns)


def references(prompt: Prompt) -> list[str]:
    """The reference answer of each turn from `for_judges["reference_answer"]`; empty where there is none."""
    found: Any = prompt.for_judges.get("reference_answer")
    if found is None or found == "" or found == []:
        return []
    turns: Sequence[Any] = found if is_listed(found) else [found]
    return [turn if isinstance(turn, str) else orjson.dumps(turn).decode() for turn in turns]


def reference(prompt: Prompt) -> str:
    """The reference answer as one text, its turns by number; empty where there is none."""
    turns = references(prompt)
    if len(turns) < 2:
        return "".join(turns)
    return "\n\n".join(f"Turn {i}: {turn}" for i, turn in enumerate(turns, 1))


def required_reference(prompt: Prompt, judge: str) -> Any:
    """`for_judges["reference_answer"]` as it stands, of the last turn where there are several; BadInput without one."""
    given: Any = prompt.for_judges.get("reference_answer")
    found: Any = given[-1] if is_listed(given) and given else given
    if found is None or found in ("", [], ()):
        where = prompt.item or prompt.id[:8]
        raise BadInput(
            f'prompt {where}: no "reference_answer", which {judge} compares with; add it or set the judge\'s own'
        )
    return found


def transcript(messages: Iterable[Message]) -> str:
    """`User: ..`, `Assistant: ..` and so on, with a blank line between turns."""
    return "\n\n".join(f"{_SPEAKERS.get(m.role, m.role.capitalize())}: {_text(m)}" for m in messages)


def _text(message: Message) -> str:
    parts: Sequence[Any] = message.parts
    if len(parts) == 1 and not message.tool_calls and isinstance(parts[0], Text):
        return parts[0].text
    pieces: list[str] = []
    for part in parts:
        if not isinstance(part, Text):
            raise Unsupported(
                f"an LLM judge here reads text, and a message holds {part.kind}; use a judge for {part.kind}s"
            )
        pieces.append(part.text)
    pieces += [f"[calls {orjson.dumps(dict(call)).decode()}]" for call in message.tool_calls]
    return "\n".join(pieces)
