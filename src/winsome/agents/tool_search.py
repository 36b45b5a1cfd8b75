"""Two ways of calling tools until a task is answered: one chain of calls, and a depth-first search that goes back where it gave up.

Source: ToolLLM (Qin et al. 2023) for both, as StableToolBench runs them: width 2, observations cut to 1,024 characters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

OBSERVED = 1024
"""Characters of a tool's answer that the model is shown."""
ORIGIN = "X-Tool-Origin"
"""The header in which a tool server says where its answer came from; the body is the original protocol's."""
MOST = 60
"""Replies that a depth-first search asks for at most."""


@dataclass(frozen=True)
class Action:
    """What a model wants: a tool with arguments, or to finish with an answer, or (neither) to give up; `text` is its own words."""

    text: str
    tool: str = ""
    arguments: Mapping[str, Any] | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Observed:
    """A tool's answer with where it came from (real, simulated, rejected; "" where that is not told)."""

    said: Any
    origin: str = ""


@dataclass(frozen=True)
class Step:
    """An action and what the tool answered, with where that came from."""

    action: Action
    observation: str
    origin: str = ""


@dataclass(frozen=True)
class Trace:
    """steps: those that led to the answer, or the last that were tried; answer: None where there was no finish. asked: replies."""

    steps: tuple[Step, ...]
    answer: str | None
    asked: int
    calls: int


Propose = Callable[[Sequence[Step], int], Awaitable[Action]]
"""(steps so far, which of several tries at this place) -> the next action."""
Use = Callable[[str, Mapping[str, Any]], Awaitable[Observed]]
"""(tool, arguments) -> its answer."""


async def chain(propose: Propose, use: Use, *, longest: int = 12) -> Trace:
    """One chain of calls until the model finishes, gives up, or has made `longest` steps."""
    steps: list[Step] = []
    for asked in range(1, longest + 1):
        action = await propose(steps, 0)
        if not action.tool:
            return Trace(tuple(steps), action.answer, asked, len(steps))
        steps.append(await _used(action, use))
    return Trace(tuple(steps), None, longest, len(steps))


async def depth_first(
    propose: Propose, use: Use, *, width: int = 2, longest: int = 12, most: int = MOST
) -> Trace:
    """At every place up to `width` actions are tried in turn, the first to its end before the second; a finish ends the search.

    A place is left where the model gives up there or the chain has `longest` steps; `most` replies are asked for in all.
    """
    asked = calls = 0
    tried: tuple[Step, ...] = ()

    async def search(steps: tuple[Step, ...]) -> Trace | None:
        nonlocal asked, calls, tried
        for child in range(width):
            if asked == most:
                return None
            asked += 1
            action = await propose(steps, child)
            if action.answer is not None:
                return Trace(steps, action.answer, asked, calls)
            if not action.tool:
                return None
            calls += 1
            tried = (*steps, await _used(action, use))
            if len(tried) < longest and (found := await search(tried)) is not None:
                return found
        return None

    found = await search(())
    return found or Trace(tried, None, asked, calls)


async def _used(action: Action, use: Use) -> Step:
    seen = await use(action.tool, action.arguments or {})
    text = seen.said if isinstance(seen.said, str) else orjson.dumps(seen.said).decode()
    return Step(action, text[:OBSERVED], seen.origin)
