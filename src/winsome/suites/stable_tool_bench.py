"""StableToolBench: 765 solvable tasks for agents that call web tools, in six groups, each with its tools' documentation.

Source: Guo et al. 2024; github.com/THUNLP-MT/StableToolBench (Apache-2.0). Prompts carry the tools in the form that servers take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.fields import items, label, mapping, text, wrong
from winsome.ledger.formats.reading import Source, read
from winsome.records import Prompt, Suite, user
from winsome.suites.card import Card

GROUPS: Mapping[str, int] = {
    "G1_instruction": 163,
    "G1_category": 153,
    "G1_tool": 158,
    "G2_instruction": 106,
    "G2_category": 124,
    "G3_instruction": 61,
}
"""Group -> how many of its tasks are solvable."""

CARD = Card(
    "stable_tool_bench",
    "765 solvable tasks with web tools in six groups, solvable pass or win rate",
    licence="Apache-2.0",
    source="THUNLP-MT/StableToolBench",
    get="save the folder solvable_queries/test_instruction of THUNLP-MT/StableToolBench",
    prompts=765,
    judge="tool_eval",
    figure="sopr",
    orders=1,
)
CARDS = (CARD,)
_TYPES = {"STRING": "string", "NUMBER": "number", "BOOLEAN": "boolean", "ARRAY": "array", "OBJECT": "object"}


def stable_tool_bench(
    *, path: str = "", groups: tuple[str, ...] = (), metric: Literal["pass", "win"] = "pass"
) -> Suite:
    """The tasks in `path`, a folder with a file a group or one such file; `groups` keeps these alone.

    metric: pass is the solvable pass rate, win the solvable win rate against a baseline: solved beats unsolved, otherwise the judge
    compares, both orders shown. A missing answer is unsolved. BadInput for an unknown group, and for a task whose tools have no documentation.
    """
    place = Path(CARD.file(path))
    for group in groups:
        if group not in GROUPS:
            refuse(place, f"has no group {shown(group)} (known: {', '.join(GROUPS)}); choose some")
    files = [place / f"{group}.json" for group in groups or GROUPS] if place.is_dir() else [place]
    there = [file for file in files if file.is_file()]
    if not there:
        refuse(
            place,
            f"holds none of {', '.join(f'{g}.json' for g in groups or GROUPS)[:90]}; give the published folder",
        )
    prompts = [prompt for file in there for prompt in tasks(read(file), file.stem)]
    rules: dict[str, Any] = {"empty": "judge", "failed": "judge", "equal": "judge"}
    if metric == "win":
        rules |= {"judge": "tool_eval?metric=win", "figure": "sowr", "orders": 2}
    return CARD.suite(path, prompts, **rules)


def tasks(source: Source, group: str) -> list[Prompt]:
    """A prompt a task: the query, its tools, the group as category."""
    return [_task(source, place, group) for place in range(len(source.rows))]


def _task(source: Source, place: int, group: str) -> Prompt:
    row = source.rows[place]
    apis = [mapping(api) for api in items(row.get("api_list"))]
    if not apis:
        wrong(source, place, 'has no "api_list"; give the tools with their documentation')
    return Prompt(
        (user(text(source, place, "query")),),
        tools=tuple(_tool(source, place, api) for api in apis),
        facets={"category": group},
        item=label(source, place, "query_id"),
    )


def _tool(source: Source, place: int, api: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("tool_name", "api_name"):
        if not isinstance(api.get(name), str):
            wrong(source, place, f'has an API without "{name}"; add it')
    required, optional = (_parameters(api.get(f"{kind}_parameters")) for kind in ("required", "optional"))
    return {
        "type": "function",
        "function": {
            "name": function_name(api["tool_name"], api["api_name"]),
            "description": str(api.get("api_description") or ""),
            "parameters": {
                "type": "object",
                "properties": {**required, **optional},
                "required": list(required),
            },
        },
    }


def _parameters(given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in map(mapping, items(given)):
        kind = _TYPES.get(str(entry.get("type", "string")).upper(), "string")
        found[str(entry.get("name"))] = {"type": kind, "description": str(entry.get("description") or "")}
    return found


def function_name(tool: str, api: str) -> str:
    """The name by which a model calls an API: both names in small letters, digits and underscores, at most 64 long."""
    parts = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in (api, tool)]
    return "_for_".join(parts)[-64:]


def documents(path: str | Path) -> dict[str, str]:
    """ "category/tool/api" -> its documentation, of every API that the tasks in a folder of JSON files, or in one, name."""
    place = Path(path)
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    found: dict[str, str] = {}
    for source in map(read, files):
        for number, row in enumerate(source.rows):
            for api in map(mapping, items(row.get("api_list"))):
                names = [api.get(key) for key in ("category_name", "tool_name", "api_name")]
                if not all(isinstance(name, str) for name in names):
                    wrong(source, number, "has an API without category_name, tool_name or api_name; add them")
                kept = {k: v for k, v in api.items() if k not in ("template_response", "category_name")}
                found["/".join(map(str, names))] = orjson.dumps(kept).decode()
    if not found:
        refuse(place, 'holds no tasks with "api_list"; give the folder of tasks, or one of its files')
    return found
