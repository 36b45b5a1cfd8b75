"""A suite from a chat log: what is left out and why, what models are asked, and the whole way to a report with its table of groups."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import winsome
from tests.judges.scripted import Scripted, always
from tests.servers.openai_server import Behaviour, serving
from winsome import specs
from winsome.cli.command import main
from winsome.errors import BadInput
from winsome.ledger.formats.reading import read
from winsome.matchmaking.loops import finish
from winsome.records import Part, Prompt, Suite, Text, user
from winsome.suites.wildbench_build import build, distinct, is_english, problem_of, requests, write_tasks

QUESTIONS = [f"Does it keep to point {n}?" for n in range(5)]
SUITE = "wildbench?path=tasks.jsonl&metric=reward&refs=[ref]"
LIST = json.dumps({"checklist": QUESTIONS, "primary_tag": "Planning", "secondary_tags": ["Math", "Fun"]})
WORDS = "Please help me with a plan for the week that has this many meetings in it: number"


def log(folder: Path, *last: str, before: int = 0) -> Path:
    rows = []
    for n, text in enumerate(last):
        turns = [
            {"role": role, "content": "earlier words"}
            for _ in range(before)
            for role in ("user", "assistant")
        ]
        turns += [{"role": "user", "content": text}, {"role": "assistant", "content": "Sure."}]
        rows.append({"conversation_hash": f"h{n}", "messages": turns})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "log.jsonl"


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("How do I sort a list in Python?", True),
        ("Wie sortiere ich eine Liste von Zahlen nach ihrer Größe?", False),
        ("Comment puis-je trier une liste de nombres par ordre croissant ?", False),
        ("如何对列表进行排序?", False),
        ("Sort 3 1 2", True),
        ("1 + 1 = ?", False),
    ],
)
def test_english_is_told_by_its_commonest_words(text: str, english: bool) -> None:
    assert is_english(text) == english


def test_dialogues_are_cut_at_the_last_request_and_named_by_the_log(tmp_path: Path) -> None:
    (prompt,) = requests(read(log(tmp_path, f"{WORDS} 3.", before=2)))
    assert prompt.item == "h0"
    assert [message.role for message in prompt.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert problem_of(prompt) == ""
    (longer,) = requests(read(log(tmp_path, f"{WORDS} 3.", before=5)))
    assert problem_of(longer) == "more than 5 turns"
    assert problem_of(Prompt((user("Hi there"),))) == "shorter than 10 tokens"
    assert problem_of(Prompt((user("plan " * 3000),))) == "longer than 3000 tokens"
    (tmp_path / "bad.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(BadInput, match="record 1 has no"):
        requests(read(tmp_path / "bad.jsonl"))


class ByFirstLetter:
    """An Encoder whose vectors are equal for texts that begin alike."""

    name = id = "first letter"

    async def encode(self, parts: list[Part]) -> Any:
        texts = [part.text for part in parts if isinstance(part, Text)]
        return np.eye(128, dtype=np.float32)[[ord(text[0]) for text in texts]]


async def test_near_duplicates_keep_the_first() -> None:
    prompts = [Prompt((user(text),)) for text in ("apple", "avocado", "bean")]
    assert await distinct(prompts, ByFirstLetter()) == [prompts[0], prompts[2]]


async def test_every_dialogue_is_a_task_or_has_a_reason(tmp_path: Path) -> None:
    texts = [f"{WORDS} {n}." for n in range(6)] + [
        f"{WORDS} 0.",
        "Hi",
        "Bitte erstelle mir einen Plan für die nächste Woche mit allen Terminen",
    ]

    def rate(prompt: Prompt, draw: int, sampling: Any) -> str:
        if "number 1." in prompt.text:
            return "Hard to say." if draw == 0 else '{"difficulty": 5}'
        return json.dumps({"difficulty": 2 if "number 2." in prompt.text else 4})

    def write(prompt: Prompt, draw: int, sampling: Any) -> str:
        return "No." if "number 3." in prompt.text else LIST

    other = always(
        json.dumps({"checklist": ["DOES it keep to point 0", "Is it short?"], "primary_tag": "Math"})
    )
    prompts = requests(read(log(tmp_path, *texts)))
    found = await build(prompts, writers=[Scripted(write), other], raters=[Scripted(rate, id="rater")])
    assert dict(found.left_out) == {
        "same words as an earlier one": 1, "shorter than 10 tokens": 1, "not English": 1, "easy by most raters": 1,
        "no checklist that can be read": 1,
    }  # fmt: skip
    assert len(found.tasks) + sum(found.left_out.values()) == len(texts)
    assert dict(found.unread) == {"checklist": 1}
    first = found.tasks[0]
    assert first["checklist"] == [
        QUESTIONS[0],
        *[q for pair in zip(QUESTIONS[1:2], ["Is it short?"], strict=True) for q in pair],
        *QUESTIONS[2:],
    ]
    assert (first["primary_tag"], first["secondary_tags"], first["difficulty"]) == ("Planning", ["Math"], 4.0)
    assert found.tasks[1]["difficulty"] == 5.0
    hardest = await build(prompts, writers=[always(LIST)], raters=[Scripted(rate, id="rater")], hardest=2)
    assert [task["session_id"] for task in hardest.tasks] == ["h1", "h0"]
    with pytest.raises(BadInput, match="no task is left"):
        write_tasks(tmp_path / "x.jsonl", await build(prompts, writers=[always("no")]))


def test_a_log_becomes_a_suite_that_ends_in_a_report_with_its_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 tasks through a local server; WB-Reward of recorded answers by its checklist judge, by group."""
    monkeypatch.chdir(tmp_path)
    tags = ["Planning", "Math", "Editing"]
    path = log(tmp_path, *(f"{WORDS} {n}." for n in range(60)))

    def answer(body: Any) -> str:
        text = body["messages"][-1]["content"]
        if "How hard" in text:
            return '{"difficulty": 4}'
        number = int(text.split("number ", 1)[1].split(".", 1)[0]) if "number " in text else 0
        if "Write a checklist" in text:
            return json.dumps({"checklist": QUESTIONS, "primary_tag": tags[number % 3]})
        new_first = "new answers" in text.split("<answer of B", 1)[0]
        choice = (("A++", "B+", "A=B") if new_first else ("B++", "A+", "A=B"))[number % 3]
        return json.dumps({"analysis": "x", "choice": choice})

    async def work() -> winsome.Comparison:
        async with serving(Behaviour(answer=answer)) as server:
            model = f"{server.base}#test-model"
            await asyncio.to_thread(made, path, model)
            return await asyncio.to_thread(compared, model)

    found = finish(work(), lambda: None)
    page = (found.folder / "report.html").read_text()
    for group in ("Planning &amp; Reasoning", "Math &amp; Data Analysis", "Creative Tasks"):
        assert group in page
    # a third each of much better, slightly worse and tied: (1 - 0.5) / 3
    (row,) = (row for row in found.standings.rows if row.contender != found.standings.baseline)
    assert row.estimate == pytest.approx(0.5 / 3)


@pytest.mark.slow
def test_embedded_models_and_judge_on_a_suite_from_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 tasks whose lists a server wrote; two stand-ins of one model, the fitted judge, win rates by group in the report."""
    monkeypatch.chdir(tmp_path)
    tags = ["Planning", "Math", "Editing"]
    path = log(tmp_path, *(f"{WORDS} {n}." for n in range(60)))

    def answer(body: Any) -> str:
        text = body["messages"][-1]["content"]
        number = int(text.split("number ", 1)[1].split(".", 1)[0]) if "number " in text else 0
        return json.dumps({"difficulty": 4, "checklist": QUESTIONS, "primary_tag": tags[number % 3]})

    async def work() -> None:
        async with serving(Behaviour(answer=answer)) as server:
            await asyncio.to_thread(made, path, f"{server.base}#test-model")

    finish(work(), lambda: None)
    suite: Suite = specs.open_spec(specs.parse(SUITE), "Suite", None)
    model = "embedded:smollm2-135m?max_tokens=8&temperature=0&system="
    found = winsome.compare(
        f"{model}Brief.", f"{model}Warm.", suite=replace(suite, figure="win-rate", baseline=()), judge="embedded:judge", quiet=True
    )  # fmt: skip
    page = (found.folder / "report.html").read_text()
    assert all(
        group in page for group in ("Planning &amp; Reasoning", "Math &amp; Data Analysis", "Creative Tasks")
    )
    assert found.record["counts"]["unparsed"] == 0
    assert sum(n for outcome, n in found.record["counts"].items() if outcome != "not asked") == 60


def made(path: Path, model: str) -> None:
    """The suite and recorded answers to it, in the working folder."""
    words = ["suites", "build", str(path), "--out", "tasks.jsonl", "--checklists", model, "--difficulty", model, "--quiet"]  # fmt: skip
    assert main(words) == 0
    suite = specs.open_spec(specs.parse(SUITE), "Suite", None)
    assert len(suite.prompts) == 60
    for name in ("ref", "new"):
        rows = [{"id": p.item, "prompt": p.text, "output": f"{name} answers {p.item}"} for p in suite.prompts]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def compared(model: str) -> winsome.Comparison:
    judge = f"checklist?metric=reward&model=({model})"
    return winsome.compare(
        "new.jsonl", "ref.jsonl", suite=SUITE, baseline="ref.jsonl", judge=judge, quiet=True
    )


def test_1_024_tasks_are_planned_in_less_than_two_seconds(tmp_path: Path) -> None:
    """A score of each of four models and three rewards a task: the calls are counted, tokens and price told, and nothing is asked."""
    prompts = [
        Prompt((user(f"{WORDS} {n}."),), for_judges={"checklist": QUESTIONS}, item=str(n))
        for n in range(1024)
    ]
    for name in ("new", "r1", "r2", "r3"):
        rows = [{"id": p.item, "prompt": p.text, "output": f"{name} says {p.item}"} for p in prompts]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = [str(tmp_path / f"{name}.jsonl") for name in ("new", "r1", "r2", "r3")]
    seen: list[Any] = []

    def plan(*contenders: str, metric: str, **more: Any) -> None:
        def look(estimate: Any) -> bool:
            seen.append(estimate)
            return False

        with pytest.raises(BadInput, match="not confirmed"):
            winsome.compare(
                *contenders, suite=Suite("tasks", "1", prompts, orders=1), judge=f"checklist?metric={metric}&model=(openai:gpt-4o)", confirm=look,
                ledger=tmp_path / "l.sqlite", folder=tmp_path / "runs", quiet=True, **more,
            )  # fmt: skip

    began = time.process_time()
    plan(*names, metric="score")
    for rival in names[1:]:
        plan(names[0], rival, metric="reward", baseline=rival)
    assert time.process_time() - began < 2.0 * 4
    assert [sum(load.calls for load in estimate.loads) for estimate in seen] == [4 * 1024] + [1024] * 3
    assert all(estimate.money for estimate in seen)


def test_verdicts_and_references_that_do_not_fit_are_named(tmp_path: Path) -> None:
    record = {"session_id": "s1", "model_A": "a", "model_B": "b", "winner": "c", "extent": 1}
    (tmp_path / "v.json").write_text(json.dumps([record]))
    with pytest.raises(BadInput, match='record 1 has "c" in "winner"; use a, b, tie'):
        winsome.rank(tmp_path / "v.json", format="wildbench")
    prompts = [Prompt((user(f"{WORDS} {n}."),), item=str(n)) for n in range(3)]
    for name, items in (("new", prompts), ("ref", prompts[:2])):
        rows = [{"id": p.item, "prompt": p.text, "output": f"{name} {p.item}"} for p in items]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BadInput, match=r"ref\.jsonl.*no id \"2\""):
        winsome.compare(
            tmp_path / "new.jsonl", tmp_path / "ref.jsonl", suite=Suite("tasks", "1", prompts), judge="tests.suites.longest:longest",
            ledger=tmp_path / "l.sqlite", folder=tmp_path / "runs", quiet=True,
        )  # fmt: skip


def test_an_answer_that_meets_several_is_graded_once_and_planned_so(tmp_path: Path) -> None:
    """Four models on five tasks meet in 30 pairs, but there are 20 answers to grade."""
    prompts = [Prompt((user(f"{WORDS} {n}."),), item=str(n), for_judges={"checklist": QUESTIONS}) for n in range(5)]  # fmt: skip
    files = [tmp_path / f"{name}.jsonl" for name in ("one", "two", "three", "four")]
    for file in files:
        rows = [{"id": p.item, "prompt": p.text, "output": f"{file.stem} {p.item}"} for p in prompts]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    planned: list[int] = []
    graded: list[str] = []

    def answer(body: Any) -> str:
        graded.append(body["messages"][-1]["content"])
        return '{"score": "7"}'

    def look(estimate: Any) -> bool:
        planned.append(sum(load.calls for load in estimate.loads))
        return True

    async def work() -> None:
        async with serving(Behaviour(answer=answer)) as server:
            await asyncio.to_thread(
                winsome.compare, *map(str, files), suite=Suite("tasks", "1", prompts, orders=1), confirm=look, quiet=True,
                judge=f"checklist?metric=score&model=({server.base}#test-model)", ledger=tmp_path / "l.sqlite", folder=tmp_path / "runs",
            )  # fmt: skip

    finish(work(), lambda: None)
    told = [text for text in graded if QUESTIONS[0] in text]  # the probe asks something else
    assert planned == [20]
    assert len(told) == len(set(told)) == 20
