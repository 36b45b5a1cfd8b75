"""A small model as agent, tool and judge on published tasks of StableToolBench: the whole way from query to figure; see `system_048`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import compared
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.matchmaking.settings import Settings
from winsome.protocols import Contender
from winsome.records import Sampling
from winsome.server.serving import Address
from winsome.server.virtual_tools import serving_tools
from winsome.suites.stable_tool_bench import GROUPS, documents
from winsome.suites.virtual_tools import VirtualTools

MODEL = "embedded:smollm2-135m"
TASKS = 40
SIMULATED = 128
"""Tokens of a simulated tool's reply at most."""


def picked(queries: Path, folder: Path) -> Path:
    """The first tasks of every group, TASKS in all, as a folder of the published form."""
    if not queries.is_dir():
        raise BadInput(
            f"{queries}: is no folder; save solvable_queries/test_instruction of THUNLP-MT/StableToolBench there"
        )
    folder.mkdir(exist_ok=True)
    left = TASKS
    for place, group in enumerate(GROUPS):
        count = -(-left // (len(GROUPS) - place))
        rows = json.loads((queries / f"{group}.json").read_text("utf-8"))[:count]
        (folder / f"{group}.json").write_text(json.dumps(rows), "utf-8")
        left -= count
    return folder


async def of_published(work: Path, queries: Path, words: int) -> dict[str, Any]:
    """Both figures of one chain against depth-first search, with what the replies were and how many calls each tier answered.

    words: tokens of an agent's reply at most.
    """
    tasks = picked(queries, work / "tasks")
    found: dict[str, Any] = {"model": MODEL, "tasks": TASKS, "words": words}
    with Ledger.open(work / "published.sqlite") as store:
        session = Session(Door(store), 0, work / "runs")
        tools = VirtualTools(
            work / "published-tools.sqlite",
            documents(tasks),
            simulator=session.open(f"{MODEL}?max_tokens={SIMULATED}", Contender),
        )
        async with serving_tools(tools, Address(port=0)) as at:
            agents = [
                f"tool_agent?model=({MODEL}?max_tokens={words})&tools={at.url}&search={search}&longest=3"
                for search in ("cot", "dfs")
            ]
            for metric in ("pass", "win"):
                settings = Settings(
                    judge=f"tool_eval?model={MODEL}&metric={metric}&max_tokens=128",
                    suite=f"stable_tool_bench?path={tasks}&metric={metric}",
                    baseline=agents[0] if metric == "win" else None, sampling=Sampling(temperature=0.0, max_tokens=words),
                )  # fmt: skip
                done = await compared(session, agents, settings, "python -m benchmarks.system_048", True)
                found[metric] = {
                    _search(row.contender): {
                        "estimate": row.estimate,
                        "low": row.low,
                        "high": row.high,
                        "n": row.n,
                    }
                    for row in done.standings.rows
                }
        await session.close()
        tools.close()
        asks = pl.read_parquet(done.folder / "asks.parquet")
        found["traces"] = {}
        own: set[str] = set()
        origins: Counter[str] = Counter()
        for side in ("a", "b"):
            held = store.responses(asks[f"response_{side}"].unique().to_list()).values()
            traces = [json.loads(one.thinking) for one in held]
            own |= {parent for one in held for parent in one.parents}
            origins.update(step["origin"] for trace in traces for step in trace["steps"])
            found["traces"][_search(str(asks[side][0]))] = {
                "answers": len(traces), "finished": sum(t["finished"] for t in traces), "replies": sum(t["asked"] for t in traces),
                "calls": sum(t["calls"] for t in traces),
            }  # fmt: skip
        said = [(one.text, one.finish) for one in store.responses(own).values()]
        found["replies"] = {
            "different": len(said), "cut": sum(finish == "length" for _, finish in said), "begin an action": sum('"tool"' in text or '"finish"' in text for text, _ in said),
        }  # fmt: skip
    return found | {"origins": dict(sorted(origins.items()))}


def _search(name: str) -> str:
    return "dfs" if "search=dfs" in name else "cot"


def section(one: Mapping[str, Any]) -> list[str]:
    """What of docs/results/virtual-tools.md is about the published tasks."""

    def told(figure: Mapping[str, Any]) -> str:
        return f"{figure['estimate']:.1f}% ({figure['low']:.1f} to {figure['high']:.1f})"

    seen, origins = one["traces"], one["origins"]
    lines = [
        "## Published tasks", "",
        f"The same model as agent, as simulator of the tools and as judge on the first {one['tasks']} of StableToolBench's 765 tasks, by equal parts of its six groups, live tools off, replies of",
        f"{one['words']} tokens at most, chains of 3 steps; `winsome compare` with `--suite stable_tool_bench`; {one['cpu_seconds']} CPU-seconds in the run that asked most of it, {one['date']}.", "",
        "| search | solvable pass rate | solvable win rate over one chain | finished | replies | calls of tools |", "|---|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for search, name in (("cot", "one chain"), ("dfs", "depth-first, width 2")):
        wins = "–" if search == "cot" else told(one["win"][search])
        trace = seen[search]
        lines.append(
            f"| {name} | {told(one['pass'][search])} | {wins} | {trace['finished']} of {trace['answers']} | {trace['replies']} | {trace['calls']} |"
        )
    return [
        *lines, "",
        f"What tools said on the paths that the searches ended on: {', '.join(f'{n} times {tier}' for tier, n in origins.items()) or 'nothing'}. {_why(one)} Nothing is claimed of the two searches.", "",
    ]  # fmt: skip


def _why(one: Mapping[str, Any]) -> str:
    seen, said = one["traces"].values(), one["replies"]
    told = f"Of {said['different']} different replies {said['begin an action']} begin an action and {said['cut']} are cut"
    if any(trace["finished"] or trace["calls"] for trace in seen):
        if set(one["origins"]) == {"rejected"}:
            return f"{told}; every call is of a tool that is not in the task's documentation (rejected), so judge and simulator were never asked."
        return f"{told}."
    return f"{told}; none is an action that can be read, so judge and simulator were never asked."
