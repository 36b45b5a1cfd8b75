"""A model that calls tools on a virtual tool server until it can answer: any contender, which writes its actions as JSON.

tool_agent?model=(openai:gpt-4o-mini)&tools=http://127.0.0.1:8080/virtual&search=dfs
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import orjson

from winsome.agents.tool_search import (
    MOST,
    OBSERVED,
    ORIGIN,
    Action,
    Observed,
    Step,
    Trace,
    Use,
    chain,
    depth_first,
)
from winsome.errors import BadInput, Transient
from winsome.judges.json_slot import objects
from winsome.protocols import Contender
from winsome.records import Message, Prompt, Response, Sampling, Text, assistant, digest, response_key, user

VERSION = 1
Search = Literal["cot", "dfs"]
WIDTH = 2
CHARACTERS = 3.5
"""Of a token, in plans."""


@dataclass(frozen=True)
class ToolAgent:
    """Its answer is the final one; `thinking` holds the trace as JSON, so that no judge sees it. No finish is an empty answer."""

    name: str
    id: str
    model: Contender
    tools: str
    search: Search
    longest: int
    batch: int = 1
    composed: bool = True

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        """The model, with how many replies one answer takes at most."""
        return ((self.model, self.longest if self.search == "cot" else MOST),)

    @property
    def reads(self) -> float:
        """Tokens of tools' answers that a reply has before it, on average over a full chain of the longest ones."""
        return (self.longest - 1) / 2 * OBSERVED / CHARACTERS

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """One answer a draw of every prompt, one task after the other."""
        import aiohttp

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as web:

            async def use(tool: str, arguments: Mapping[str, Any]) -> Observed:
                body = {"function": tool, "tool_name": tool, "api_name": tool, "tool_input": dict(arguments)}
                try:
                    async with web.post(self.tools, data=orjson.dumps(body)) as reply:
                        return Observed(orjson.loads(await reply.read()), reply.headers.get(ORIGIN, ""))
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    raise Transient(
                        f"{self.tools}: {type(error).__name__}; is the tool server running?"
                    ) from error

            for prompt in prompts:
                for sample in sampling.samples:
                    yield await self._solved(prompt, sampling, sample, use)

    def rests_on(self, responses: Sequence[Response]) -> str:
        """How many answers rest on what a simulated tool said; "" where no trace tells origins."""
        traces = [orjson.loads(one.thinking)["steps"] for one in responses if one.thinking]
        origins = [{step.get("origin", "") for step in steps} for steps in traces]
        if not any(origins) or not any(filter(None, set.union(*origins))):
            return ""
        simulated = sum("simulated" in held for held in origins)
        return f"{simulated:,} of {len(responses):,} answers ({simulated / len(responses):.1%}) rest on simulated tools"

    async def _solved(self, prompt: Prompt, sampling: Sampling, sample: int, use: Use) -> Response:
        used: list[Response] = []

        async def propose(steps: Sequence[Step], child: int) -> Action:
            draw = sample * WIDTH + child
            asked = replace(sampling, samples=range(draw, draw + 1))
            async for response in self.model.answer([asking(prompt, steps)], asked):
                used.append(response)
                return action_of(response.text)
            return Action("")

        search = chain if self.search == "cot" else depth_first
        found = await search(propose, use, longest=self.longest)
        return Response(
            prompt.id, self.name, response_key(prompt.id, self.id, sampling, sample), sample, (assistant(found.answer or ""),),
            thinking=told(found), usage=sum((r.usage for r in used[1:]), used[0].usage), served_by=used[0].served_by,
            parents=tuple(r.id for r in used),
        )  # fmt: skip


def asking(prompt: Prompt, steps: Sequence[Step]) -> Prompt:
    """What the model is shown: the task with its tools, then its own actions with the tools' answers."""
    text = (resources.files("winsome.agents") / "prompts" / "tool_agent@1.txt").read_text("utf-8")
    tools = "\n".join(orjson.dumps(tool.get("function", tool)).decode() for tool in prompt.tools)
    turns: list[Message] = [user(text.replace("<tools>", tools).replace("<task>", prompt.text))]
    for step in steps:
        turns += [
            assistant(step.action.text),
            Message("user", (Text(f"The tool answered: {step.observation}"),)),
        ]
    return Prompt(tuple(turns), system=prompt.system)


def action_of(text: str) -> Action:
    """The last JSON object of a reply that is an action; a reply without one gives up."""
    rows = [row for row in objects(text) if {"tool", "finish", "give_up"} & set(row)]
    row = rows[-1] if rows else {}
    if "finish" in row:
        said = row["finish"]
        return Action(text, answer=said if isinstance(said, str) else orjson.dumps(said).decode())
    arguments = row.get("arguments", {})
    if isinstance(row.get("tool"), str) and isinstance(arguments, dict):
        return Action(text, row["tool"], cast("dict[str, Any]", arguments))
    return Action(text)


def told(trace: Trace) -> str:
    """A trace as JSON."""
    steps = [
        {
            "tool": s.action.tool,
            "arguments": s.action.arguments,
            "observation": s.observation,
            "origin": s.origin,
        }
        for s in trace.steps
    ]
    return orjson.dumps({"steps": steps, "finished": trace.answer is not None, "asked": trace.asked, "calls": trace.calls}).decode()  # fmt: skip


def tool_agent(
    *, model: Contender, tools: str, search: Literal["cot", "dfs"] = "cot", longest: int = 12, name: str = "tool_agent"
) -> ToolAgent:  # fmt: skip
    """`model` as an agent that calls the tools served at `tools` (winsome tools serve), by one chain of calls or depth-first search.

    longest: steps of a chain at most. The tools' address is not part of what its answers are kept under.
    """
    if urlsplit(tools).scheme not in ("http", "https"):
        raise BadInput(
            f"tools={tools[:80]}: is no address; start winsome tools serve and give the one it prints"
        )
    if longest < 1:
        raise BadInput(f"longest={longest}: give at least 1 step")
    return ToolAgent(
        name, digest(["tool_agent", VERSION, model.id, search, longest]), model, tools, search, longest
    )
