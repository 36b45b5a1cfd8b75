"""Sixty tools whose answers follow from their arguments, tasks that need one to three calls of them, and agents of known success.

The tools are live in the sense of a tool bench: functions that answer a call. Their documentation says all that is needed to play them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import orjson

from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, Usage, assistant, digest, response_key, user

VERSION = 1
GROUPS = ("look-up", "arithmetic", "dates")
EACH = 20
_NAMES = tuple(
    f"{a}{b}" for a in ("alder", "birch", "cedar", "elm", "fir") for b in ("ton", "ford", "wick", "ham")
)
"""Places that the look-up tools know."""


@dataclass(frozen=True)
class Tool:
    """`run` answers a call's arguments; raises KeyError, TypeError or ValueError for wrong ones."""

    category: str
    name: str
    document: str
    run: Callable[[Mapping[str, Any]], Any]

    @property
    def place(self) -> str:
        return f"{self.category}/{self.name}/call"

    @property
    def function(self) -> dict[str, Any]:
        """The tool as a prompt offers it."""
        return {
            "type": "function",
            "function": {"name": f"call_for_{self.name}", "description": self.document},
        }


@dataclass(frozen=True)
class Task:
    """`calls`: tool's name and arguments, where {0} stands for the answer of the call before; `answer`: the last one's, as text."""

    prompt: Prompt
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    answer: str


def tools(seed: int = 0) -> dict[str, Tool]:
    """Name -> tool: 20 of each group."""
    found: dict[str, Tool] = {}
    for k in range(EACH):
        rng = Random(f"tools/{seed}/{k}")
        table = {name: rng.randint(10, 99) for name in _NAMES}
        factor, shift, days = rng.randint(2, 9), rng.randint(1, 50), rng.randint(2, 300)
        made = (
            Tool("look-up", f"register_{k}", f'{{"place": one of {", ".join(_NAMES)}}} -> the number on file. '
                 f"The file: {orjson.dumps(table).decode()}", _look_up(table)),
            Tool("arithmetic", f"formula_{k}", f'{{"x": a whole number}} -> {factor} times x plus {shift}', _formula(factor, shift)),
            Tool("dates", f"deadline_{k}", f'{{"day": "YYYY-MM-DD"}} -> the day {days} days later, as YYYY-MM-DD', _later(days)),
        )  # fmt: skip
        found |= {tool.name: tool for tool in made}
    return found


def _look_up(table: Mapping[str, int]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: table[given["place"]]


def _formula(factor: int, shift: int) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: factor * int(given["x"]) + shift


def _later(days: int) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: (date.fromisoformat(given["day"]) + timedelta(days)).isoformat()


def answered(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call's answer in the tool bench's form."""
    try:
        return {"error": "", "response": tool.run(arguments)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return {
            "error": "",
            "response": f"wrong arguments: {type(error).__name__}; unexpected keyword argument",
        }


def tasks(n: int, seed: int = 0) -> list[Task]:
    """`n` different tasks of one to three calls; later calls take what the earlier gave. The tools of a task stand in its prompt."""
    known, found, rng = tools(seed), list[Task](), Random(f"tasks/{seed}")
    seen: set[str] = set()
    while len(found) < n:
        task = _task(known, rng, len(found))
        if task.prompt.id not in seen:
            seen.add(task.prompt.id)
            found.append(task)
    return found


def _task(known: Mapping[str, Tool], rng: Random, number: int) -> Task:
    length = rng.randint(1, 3)
    if rng.random() < 1 / 3:
        calls, said = _of_dates(rng, length)
    else:
        place, k = rng.choice(_NAMES), rng.randrange(EACH)
        calls: list[tuple[str, Mapping[str, Any]]] = [(f"register_{k}", {"place": place})]
        said = f"Look up {place} in register_{k}."
        for _ in range(length - 1):
            k = rng.randrange(EACH)
            calls.append((f"formula_{k}", {"x": "{0}"}))
            said += f" Put the result into formula_{k}."
    value: Any = None
    for name, arguments in calls:
        value = known[name].run(filled(arguments, value))
    offered = [known[name] for name, _ in calls] + rng.sample(sorted(known.values(), key=lambda t: t.name), 2)
    functions = {tool.name: tool.function for tool in offered}
    prompt = Prompt(
        (user(f"{said} What comes out last?"),), tools=tuple(functions[name] for name in sorted(functions)), item=str(number),
        facets={"category": f"{len(calls)} calls"},
    )  # fmt: skip
    return Task(prompt, tuple(calls), str(value))


def _of_dates(rng: Random, length: int) -> tuple[list[tuple[str, Mapping[str, Any]]], str]:
    day = (date(2020, 1, 1) + timedelta(rng.randrange(2000))).isoformat()
    calls: list[tuple[str, Mapping[str, Any]]] = []
    said = f"Begin with {day}."
    for step in range(length):
        k = rng.randrange(EACH)
        calls.append((f"deadline_{k}", {"day": "{0}" if step else day}))
        said += f" Take deadline_{k} of it."
    return calls, said


def filled(arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Arguments with the earlier answer in its place."""
    return {name: value if given == "{0}" else given for name, given in arguments.items()}


@dataclass(frozen=True)
class ToolPlayer:
    """A Contender that plays a tool from the documentation in its prompt, as a simulating model does; wrong with probability `error`."""

    error: float = 0.0
    seed: int = 0
    name: str = "tool player"
    batch: int = 256

    @property
    def id(self) -> str:
        return digest(["tool player", VERSION, self.error, self.seed])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """A JSON object with error and response."""
        known = {tool.document: tool for tool in tools(self.seed).values()}
        for prompt in prompts:
            told = prompt.text
            tool = next(tool for document, tool in known.items() if document in told)
            arguments = orjson.loads(told.split("Arguments of this call:\n", 1)[1].split("\n\n", 1)[0])
            said = answered(tool, arguments)
            for sample in sampling.samples:
                rng = Random(f"{self.id}/{prompt.id}/{sample}")
                wrong = rng.random() < self.error
                text = orjson.dumps(said | {"response": "unknown"} if wrong else said).decode()
                yield _told(self, prompt, sampling, sample, text)


def _told(by: Contender, prompt: Prompt, sampling: Sampling, sample: int, text: str) -> Response:
    return Response(
        prompt.id,
        by.name,
        response_key(prompt.id, by.id, sampling, sample),
        sample,
        (assistant(text),),
        usage=Usage(1, 0, 0),
        served_by="world",
    )


@dataclass(frozen=True)
class ToolUser:
    """A Contender that plays an agent's model: it follows the task's calls, and with probability 1 - `success` tells a wrong answer.

    Where a tool answers anything else than a number or a date it gives up.
    """

    tasks: Mapping[str, Task]
    success: float
    seed: int = 0
    batch: int = 256

    @property
    def name(self) -> str:
        return f"agent {self.success:g}"

    @property
    def id(self) -> str:
        return digest(["tool user", VERSION, self.success, self.seed, sorted(self.tasks)])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """The next action as JSON, from the task's first turn and what the tools answered since."""
        for prompt in prompts:
            task = next(t for words, t in self.tasks.items() if words in prompt.messages[0].text)
            seen = [m.text.removeprefix("The tool answered: ") for m in prompt.messages[2::2]]
            for sample in sampling.samples:
                text = orjson.dumps(self._next(task, seen, sample)).decode()
                yield _told(self, prompt, sampling, sample, text)

    def _next(self, task: Task, seen: Sequence[str], sample: int) -> dict[str, Any]:
        value: Any = None
        if seen:
            said = orjson.loads(seen[-1])
            value = said.get("response")
            if (
                said.get("error")
                or not isinstance(value, int | str)
                or (isinstance(value, str) and not value[:4].isdigit())
            ):
                return {"give_up": "the tool does not answer"}
        if len(seen) < len(task.calls):
            name, arguments = task.calls[len(seen)]
            return {"tool": f"call_for_{name}", "arguments": filled(arguments, value)}
        able = Random(f"{self.id}/{task.prompt.id}/{sample}").random() < self.success
        return {"finish": str(value) if able else f"not {value}"}
