"""Texts for the page: compressed blocks that a browser unpacks one at a time.

A block is JSON, deflated and in base64, in a script element of a type that no browser runs; nothing in it can be markup.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from winsome.records import Blob, Message, Prompt, Response, Text

R = TypeVar("R")

BLOCK_CHARACTERS = 200_000
"""Texts share a block up to about this size: small enough to unpack in milliseconds, large enough to compress."""

LOOKED_UP = 2_000
"""Records asked of the ledger at once."""


def block(name: str, content: Any) -> str:
    """A script element, inert, that holds `content` (JSON-like) under the id `name`."""
    packed = base64.b64encode(zlib.compress(orjson.dumps(content), 6)).decode("ascii")
    return f'<script type="application/octet-stream+base64" id="{name}">{packed}</script>'


@dataclass
class Blocks:
    """Values numbered in the order they are added, cut into blocks named `prefix` + place; `starts` are first numbers."""

    prefix: str
    starts: list[int] = field(default_factory=list[int])
    elements: list[str] = field(default_factory=list[str])
    count: int = 0
    _held: list[Any] = field(default_factory=list[Any])
    _size: int = 0

    def add(self, value: Any, size: int) -> int:
        """The number of the value; `size` is about its characters."""
        self._held.append(value)
        self._size += size
        self.count += 1
        if self._size >= BLOCK_CHARACTERS:
            self.close()
        return self.count - 1

    def close(self) -> None:
        """Closes the open block; the next value begins another."""
        if self._held:
            self.starts.append(self.count - len(self._held))
            self.elements.append(block(f"{self.prefix}{len(self.elements)}", self._held))
            self._held, self._size = [], 0


def of_prompt(prompt: Prompt) -> dict[str, Any]:
    """The whole dialogue as shown: turns of [role, text], what only judges see last."""
    turns = [["system", prompt.system]] if prompt.system else []
    turns += [[message.role, shown(message)] for message in prompt.messages]
    turns += [["next turn", shown(message)] for message in prompt.follow_ups]
    if prompt.prefix:
        turns.append(["start of the answer", prompt.prefix])
    if prompt.tools:
        turns.append(["tools", _readable(list(prompt.tools))])
    turns += [
        [f"for the judge: {name}", note if isinstance(note, str) else _readable(note)]
        for name, note in prompt.for_judges.items()
    ]
    return {"turns": turns}


def of_response(response: Response) -> Any:
    """A plain text where that is all there is; else {"turns", "finish", "error", "thinking"} with what is not usual."""
    turns = [[message.role, shown(message)] for message in response.messages]
    unusual: dict[str, Any] = {}
    if response.finish != "stop":
        unusual["finish"] = response.finish
    if response.error:
        unusual["error"] = response.error
    if response.thinking:
        unusual["thinking"] = response.thinking
    if len(turns) == 1 and not unusual:
        return turns[0][1]
    return {"turns": turns} | unusual


def shown(message: Message) -> str:
    """A turn's words, with a line for each part that is no text and for each call of a tool."""
    parts = [part.text if isinstance(part, Text) else _placeholder(part) for part in message.parts]
    parts += [f"[calls {_readable(dict(call))}]" for call in message.tool_calls]
    return "\n".join(parts) if len(parts) > 1 else "".join(parts)


def _placeholder(part: Blob) -> str:
    shape = " x ".join(str(size) for size in part.shape)
    return f"[{part.kind} {part.mime}{' ' + shape if shape else ''}, sha256 {part.sha256[:12]}]"


def _readable(content: Any) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode("utf-8")


def numbered(
    ids: Iterable[str | None],
    look_up: Callable[[Sequence[str]], Mapping[str, R]],
    value: Callable[[R], Any],
    blocks: Blocks,
) -> dict[str, int]:
    """The numbers in `blocks` of the records `ids`, each once, in the order given; ids that are not found have none."""
    wanted = [id for id in dict.fromkeys(ids) if id]
    numbers: dict[str, int] = {}
    for start in range(0, len(wanted), LOOKED_UP):
        part = wanted[start : start + LOOKED_UP]
        records = look_up(part)
        for id in part:
            if id in records:
                content = value(records[id])
                numbers[id] = blocks.add(content, _size(content))
    return numbers


def _size(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    return 40 + sum(len(text) for _, text in content["turns"]) + len(content.get("thinking", ""))
