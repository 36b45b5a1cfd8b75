"""Tool-using agents: tasks, the virtual tools' decisions, pass and win rates, and what the original code does otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import winsome
from tests.judges.scripted import Scripted, always, answered, asked, matched, verdicts
from winsome import specs
from winsome.errors import BadInput, Unsupported
from winsome.judges.tool_eval import solved, tool_eval
from winsome.records import Prompt, user
from winsome.standings.tool_scores import pass_rate, win_rate, win_shares
from winsome.suites.stable_tool_bench import GROUPS, function_name
from winsome.suites.virtual_tools import Call, ToolAnswer, VirtualTools, call_of, is_valid

DOCUMENTS = {"Data/Shop/price": "price(item): the price of an item", "Data/Shop/stock": "stock(item)"}
CALL = Call("Data", "Shop", "price", {"item": "lamp", "count": 2})
GOOD = {"error": "", "response": {"price": 1500}}

# Tasks


def task(number: int) -> dict[str, Any]:
    api = {
        "category_name": "Data", "tool_name": "Shop", "api_name": "Get Price", "api_description": "The price.",
        "required_parameters": [{"name": "item", "type": "STRING", "description": "what"}],
        "optional_parameters": [{"name": "count", "type": "NUMBER", "description": ""}],
    }  # fmt: skip
    return {
        "query": f"What does lamp {number} cost?",
        "query_id": number,
        "api_list": [api],
        "relevant APIs": [["Shop", "Get Price"]],
    }


def test_tasks_carry_their_tools(tmp_path: Path) -> None:
    (tmp_path / "G1_tool.json").write_text(json.dumps([task(n) for n in range(3)]))
    (tmp_path / "G3_instruction.json").write_text(json.dumps([task(9)]))
    suite = specs.open_spec(specs.parse(f"stable_tool_bench?path={tmp_path}"), "Suite", None)
    assert [prompt.item for prompt in suite.prompts] == ["0", "1", "2", "9"]
    assert [prompt.facets["category"] for prompt in suite.prompts] == ["G1_tool"] * 3 + ["G3_instruction"]
    function = suite.prompts[0].tools[0]["function"]
    assert function["name"] == function_name("Shop", "Get Price") == "get_price_for_shop"
    assert function["parameters"]["required"] == ["item"]
    assert function["parameters"]["properties"]["count"]["type"] == "number"
    with pytest.raises(BadInput, match="no group"):
        specs.open_spec(specs.parse(f"stable_tool_bench?path={tmp_path}&groups=[G9]"), "Suite", None)
    (tmp_path / "G1_tool.json").write_text(json.dumps([task(1) | {"api_list": []}]))
    with pytest.raises(BadInput, match="record 1 has no"):
        specs.open_spec(specs.parse(f"stable_tool_bench?path={tmp_path}/G1_tool.json"), "Suite", None)


def test_the_published_tasks_are_765_in_six_groups() -> None:
    """Reads the published folder where WINSOME_STABLE_TOOL_BENCH names it."""
    place = os.environ.get("WINSOME_STABLE_TOOL_BENCH")
    if not place:
        pytest.skip("set WINSOME_STABLE_TOOL_BENCH to solvable_queries/test_instruction")
    suite = specs.open_spec(specs.parse(f"stable_tool_bench?path={place}"), "Suite", None)
    counts = {group: sum(p.facets["category"] == group for p in suite.prompts) for group in GROUPS}
    assert counts == GROUPS
    assert len(suite.prompts) == 765 == len({prompt.item for prompt in suite.prompts})


# The virtual tools


def tools(folder: Path, live: Any = None, simulator: Any = None, **settings: Any) -> VirtualTools:
    return VirtualTools(folder / "cache.sqlite", DOCUMENTS, live, simulator, **settings)


def living(answer: Mapping[str, Any], seen: list[Call]) -> Any:
    async def live(call: Call) -> Mapping[str, Any]:
        seen.append(call)
        await asyncio.sleep(0.01)
        return answer

    return live


async def test_a_valid_live_answer_is_kept_and_found_again(tmp_path: Path) -> None:
    seen: list[Call] = []
    virtual = tools(tmp_path, living(GOOD, seen))
    first = await virtual.answer(CALL)
    again = await virtual.answer(Call("Data", "Shop", "price", {"count": 2, "item": "lamp"}))
    assert (first.origin, first.cached, again.cached) == ("real", False, True)
    assert again.response == {"price": 1500}
    assert len(seen) == 1
    assert Call("Data", "Shop", "price", {"item": "lamp", "count": "2"}).key != CALL.key


async def test_an_invalid_live_answer_goes_to_the_simulator(tmp_path: Path) -> None:
    simulator = always('{"error": "", "response": "It costs 3."}')
    virtual = tools(tmp_path, living({"error": "", "response": "Error 503"}, []), simulator)
    found = await virtual.answer(CALL)
    assert (found.origin, found.response) == ("simulated", "It costs 3.")
    assert "price(item)" in simulator.prompts[0].text
    assert (await virtual.answer(CALL)).origin == "simulated"
    assert len(simulator.prompts) == 1
    assert virtual.counts == {"cache": 1, "live": 0, "simulated": 1, "rejected": 1}


async def test_three_replies_that_are_no_json_are_given_up_and_not_kept(tmp_path: Path) -> None:
    simulator = always("I am an API")
    virtual = tools(tmp_path, None, simulator)
    found = await virtual.answer(CALL)
    assert (found.origin, len(simulator.prompts)) == ("rejected", 3)
    await virtual.answer(CALL)
    assert len(simulator.prompts) == 6


async def test_simulated_rows_are_no_examples_and_real_ones_are(tmp_path: Path) -> None:
    simulator = always('{"error": "", "response": "made up"}')
    virtual = tools(tmp_path, living(GOOD, []), simulator)
    await virtual.answer(CALL)
    virtual.live = None
    other = Call("Data", "Shop", "price", {"item": "chair"})
    await virtual.answer(other)
    shown = virtual.asking(Call("Data", "Shop", "price", {"item": "desk"}), "Data/Shop/price").text
    assert "1500" in shown
    assert "made up" not in shown


async def test_equal_calls_at_once_make_one_call(tmp_path: Path) -> None:
    seen: list[Call] = []
    virtual = tools(tmp_path, living(GOOD, seen))
    found = await asyncio.gather(*(virtual.answer(CALL) for _ in range(8)))
    assert {answer.origin for answer in found} == {"real"}
    assert len(seen) == 1


async def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    virtual = tools(tmp_path)
    with pytest.raises(Unsupported, match="live=off"):
        await virtual.answer(CALL)
    unknown = await virtual.answer(Call("Data", "Shop", "nothing", {}))
    assert "not in the documentation" in unknown.error
    off = tools(tmp_path, living(GOOD, []), fail=frozenset({"Data/Shop/price"}))
    assert (await off.answer(CALL)).error == "This API is not available"
    assert isinstance(call_of({"tool_input": "{not json"}), ToolAnswer)
    assert (
        call_of(
            {
                "category": "Data",
                "tool_name": "Shop",
                "api_name": "price",
                "tool_input": '{"item": "lamp", "count": 2}',
            }
        )
        == CALL
    )


def test_a_cache_of_another_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cache.sqlite") as rows:
        rows.execute("PRAGMA user_version = 9")
    with pytest.raises(BadInput, match="format 9"):
        tools(tmp_path)


# Traps of the original


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        ({"error": "", "response": "The price is 1500 and the year 404 BC"}, True),
        ({"error": "", "response": {"id": 500404}}, True),
        ({"error": "got an unexpected keyword argument 'x'", "response": ""}, True),
        ({"error": "", "response": "Too many requests"}, False),
        ({"error": "", "response": "status code: 500"}, False),
        ({"error": "", "response": "HTTP 404"}, False),
        ({"error": "", "response": "Unauthorized"}, False),
        ({"error": "", "response": ""}, False),
        ({"error": "boom", "response": "x"}, False),
    ],
)
def test_validity_is_not_a_substring(answer: dict[str, Any], valid: bool) -> None:
    """The original throws away whatever holds the letters 500 or 404."""
    assert (is_valid(answer) == "") == valid


def test_keys_do_not_depend_on_the_order_of_arguments() -> None:
    """The original's key is the dictionary written out."""
    turned = dict(reversed(list(CALL.arguments.items())))
    assert str(turned) != str(dict(CALL.arguments))
    assert Call("Data", "Shop", "price", turned).key == CALL.key


def test_the_network_is_never_reached_by_default(tmp_path: Path) -> None:
    assert tools(tmp_path).live is None


SAMPLE = {
    "cot": {"588": ["Unsolved"] * 3, "1073": ["Solved"] * 3, "608": ["Solved"] * 3},
    "dfs": {"588": ["Solved"] * 3, "1073": ["Solved"] * 3, "608": ["Solved"] * 3},
}
"""Labels of the sample results published with the code."""
TASKS = ["588", "1073", "608"]


def test_the_published_sample_is_recomputed() -> None:
    """Preference counts of the sample: DFS 3:0, 3:0 and 2:1."""
    cot = pass_rate(SAMPLE["cot"], TASKS)
    assert (cot.rate, cot.runs) == (pytest.approx(2 / 3), pytest.approx((2 / 3,) * 3))
    assert pass_rate(SAMPLE["dfs"], TASKS).rate == 1.0
    votes = {"588": [1.0] * 3, "608": [1.0] * 3, "1073": [1.0, 1.0, 0.0]}
    assert win_rate(win_shares(SAMPLE["dfs"], SAMPLE["cot"], votes, TASKS, published=True))[0] == 1.0


def test_missing_answers_are_unsolved_and_listed() -> None:
    """The original divides by what was answered, so leaving hard tasks out raises its rate."""
    answered = {"588": ["Solved"] * 3, "608": ["Unsure", "Solved", "Unsolved"]}
    ours, old = pass_rate(answered, TASKS), pass_rate(answered, TASKS, published=True)
    assert (ours.rate, old.rate) == (pytest.approx(0.5), pytest.approx(0.75))
    assert ours.missing == ("1073",)
    assert ours.judge_error > 0
    assert old.tasks == 2


def test_solved_beats_unsolved_whatever_the_votes() -> None:
    """The original compares a dictionary, written out, with a label, so its votes decide here."""
    votes = {task: [0.0] * 3 for task in TASKS}
    ours = win_shares(SAMPLE["dfs"], SAMPLE["cot"], votes, TASKS)
    old = win_shares(SAMPLE["dfs"], SAMPLE["cot"], votes, TASKS, published=True)
    assert (ours["588"], old["588"]) == (1.0, 0.0)
    assert str({2: "AnswerStatus.Unsolved"}) != "AnswerStatus.Unsolved"


def test_a_judge_that_favours_a_seat_wins_nothing_in_both_orders() -> None:
    """The original never swaps: its reference, always first, would win every task."""
    both = {task: [1.0, 0.0] for task in TASKS}
    assert win_rate(win_shares(SAMPLE["dfs"], SAMPLE["dfs"], both, TASKS))[0] == 0.5
    first = {task: [0.0] for task in TASKS}
    assert win_rate(win_shares(SAMPLE["dfs"], SAMPLE["dfs"], first, TASKS, published=True))[0] == 0.0


def test_labels_that_cannot_be_read_stay_apart() -> None:
    found = pass_rate({"588": ["Solved", "unread", "Solved"], "608": ["unread"] * 3}, TASKS)
    assert (found.unread, found.rate, found.unjudged) == (4, pytest.approx(1 / 2), ("608",))
    with pytest.raises(BadInput, match="unknown"):
        pass_rate({"588": ["Maybe"]}, TASKS)
    with pytest.raises(BadInput, match="which the set lacks"):
        pass_rate({"1": ["Solved"]}, TASKS)


@pytest.mark.parametrize(
    ("text", "grade"), [("Fine.\n[[Solved]]", 1.0), ("[[Unsure]]", 0.5), ("So:\nVerdict: [[Unsolved]]", 0.0)]
)
def test_the_label_is_read(text: str, grade: float) -> None:
    assert solved(text, None, False).value == grade


async def test_a_label_that_is_none_is_asked_again_and_never_unsure() -> None:
    model = Scripted(lambda prompt, draw, sampling: "Perhaps solved" if draw == 0 else "[[Solved]]")
    (verdict,) = await verdicts(tool_eval(model=model), asked())
    assert verdict.scores == (1.0, 1.0)
    (verdict,) = await verdicts(tool_eval(model=always("Perhaps")), asked())
    assert verdict.outcome == "unparsed"


async def test_without_a_final_answer_a_task_is_unsolved_and_nobody_is_asked() -> None:
    model = always("[[Solved]]")
    prompt = Prompt((user("What does a lamp cost?"),))
    none = matched(prompt, answered(prompt, "a", " "), answered(prompt, "b", ""), 0)
    one = matched(prompt, answered(prompt, "a", ""), answered(prompt, "b", "Three."), 0)
    first, second = await verdicts(tool_eval(model=model), none, one)
    assert (first.scores, first.outcome, second.scores) == ((0.0, 0.0), "graded", (0.0, 1.0))
    assert len(model.prompts) == 1
    (unread,) = await verdicts(tool_eval(model=always("?")), one)
    assert (unread.outcome, unread.scores) == ("unparsed", ())


# The two figures of a comparison

REVIEWER = "tool_eval?model=(tests.suites.reviewer:reviewer)&metric="


def written(folder: Path, name: str, answers: Mapping[int, str]) -> str:
    rows = [
        {"id": str(n), "prompt": f"What does lamp {n} cost?", "output": text, "model": name}
        for n, text in answers.items()
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"recorded:{folder / name}.jsonl?allow_missing=true"


def ranked(folder: Path, *names: str, metric: str = "pass", **settings: Any) -> winsome.Comparison:
    (folder / "G1_tool.json").write_text(json.dumps([task(n) for n in range(6)]))
    return winsome.compare(
        *names, suite=f"stable_tool_bench?path={folder}/G1_tool.json&metric={metric}", judge=settings.pop("judge", REVIEWER + metric),
        ledger=folder / "ledger.sqlite", folder=folder / "runs", quiet=True, **settings,
    )  # fmt: skip


FIRST = {0: "sss better 5", 1: "ssn better 5", 2: "uuu better 5", 3: "ggg better 5", 4: ""}
"""Task 5 has no answer; task 3 cannot be judged."""
SECOND = {
    0: "nnn better 9",
    1: "sss better 9",
    2: "sss better 1",
    3: "sss better 1",
    4: "nnn better 1",
    5: "nnn better 1",
}


def test_a_comparison_gives_the_solvable_pass_rate(tmp_path: Path) -> None:
    """First: (1 + 2/3 + 1/2 + 0 + 0) / 5, task 3 apart for both; second: 2 of 5. Judging varies on task 1 alone: variance 1/3, three times."""
    names = written(tmp_path, "one", FIRST), written(tmp_path, "two", SECOND)
    found = ranked(tmp_path, *names, repeats=3)
    one, two = map(found.standings.row, names)
    assert found.standings.method == "sopr"
    assert (one.n, two.n) == (5, 5)
    assert one.estimate == pytest.approx(100 * (1 + 2 / 3 + 1 / 2) / 5)
    assert two.estimate == pytest.approx(40.0)
    assert one.extra["repeat_error"] == pytest.approx(100 * (1 / 9) ** 0.5 / 5)
    assert two.extra["repeat_error"] == 0.0
    assert (one.extra["unread_labels"], one.extra["unjudged_tasks"]) == (3, 1)
    assert any(
        "2 tasks without a final answer are unsolved: 4, 5" in line for line in found.standings.warnings
    )
    assert any("1 tasks have no label" in line for line in found.standings.warnings)
    once = ranked(tmp_path, *names).standings.row(names[0])
    assert once.extra["repeat_error"] is None
    assert "repeat_error" in json.dumps(found.record["standings"])


def test_a_comparison_gives_the_solvable_win_rate(tmp_path: Path) -> None:
    """Task 0 by the rule, against the points; 1: twice compared (lost), once by the rule (lost); 2: compared, won; 3 unread; 4, 5: no answer."""
    names = written(tmp_path, "one", FIRST), written(tmp_path, "two", SECOND)
    found = ranked(tmp_path, *names, metric="win", repeats=3, baseline=names[1])
    row = found.standings.row(names[0])
    assert found.standings.method == "sowr"
    assert (row.estimate, row.n) == (pytest.approx(100 * 2 / 5), 5)
    assert found.record["counts"]["unparsed"] == 1
    with pytest.raises(BadInput, match="measures against a baseline"):
        ranked(tmp_path, *names, metric="win")
    with pytest.raises(BadInput, match="takes grades of single answers"):
        ranked(tmp_path, *names, judge="embedded:judge")


def test_the_most_frequent_vote_decides_not_the_mean(tmp_path: Path) -> None:
    """Unsure against Unsure, compared by points in both orders: each order's three votes agree, so a seat cannot decide."""
    even = dict.fromkeys(range(6), "u better 2")
    names = (
        written(tmp_path, "one", even),
        written(tmp_path, "two", even | {0: "u better 1", 1: "uns better 3"}),
    )
    found = ranked(tmp_path, *names, metric="win", repeats=3, baseline=names[1])
    assert found.standings.row(names[0]).estimate == pytest.approx(100 * (1 + 0 + 4 * 0.5) / 6)


def test_the_plan_counts_every_ask_of_the_model(tmp_path: Path) -> None:
    """Two labels a pair for the pass rate; for the win rate, in both orders, two labels and a comparison."""
    names = written(tmp_path, "one", FIRST), written(tmp_path, "two", SECOND)
    seen: list[int] = []

    def look(planned: Any) -> bool:
        seen.append(planned.loads[-1].calls)
        return False

    for metric in ("pass", "win"):
        with pytest.raises(BadInput, match="not confirmed"):
            ranked(tmp_path, *names, metric=metric, baseline=names[1], confirm=look)
    assert seen == [6 * 2, 6 * 2 * 3]


async def test_the_win_judge_asks_for_a_comparison_only_where_the_labels_leave_it_open() -> None:
    said = {"yes": "[[Solved]]", "no": "[[Unsolved]]"}
    model = Scripted(
        lambda prompt, draw, sampling: next(
            (v for k, v in said.items() if f"\n{k}\n" in prompt.text), "[[A]]"
        )
    )
    prompt = Prompt((user("What does a lamp cost?"),))
    both = matched(prompt, answered(prompt, "a", "no"), answered(prompt, "b", "yes"), 0)
    (verdict,) = await verdicts(tool_eval(model=model, metric="win"), both)
    assert (verdict.outcome, verdict.scores, verdict.reason) == (
        "loss",
        (0.0, 1.0),
        "rule: Unsolved and Solved",
    )
    assert len(model.prompts) == 2
    none = matched(prompt, answered(prompt, "a", ""), answered(prompt, "b", "no"), 0)
    (verdict,) = await verdicts(tool_eval(model=model, metric="win"), none)
    assert verdict.scores == (0.0, 1.0)
    (verdict,) = await verdicts(tool_eval(model=always("Hm."), metric="win"), both)
    assert verdict.outcome == "unparsed"


def test_grades_of_another_scale_are_no_labels(tmp_path: Path) -> None:
    names = (
        written(tmp_path, "one", dict.fromkeys(range(6), "x" * 7)),
        written(tmp_path, "two", dict.fromkeys(range(6), "x")),
    )
    with pytest.raises(BadInput, match=r"takes grades 0, .* not 7"):
        ranked(tmp_path, *names, judge="tests.suites.longest:graded")
