"""An agent over HTTP: its actions, its trace, tools that are off, a warm cache, and the original protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")

from tests.cli.typed import COMMAND
from tests.judges.scripted import Scripted
from winsome.agents.tool_agent import action_of, asking, tool_agent
from winsome.agents.tool_search import Action, Step
from winsome.cli.command import main
from winsome.errors import BadInput, Transient
from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import compared
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.matchmaking.settings import Settings
from winsome.records import Sampling, Suite
from winsome.sandbox.tools import EACH, GROUPS, ToolPlayer, ToolUser, answered, filled, tasks, tools
from winsome.server.serving import Address
from winsome.server.virtual_tools import serving_tools
from winsome.suites.stable_tool_bench import documents
from winsome.suites.virtual_tools import Call, VirtualTools, fidelity, switched_off

KNOWN = {tool.place: tool for tool in tools().values()}
GIVEN = tasks(12)


def virtual(folder: Path, off: float = 0.0, simulator: Any = None) -> VirtualTools:
    async def live(call: Call) -> dict[str, Any]:
        return answered(KNOWN[f"{call.category}/{call.tool}/{call.api}"], call.arguments)

    held = {place: tool.document for place, tool in KNOWN.items()}
    return VirtualTools(folder / "cache.sqlite", held, live, simulator, switched_off(KNOWN, off))


def user(success: float) -> ToolUser:
    return ToolUser({task.prompt.text: task for task in GIVEN}, success)


def able() -> ToolUser:
    return user(1.0)


def unable() -> ToolUser:
    return user(0.0)


# The world of tools


def test_sixty_tools_in_three_groups_and_tasks_whose_calls_give_their_answers() -> None:
    assert len(KNOWN) == 3 * EACH == 60
    assert {tool.category for tool in KNOWN.values()} == set(GROUPS)
    many = tasks(200)
    assert len({task.prompt.id for task in many}) == 200
    assert {len(task.calls) for task in many} == {1, 2, 3}
    assert many == tasks(200)
    by_name = tools()
    for task in many[:50]:
        value: Any = None
        for name, arguments in task.calls:
            assert by_name[name].function in task.prompt.tools
            value = by_name[name].run(filled(arguments, value))
        assert str(value) == task.answer


def test_wrong_arguments_are_real_behaviour() -> None:
    tool = KNOWN["arithmetic/formula_0/call"]
    assert "wrong arguments" in answered(tool, {"y": 1})["response"]
    assert "wrong arguments" in answered(tool, {"x": "many"})["response"]


# Actions


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('{"tool": "f", "arguments": {"x": 1}}', ("f", {"x": 1}, None)),
        ('I call it.\n```json\n{"tool": "f", "arguments": {}}\n```', ("f", {}, None)),
        ('{"finish": "42"}', ("", None, "42")),
        ('{"finish": {"a": 1}}', ("", None, '{"a":1}')),
        ('{"give_up": "no way"}', ("", None, None)),
        ('{"tool": "f", "arguments": "x=1"}', ("", None, None)),
        ("The answer is 42.", ("", None, None)),
    ],
)
def test_replies_are_read_as_actions(text: str, action: tuple[Any, ...]) -> None:
    found = action_of(text)
    assert (found.tool, found.arguments, found.answer) == action


def test_the_model_sees_tools_task_and_what_the_tools_answered() -> None:
    task = GIVEN[0]
    shown = asking(task.prompt, [Step(Action('{"tool": "f"}', "f", {}), '{"response": 3}')])
    assert task.prompt.text in shown.messages[0].text
    assert all(tool["function"]["name"] in shown.messages[0].text for tool in task.prompt.tools)
    assert [message.text for message in shown.messages[1:]] == [
        '{"tool": "f"}',
        'The tool answered: {"response": 3}',
    ]


# Over HTTP


async def test_an_able_agent_solves_all_and_its_trace_stays_from_judges(tmp_path: Path) -> None:
    held = virtual(tmp_path)
    async with serving_tools(held, Address(port=0)) as at:
        agent = tool_agent(model=user(1.0), tools=at.url)
        answers = {r.prompt: r async for r in agent.answer([task.prompt for task in GIVEN], Sampling())}
    for task in GIVEN:
        response = answers[task.prompt.id]
        assert response.text == task.answer
        trace = json.loads(response.thinking)
        assert (trace["finished"], trace["calls"]) == (True, len(task.calls))
        assert response.usage.calls == len(task.calls) + 1
    held.close()


async def test_tools_that_are_off_are_played_or_give_no_answer_and_a_warm_cache_asks_nobody(
    tmp_path: Path,
) -> None:
    prompts = [task.prompt for task in GIVEN]
    bare, played = virtual(tmp_path / "a", 1.0), virtual(tmp_path / "b", 1.0, ToolPlayer())
    async with serving_tools(bare, Address(port=0)) as at:
        agent = tool_agent(model=user(1.0), tools=at.url, search="dfs")
        assert [r.text async for r in agent.answer(prompts, Sampling())] == [""] * len(prompts)
    async with serving_tools(played, Address(port=0)) as at:
        agent = tool_agent(model=user(1.0), tools=at.url)
        first = [r async for r in agent.answer(prompts, Sampling())]
        counts = dict(played.counts)
        again = [r async for r in agent.answer(prompts, Sampling())]
    assert [r.text for r in first] == [task.answer for task in GIVEN]
    assert (counts["live"], played.counts["simulated"]) == (0, counts["simulated"])
    assert again == first
    assert agent.rests_on(first) == "12 of 12 answers (100.0%) rest on simulated tools"
    bare.close()
    played.close()


async def test_a_comparison_says_what_share_of_answers_rests_on_simulated_tools(tmp_path: Path) -> None:
    """Half of the tools are off: a task rests on the simulator where one of its calls is of those, by the tasks' own calls."""
    held = virtual(tmp_path / "tools", 0.5, ToolPlayer())
    off = {place.split("/")[1] for place in switched_off(KNOWN, 0.5)}
    expected = sum(any(name in off for name, _ in task.calls) for task in GIVEN)
    assert 0 < expected < len(GIVEN)
    with Ledger.open(tmp_path / "l.sqlite") as store:
        session = Session(Door(store), 0, tmp_path / "runs")
        async with serving_tools(held, Address(port=0)) as at:
            agents = [
                f"tool_agent?model=(tests.agents.test_tool_agent:{name})&tools={at.url}"
                for name in ("able", "unable")
            ]
            suite = Suite("tasks", "1", [task.prompt for task in GIVEN])
            found = await compared(
                session, agents, Settings(judge="regex?pattern=^[0-9]", suite=suite), "", True
            )
        await session.close()
    held.close()
    for name in agents:
        line = f"{expected} of {len(GIVEN)} answers ({expected / len(GIVEN):.1%}) rest on simulated tools"
        assert any(
            note.endswith(line) and note.startswith(name.partition("?")[0]) for note in found.record["notes"]
        )


async def test_a_server_that_is_gone_is_said_and_bad_settings_are_refused(tmp_path: Path) -> None:
    held = virtual(tmp_path)
    async with serving_tools(held, Address(port=0)) as at:
        pass
    agent = tool_agent(model=user(1.0), tools=at.url)
    with pytest.raises(Transient, match="is the tool server running"):
        _ = [r async for r in agent.answer([GIVEN[0].prompt], Sampling())]
    with pytest.raises(BadInput, match="no address"):
        tool_agent(model=user(1.0), tools="virtual")
    with pytest.raises(BadInput, match="at least 1"):
        tool_agent(model=user(1.0), tools=at.url, longest=0)
    assert (
        tool_agent(model=user(1.0), tools=at.url).id
        == tool_agent(model=user(1.0), tools="http://other/virtual").id
    )
    held.close()


async def test_draws_of_one_task_are_told_apart(tmp_path: Path) -> None:
    """Each draw asks the model for draws of its own, two a place for the search's two tries."""
    seen: list[int] = []

    def say(prompt: Any, draw: int, sampling: Any) -> str:
        seen.append(draw)
        return '{"finish": "x"}'

    held = virtual(tmp_path)
    async with serving_tools(held, Address(port=0)) as at:
        agent = tool_agent(model=Scripted(say), tools=at.url)
        found = [r async for r in agent.answer([GIVEN[0].prompt], Sampling(samples=range(3)))]
    assert seen == [0, 2, 4]
    assert len({r.key for r in found}) == 3
    held.close()


# Fidelity, shares, documents


async def test_fidelity_is_the_share_of_calls_that_are_played_as_the_tool_answers(tmp_path: Path) -> None:
    calls = [
        (call := Call("arithmetic", f"formula_{k % EACH}", "call", {"x": k}), KNOWN[f"{call.category}/{call.tool}/call"].run({"x": k}))
        for k in range(200)
    ]  # fmt: skip
    exact = virtual(tmp_path / "a", simulator=ToolPlayer())
    assert all(await fidelity(exact, calls))
    rough = virtual(tmp_path / "b", simulator=ToolPlayer(0.25))
    # 200 calls: a standard error of 0.03
    assert sum(await fidelity(rough, calls)) / 200 == pytest.approx(0.75, abs=0.1)
    assert rough.counts["simulated"] == 0
    exact.close()
    rough.close()


def test_a_larger_share_switches_off_what_a_smaller_one_does() -> None:
    few, many = switched_off(KNOWN, 0.1), switched_off(KNOWN, 0.5)
    assert (len(few), len(many)) == (6, 30)
    assert few < many
    assert switched_off(KNOWN, 0.1, seed=1) != few


def published(folder: Path) -> Path:
    api = {
        "category_name": "Data", "tool_name": "Shop", "api_name": "Get Price", "api_description": "The price.",
        "required_parameters": [{"name": "item", "type": "STRING"}],
    }  # fmt: skip
    (folder / "G1_tool.json").write_text(json.dumps([{"query": "What?", "query_id": 1, "api_list": [api]}]))
    return folder / "G1_tool.json"


def test_documents_are_those_of_the_tasks(tmp_path: Path) -> None:
    assert list(documents(published(tmp_path))) == ["Data/Shop/Get Price"]
    assert "The price." in documents(tmp_path)["Data/Shop/Get Price"]
    (tmp_path / "G1_tool.json").write_text(
        json.dumps([{"query": "What?", "query_id": 1, "api_list": [{"tool_name": "x"}]}])
    )
    with pytest.raises(BadInput, match="record 1 has an API without"):
        documents(tmp_path)


def test_tools_are_served_from_the_command_line_in_the_original_protocol(tmp_path: Path) -> None:
    """Unknown tools, arguments that are no JSON, nothing cached and nobody to ask: each is an error answer, as in the original."""
    place = published(tmp_path)
    words = [
        str(COMMAND),
        "tools",
        "serve",
        "--cache",
        "cache.sqlite",
        "--documents",
        str(place),
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"}
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        url = re.search(r"http://\S+/virtual", line)
        assert url is not None, line

        def ask(body: dict[str, Any]) -> tuple[int, Any]:
            request = urllib.request.Request(url[0], json.dumps(body).encode())  # type: ignore[index]
            try:
                with urllib.request.urlopen(request, timeout=20) as reply:
                    return reply.status, json.loads(reply.read())
            except urllib.error.HTTPError as error:
                return error.code, json.loads(error.read())

        given = {
            "category": "Data",
            "tool_name": "Shop",
            "api_name": "Get Price",
            "strip": "",
            "toolbench_key": "",
        }
        assert ask(given | {"api_name": "Sell"})[1]["error"] == "API Sell of Shop is not in the documentation"
        assert "parse error" in ask(given | {"tool_input": "{no"})[1]["error"]
        status, said = ask(given | {"tool_input": '{"item": "lamp"}'})
        assert (status, "live=off" in said["error"]) == (503, True)
        assert ask({"function": "get_price_for_shop", "tool_input": {"item": "lamp"}}) == (status, said)
    finally:
        process.kill()
        process.wait()


def test_switching_tools_off_needs_live_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = published(tmp_path)
    began = time.monotonic()
    words = [
        "tools",
        "serve",
        "--cache",
        str(tmp_path / "c.sqlite"),
        "--documents",
        str(place),
        "--fail-tools",
        "0.5",
    ]
    assert main(words) == 2
    assert "none are on" in capsys.readouterr().err
    assert time.monotonic() - began < 20


def test_765_tasks_by_both_searches_are_planned_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 replies a chain, 60 a depth-first search; a call reads task and tools, and on average 5.5 answers of 1,024 characters."""
    import winsome

    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-used")
    row = json.loads(published(tmp_path).read_text())[0]
    rows = [row | {"query": f"{n:04d}", "query_id": n} for n in range(765)]
    (tmp_path / "many.json").write_text(json.dumps(rows))
    suite: winsome.Suite = winsome.open(
        f"stable_tool_bench?path={tmp_path}/many.json", "suite", ledger=tmp_path / "l.sqlite"
    )
    tools_ = len(json.dumps(suite.prompts[0].tools[0], separators=(",", ":")))
    seen: list[Any] = []

    def look(planned: Any) -> bool:
        seen.append(planned)
        return False

    agents = [
        f"tool_agent?model=(openai:gpt-4o-mini)&tools=http://127.0.0.1:9/virtual&search={s}"
        for s in ("cot", "dfs")
    ]
    with pytest.raises(BadInput, match="not confirmed"):
        winsome.compare(*agents, suite=suite, judge="openai:gpt-4o-mini", ledger=tmp_path / "l.sqlite", folder=tmp_path, quiet=True, confirm=look)  # fmt: skip
    chain, search, _ = seen[0].loads
    assert (chain.calls, search.calls) == (765 * 12, 765 * 60)
    assert chain.tokens_in == pytest.approx(765 * 12 * ((4 + tools_) / 3.5 + 5.5 * 1024 / 3.5), abs=1)
    assert search.money == pytest.approx(5 * chain.money)
    assert chain.money > 0
