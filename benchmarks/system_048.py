"""Tools that go away: what the pass rate of agents does with and without a virtual tool server.

    python -m benchmarks.system_048 [--part agents|model|published] [--queries FOLDER] [--out docs/results/virtual-tools]

agents: 60 deterministic tools, 200 tasks of one to three calls whose answers are known, agents that succeed with probability 0.4 and 0.6, over
HTTP in the original protocol; 0 to 50% of the tools are switched off, with a simulator that stands in for them and without. model: an
agent of SmolLM2-135M on 10 of the tasks, one chain of calls and depth-first search. published: the same on 40 published tasks, whose
folder --queries names (solvable_queries/test_instruction of THUNLP-MT/StableToolBench). Parts that are done are read from the JSON file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks import parts
from benchmarks.system_048_published import of_published, section
from winsome.agents.tool_agent import Search, ToolAgent, tool_agent
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.records import Response, Sampling
from winsome.sandbox.tools import Task, ToolPlayer, ToolUser, answered, filled, tasks, tools
from winsome.server.serving import Address
from winsome.server.virtual_tools import serving_tools
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.standings.tool_scores import pass_rate, win_rate, win_shares
from winsome.suites.virtual_tools import Call, VirtualTools, fidelity, switched_off

OUT = Path("docs/results/virtual-tools")
RUNS = 3
"""Answers of each agent to each task."""
TASKS, OFF, SUCCESS = 200, (0.0, 0.1, 0.2, 0.5), (0.4, 0.6)
WRONG = 0.02
"""How often the simulator answers wrongly."""
MODEL, TRIED = "embedded:smollm2-135m", 10


def virtual(cache: Path, off: float, simulated: bool) -> VirtualTools:
    """The 60 tools live, a share of them switched off, with or without a simulator."""
    known = {tool.place: tool for tool in tools().values()}

    async def live(call: Call) -> Mapping[str, Any]:
        return answered(known[f"{call.category}/{call.tool}/{call.api}"], call.arguments)

    return VirtualTools(
        cache, {place: tool.document for place, tool in known.items()}, live, ToolPlayer(WRONG) if simulated else None,
        switched_off(known, off),
    )  # fmt: skip


async def solved(agent: ToolAgent, given: Sequence[Task], runs: int) -> dict[str, list[Response]]:
    """Task's item -> the agent's answers, one a run."""
    items = {task.prompt.id: str(task.prompt.item) for task in given}
    found: dict[str, list[Response]] = {name: [] for name in items.values()}
    async for one in agent.answer([task.prompt for task in given], Sampling(samples=range(runs))):
        found[items[one.prompt]].append(one)
    return found


def labels(answers: Mapping[str, Sequence[Response]], given: Sequence[Task]) -> dict[str, list[str]]:
    """By rule: the answer is the last call's, word for word."""
    right = {str(task.prompt.item): task.answer for task in given}
    return {
        item: ["Solved" if one.text == right[item] else "Unsolved" for one in held]
        for item, held in answers.items()
    }


async def of_agents(work: Path) -> dict[str, Any]:
    given = tasks(TASKS)
    names = [str(task.prompt.item) for task in given]
    models = {p: ToolUser({task.prompt.text: task for task in given}, p) for p in SUCCESS}
    rows: list[dict[str, Any]] = []
    held: dict[tuple[bool, float, float], dict[str, list[str]]] = {}
    again: dict[str, Any] = {}
    for simulated in (True, False):
        for off in OFF:
            cache = work / f"{simulated}-{off}.sqlite"
            cache.unlink(missing_ok=True)
            tools_ = virtual(cache, off, simulated)
            async with serving_tools(tools_, Address(port=0)) as held_at:
                agents = {p: tool_agent(model=model, tools=held_at.url) for p, model in models.items()}
                answers = {p: await solved(agent, given, RUNS) for p, agent in agents.items()}
                counts = dict(tools_.counts)
                if simulated and off == OFF[-1]:
                    warm = {p: await solved(agent, given, RUNS) for p, agent in agents.items()}
                    more = {name: tools_.counts[name] - counts[name] for name in counts}
                    again = {
                        "equal": all(warm[p][i] == answers[p][i] for p in SUCCESS for i in names),
                        "answers": len(SUCCESS) * TASKS * RUNS,
                        "counts": more,
                    }
            tools_.close()
            for p in SUCCESS:
                held[simulated, off, p] = labels(answers[p], given)
                rate = pass_rate(held[simulated, off, p], names)
                change = _change(held[simulated, off, p], held[simulated, 0.0, p], names)
                rows.append(
                    {"virtual": simulated, "off": off, "success": p, "rate": rate.rate, "low": rate.low, "high": rate.high,
                     "change": change, "counts": counts}
                )  # fmt: skip
    low, high = SUCCESS
    runs = [
        win_shares(*({n: one[run : run + 1] for n, one in held[True, 0.0, p].items()} for p in (high, low)), {}, names)
        for run in range(RUNS)
    ]  # fmt: skip
    shares = {name: float(np.mean([one[name] for one in runs])) for name in names}
    found = win_rate(shares)
    expected = high * (1 - low) + 0.5 * (high * low + (1 - high) * (1 - low))
    error = float(np.std(list(shares.values()), ddof=1)) / TASKS**0.5
    return {
        "tools": len(tools()), "tasks": TASKS, "rows": rows, "again": again,
        "wins": {"estimate": found[0], "low": found[1], "high": found[2], "expected": expected, "errors": (found[0] - expected) / error},
        "fidelity": await _fidelity(work, given),
    }  # fmt: skip


def _change(
    first: Mapping[str, list[str]], second: Mapping[str, list[str]], names: Sequence[str]
) -> dict[str, float]:
    """Points of pass rate by which `first` lies above `second`, paired by task."""
    solved_ = [
        np.array([np.mean([one == "Solved" for one in held[n]]) for n in names]) for held in (first, second)
    ]
    place = (1 + solved_[0] - solved_[1]) / 2
    mean = clustered_mean(place, np.ones(len(place)), np.arange(len(place), dtype=np.int32))
    low, high = score_interval(mean)
    return {
        "estimate": 200 * mean.mean - 100,
        "low": 200 * low - 100,
        "high": 200 * high - 100,
        "n": len(names),
    }


async def _fidelity(work: Path, given: Sequence[Task]) -> dict[str, float]:
    """How often the simulator answers the tasks' own calls as the tool would."""
    from winsome.standings.intervals import wilson

    known = tools()
    calls: dict[str, tuple[Call, Any]] = {}
    for task in given:
        value: Any = None
        for name, arguments in task.calls:
            call = Call(known[name].category, name, "call", filled(arguments, value))
            value = known[name].run(call.arguments)
            calls[call.key] = (call, value)
    held = virtual(work / "fidelity.sqlite", 0.0, True)
    right = await fidelity(held, list(calls.values()))
    held.close()
    share = sum(right) / len(right)
    low, high = wilson(share, len(right), 1.959964)
    return {"estimate": 100 * share, "low": 100 * low, "high": 100 * high, "n": len(right)}


async def of_model(work: Path) -> dict[str, Any]:
    """The small model's pass rates by both searches, and what its replies were."""
    given = tasks(TRIED)
    names = [str(task.prompt.item) for task in given]
    found: dict[str, Any] = {"model": MODEL, "tasks": TRIED}
    tools_ = virtual(work / "model.sqlite", 0.0, True)
    with Ledger.open(work / "ledger.sqlite") as store:
        session = Session(Door(store), 0, work / "runs")
        async with serving_tools(tools_, Address(port=0)) as held_at:
            for search in get_args(Search):
                model = session.open(f"{MODEL}?max_tokens=48&temperature=0.7", Contender)
                agent = tool_agent(model=model, tools=held_at.url, search=search, longest=3)
                answers = await solved(agent, given, 1)
                traces = [json.loads(one.thinking) for (one,) in answers.values()]
                rate = pass_rate(labels(answers, given), names)
                found[search] = {
                    "rate": rate.rate, "low": rate.low, "high": rate.high, "finished": sum(t["finished"] for t in traces),
                    "called": sum(t["calls"] > 0 for t in traces), "asked": sum(t["asked"] for t in traces),
                }  # fmt: skip
        await session.close()
    tools_.close()
    return found


def main() -> None:
    jobs: dict[str, Callable[[Path], dict[str, Any]]] = {
        "agents": lambda work: asyncio.run(of_agents(work)),
        "model": lambda work: asyncio.run(of_model(work)),
    }
    parser = parts.arguments("system_048", __doc__, [*jobs, "published"], OUT)
    parser.add_argument("--queries", type=Path, help="the published tasks")
    parser.add_argument("--words", type=int, default=160, help="tokens of an agent's reply on them, at most")
    given = parser.parse_args()
    if given.queries is not None:
        jobs["published"] = lambda work: asyncio.run(of_published(work, given.queries, given.words))
    parts.run(jobs, given, page)


def page(kept: Mapping[str, Any]) -> str:
    """docs/results/virtual-tools.md, from its figures."""

    def told(one: Mapping[str, float], scale: float = 100.0) -> str:
        return f"{scale * one['rate']:.1f}% ({scale * one['low']:.1f} to {scale * one['high']:.1f})"

    lines = [
        "# Tools that go away", "",
        "StableToolBench's virtual tool server (Guo et al. 2024) where every answer is known. Made by `python -m benchmarks.system_048`, seed 0, 2 cores, no",
        "GPU; written from `virtual-tools.json` beside it. 95% intervals.", "",
    ]  # fmt: skip
    if "agents" in kept:
        one = kept["agents"]
        wins, again, true = one["wins"], one["again"], one["fidelity"]
        lines += [
            f"{one['tools']} deterministic tools (look-ups, arithmetic, dates), {one['tasks']} tasks of one to three calls, an answer is right word for word. Two agents follow a",
            "task's calls and tell the true result with probability 0.4 or 0.6, three times each; where a tool does not answer they give up. All calls go over HTTP in the original",
            f"protocol, caches are empty at first. *Virtual*: where a tool is off a simulator plays it from its documentation, wrong in {100 * WRONG:.0f}% of its replies",
            f"(fidelity on the tasks' {true['n']} different calls: {true['estimate']:.1f}%, {true['low']:.1f} to {true['high']:.1f}). *Alone*: no simulator. {one['cpu_seconds']} CPU-seconds, {one['date']}.", "",
            "| tools off | agent | virtual: pass rate | change, points | different calls simulated | alone: pass rate | change, points |", "|--:|--:|--:|--:|--:|--:|--:|",
        ]  # fmt: skip
        by = {(row["virtual"], row["off"], row["success"]): row for row in one["rows"]}
        for off in OFF:
            for p in SUCCESS:
                cells: list[str] = []
                for simulated in (True, False):
                    row = by[simulated, off, p]
                    more = row["change"]
                    change = (
                        "–"
                        if off == 0
                        else f"{more['estimate']:+.1f} ({more['low']:+.1f} to {more['high']:+.1f})"
                    )
                    cells += [told(row), change]
                    if simulated:
                        played = row["counts"]["simulated"] / (
                            row["counts"]["simulated"] + row["counts"]["live"]
                        )
                        cells.append(f"{100 * played:.1f}%")
                lines.append(f"| {100 * off:.0f}% | {p} | {' | '.join(cells)} |")
        seen = [row for row in one["rows"] if row["virtual"] and row["off"] and row["change"]["high"] < 0.0]
        shares = " and ".join(sorted({f"{100 * row['off']:.0f}%" for row in seen}))
        rest = "What the simulator gets wrong does not show."
        if seen:
            rest = f"The simulator's errors show where {shares} of the tools are off, by a point or two; without it tens are lost."
        lines += [
            "", rest, "", f"Changes are paired by task (n = {one['tasks']}; where no answer changed the interval is the widest that so many tasks allow). The agent of 0.6 wins {100 * wins['estimate']:.1f}% ({100 * wins['low']:.1f} to {100 * wins['high']:.1f}) against the agent of 0.4, solved beating",
            f"unsolved and ties a half; p1 (1 - p2) + ties / 2 is {100 * wins['expected']:.1f}%, {wins['errors']:+.1f} standard errors away. From the warm cache at 50% off",
            f"{'all' if again['equal'] else 'NOT all'} {again['answers']} answers come again bit for bit, with {again['counts']['simulated']} calls of the simulator and {again['counts']['live']} of live tools.", "",
        ]  # fmt: skip
    if "model" in kept:
        one = kept["model"]
        lines += [
            "## A small model", "",
            f"`{one['model']}` as an agent on {one['tasks']} of the tasks, at most 3 steps a chain; {one['cpu_seconds']} CPU-seconds, {one['date']}.", "",
            "| search | pass rate | finished | called a tool | replies |", "|---|--:|--:|--:|--:|",
        ]  # fmt: skip
        lines += [
            f"| {'one chain' if search == 'cot' else 'depth-first, width 2'} | {told(one[search])} | {one[search]['finished']} | {one[search]['called']} | {one[search]['asked']} |"
            for search in ("cot", "dfs")
        ]
        none = not any(one[search][what] for search in ("cot", "dfs") for what in ("finished", "called"))
        lines += ["", "None of its replies is an action that can be read, so every task ends with the first reply, given up: at this size a model is no agent." if none
                  else "It shows the way of a real model through search, server and score; nothing is claimed of the two searches.", ""]  # fmt: skip
    if "published" in kept:
        lines += section(kept["published"])
    return "\n".join(lines)


if __name__ == "__main__":
    main()
