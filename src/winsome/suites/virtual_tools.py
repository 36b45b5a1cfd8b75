"""Tools that give the same answer next year: a cache, then the live tool where that is allowed, then a model that plays the tool.

Cache keys are canonical (sorted names, types kept), so equal arguments in another order hit. Every cached row says where it came from;
simulated rows never become examples for the simulator. Equal calls under way at once make one call.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import orjson

from winsome.errors import BadInput, Unsupported
from winsome.judges.json_slot import objects
from winsome.protocols import Contender
from winsome.records import Prompt, Sampling, digest, user

FORMAT = 1
EXAMPLES, EXAMPLE_CHARACTERS, TRIES = 5, 2048, 3
Origin = Literal["real", "simulated", "rejected"]
Live = Callable[["Call"], Awaitable[Mapping[str, Any]]]
_INVALID = re.compile(
    r"rate limit|too many requests|quota exceeded|not subscribed|unauthori[sz]ed|authori[sz]ation|forbidden|"
    r"(?:page|endpoint|api|resource|url) (?:was )?not found|does not exist on this server|internal server error|bad gateway|"
    r"service unavailable|gateway time-?out|\b(?:http|status|error|code)\W{0,3}(?:code)?\W{0,3}(?:4\d\d|5\d\d)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Call:
    """One call of an API with its arguments."""

    category: str
    tool: str
    api: str
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        return digest([self.category, self.tool, self.api, dict(self.arguments)])


@dataclass(frozen=True)
class ToolAnswer:
    """What the tool said: error ("" where none), response, and where it came from; cached: whether it was known already."""

    error: str
    response: Any
    origin: Origin
    cached: bool = False

    def payload(self) -> dict[str, Any]:
        return {"error": self.error, "response": self.response}


def call_of(body: Mapping[str, Any]) -> Call | ToolAnswer:
    """The call in a request as the original protocol writes it, or the error answer for arguments that are not JSON."""
    given: Any = body.get("tool_input") or {}
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except ValueError:
            return ToolAnswer(f"Tool input parse error: {given[:200]}", "", "rejected")
    if not isinstance(given, Mapping):
        return ToolAnswer(f"Tool input is no object: {str(given)[:200]}", "", "rejected")
    names = [str(body.get(name, "")) for name in ("category", "tool_name", "api_name")]
    return Call(names[0], names[1], names[2], dict(given))  # pyright: ignore[reportUnknownArgumentType]


def is_valid(answer: Mapping[str, Any]) -> str:
    """Why a live answer is not kept; empty where it is valid. A wrong keyword is real behaviour of a tool and is kept.

    Numbers such as a price of 1500 say nothing; an error status does.
    """
    error, response = str(answer.get("error") or ""), answer.get("response")
    told = f"{error} {response if isinstance(response, str) else orjson.dumps(response).decode()}"
    if "unexpected keyword argument" in told:
        return ""
    if error:
        return f"error: {error[:80]}"
    if response in (None, "", [], {}):
        return "empty"
    found = _INVALID.search(told)
    return f"says {found[0]!r}" if found else ""


@dataclass
class VirtualTools:
    """documents: "category/tool/api" -> its documentation. live: None keeps the network out.

    fail: APIs whose live tool is switched off; the cache and the simulator stand in for them, without both the call is an error.
    """

    cache: Path
    documents: Mapping[str, str]
    live: Live | None = None
    simulator: Contender | None = None
    fail: frozenset[str] = frozenset()
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("cache", "live", "simulated", "rejected"), 0)
    )
    _under_way: dict[str, asyncio.Future[ToolAnswer]] = field(
        default_factory=dict[str, "asyncio.Future[ToolAnswer]"]
    )

    def __post_init__(self) -> None:
        self.cache.parent.mkdir(parents=True, exist_ok=True)
        self._rows = sqlite3.connect(self.cache)
        version = self._rows.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise BadInput(
                f"{self.cache}: is a cache of format {version}, this version reads {FORMAT}; give another file"
            )
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, api TEXT, arguments TEXT, answer TEXT, origin TEXT, by TEXT)"
        )
        self._rows.execute(f"PRAGMA user_version = {FORMAT}")
        self._rows.commit()

    def close(self) -> None:
        self._rows.close()

    async def answer(self, call: Call) -> ToolAnswer:
        """The answer to a call; equal calls under way share it. Unsupported where it is not cached and nobody may be asked."""
        place = f"{call.category}/{call.tool}/{call.api}"
        if place not in self.documents:
            return ToolAnswer(f"API {call.api} of {call.tool} is not in the documentation", "", "rejected")
        known = self._known(call.key)
        if known is not None:
            self.counts["cache"] += 1
            return known
        waiting = self._under_way.get(call.key)
        if waiting is not None:
            return await waiting
        future = self._under_way[call.key] = asyncio.get_running_loop().create_future()
        try:
            found = await self._fresh(call, place)
            future.set_result(found)
            return found
        except BaseException as error:
            future.set_exception(error)
            future.exception()
            raise
        finally:
            del self._under_way[call.key]

    async def _fresh(self, call: Call, place: str) -> ToolAnswer:
        if self.live is not None and place not in self.fail:
            raw = await self.live(call)
            why = is_valid(raw)
            if not why:
                self.counts["live"] += 1
                return self._keep(
                    call, place, ToolAnswer(str(raw.get("error") or ""), raw.get("response"), "real"), "live"
                )
            self.counts["rejected"] += 1
        if self.simulator is None and (self.live is not None or place in self.fail):
            return ToolAnswer("This API is not available", "", "rejected")
        if self.simulator is None:
            raise Unsupported(
                f"{place}: is not cached and live=off; name a simulator, or allow live calls by live=on"
            )
        found = await self.simulated(call, place, self.simulator)
        if found.origin == "rejected":
            self.counts["rejected"] += 1
            return found
        self.counts["simulated"] += 1
        return self._keep(call, place, found, f"{self.simulator.name} {self.asking(call, place).id}")

    async def simulated(self, call: Call, place: str, simulator: Contender) -> ToolAnswer:
        """What the simulator answers, which is not kept; three replies that are no JSON are a rejected one."""
        ask = self.asking(call, place)
        for draw in range(TRIES):
            sampling = Sampling(
                samples=range(draw, draw + 1), temperature=0.0 if draw == 0 else 0.7, max_tokens=2048
            )
            async for response in simulator.answer([ask], sampling):
                rows = [row for row in objects(response.text) if "response" in row]
                if rows:
                    return ToolAnswer(str(rows[-1].get("error") or ""), rows[-1]["response"], "simulated")
        return ToolAnswer("Failed to generate a response for this call", "", "rejected")

    def asking(self, call: Call, place: str) -> Prompt:
        """What the simulator is asked: documentation, up to five real calls of the API, the arguments."""
        text = (resources.files("winsome.suites") / "prompts" / "tool_simulate@1.txt").read_text("utf-8")
        shown, room = list[str](), EXAMPLE_CHARACTERS
        for arguments, answer in self._rows.execute(
            "SELECT arguments, answer FROM calls WHERE api = ? AND origin = 'real' ORDER BY key LIMIT ?",
            (place, EXAMPLES),
        ):
            example = f"{arguments} -> {answer}"
            if len(example) <= room:
                shown.append(example)
                room -= len(example)
        told = text.replace("<documentation>", self.documents[place]).replace(
            "<examples>", "\n".join(shown) or "(none)"
        )
        return Prompt(
            (
                user(
                    told.replace(
                        "<arguments>", orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode()
                    )
                ),
            )
        )

    def _known(self, key: str) -> ToolAnswer | None:
        row = self._rows.execute("SELECT answer, origin FROM calls WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        held = orjson.loads(row[0])
        return ToolAnswer(held["error"], held["response"], row[1], cached=True)

    def _keep(self, call: Call, place: str, answer: ToolAnswer, by: str) -> ToolAnswer:
        arguments = orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode()
        self._rows.execute(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?)",
            (call.key, place, arguments, orjson.dumps(answer.payload()).decode(), answer.origin, by),
        )
        self._rows.commit()
        return answer


async def fidelity(tools: VirtualTools, held_out: Sequence[tuple[Call, Any]]) -> list[bool]:
    """Whether the simulator answers each real call, held out of its examples, as the tool did. Raises Unsupported without one."""
    if tools.simulator is None:
        raise Unsupported("fidelity: there is no simulator to measure; name one")
    found: list[bool] = []
    for call, response in held_out:
        said = await tools.simulated(call, f"{call.category}/{call.tool}/{call.api}", tools.simulator)
        found.append(not said.error and said.response == response)
    return found


def switched_off(places: Iterable[str], share: float, seed: int = 0) -> frozenset[str]:
    """A share of the APIs, drawn by `seed`; smaller shares are contained in larger ones."""
    order = sorted(places, key=lambda place: digest([seed, place]))
    return frozenset(order[: round(share * len(order))])
