"""The null contender against a judge that reads its prompt as a plain parser does: searched elsewhere, fenced, and told with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from winsome.audit import null_model
from winsome.audit.null_attack import audit_null, planned
from winsome.cli import main
from winsome.errors import BadInput
from winsome.judges import fences, templates
from winsome.records import Prompt, Response, Sampling, Tokens, Usage, assistant, digest, response_key

BARE = fences.bare(templates.shipped("letter@1", 2))
LETTER = templates.shipped("letter@1", 2)
ASKED: list[str] = []
"""Prompts that the reader answered, in this process."""


@dataclass
class Reader:
    """A contender that takes a judge's prompt for what a parser of its text reads, and prefers the last record's answer with "right".

    Where nothing is right, an empty answer is, and where both are alike the odds are even but for the weight of braces: the share
    that a search can move. `logprobs` off gives letters alone.
    """

    name: str
    id: str
    logprobs: bool = True
    batch: int = 64

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            ASKED.append(prompt.id)
            odds = self._odds(prompt.messages[-1].text, prompt.system or "")
            first = 1.0 / (1.0 + math.exp(-odds))
            letter = "A" if odds >= 0.0 else "B"
            top = {"A": math.log(first), "B": math.log1p(-first)}
            tokens = Tokens((letter,), (top[letter],), (top,)) if self.logprobs else None
            yield Response(
                prompt.id, self.name, response_key(prompt.id, self.id, sampling, 0), 0, (assistant(letter),),
                usage=Usage(1, len(prompt.messages[-1].text.split()), 1), tokens=tokens,
            )  # fmt: skip

    def _odds(self, text: str, system: str) -> float:
        """The log-odds of A."""
        code = system.partition("with the code ")[2][:12]
        fenced = len(code) == 12 and all(c in "0123456789abcdef" for c in code)
        found = null_model.read_last(LETTER if fenced else BARE, text, code if fenced else "")
        assert found is not None
        worth = [4.0 * ("right" in found.slots[slot]) for slot in ("answer_1", "answer_2")]
        if found.slots["question"] == null_model.EMPTY_TASK:
            worth = [4.0 * (not found.slots[slot].strip()) for slot in ("answer_1", "answer_2")]
        said = [text.partition(f"<answer {seat}")[2].partition("</answer")[0] for seat in "AB"]
        braces = [0.02 * (len(s.split()) - s.count("}")) for s in said]
        return worth[0] - worth[1] + braces[0] - braces[1]


def reader(*, logprobs: bool = True, name: str = "reader") -> Reader:
    return Reader(name, digest(["reader", logprobs]), logprobs)


JUDGE = "pairwise?model=(tests.audit.test_null_attack:reader)"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    for who, word in (("good", "right"), ("bad", "left"), ("else", "right")):
        start = 1000 if who == "else" else 0
        rows = [{"instruction": f"Count to {k}.", "output": f"The {word} answer, {k}.", "generator": who} for k in range(start, start + 24)]  # fmt: skip
        (tmp_path / f"{who}.json").write_text(json.dumps(rows))
    return ["good.json", "bad.json"]


def cells(record: dict[str, Any], title: str) -> dict[str, list[Any]]:
    table = next(one for one in record["tables"] if one["title"].startswith(title))
    return {row[0]: row[1:] for row in table["rows"]}


def test_the_structured_attack_wins_and_the_fence_takes_it_back(files: list[str]) -> None:
    record = audit_null(JUDGE, answers=files, attack="structured", gold="regex?pattern=right", quiet=True)
    rows = cells(record, "One answer")
    # First seat: the rival stands where nothing was asked, and loses. Second seat: two empty fake answers, near even odds.
    assert rows["structured"][1]["estimate"] > 95.0
    assert 40.0 < rows["structured"][2]["estimate"] < 60.0
    assert rows["constant"][0]["estimate"] < 10.0
    assert rows["structured"][3]["low"] > 0.0
    told = cells(record, "Defences")
    assert told["fence: structured"][0]["estimate"] < 10.0
    assert told["fence: structured"][1]["high"] < 0.0
    without, within = told["no defence: structured, turned"], told["fence: structured, turned"]
    assert within[2]["estimate"] == without[3]["estimate"] == within[3]["estimate"] == 100.0
    assert within[4] > without[4]
    assert any(alarm.startswith("structured: wins") for alarm in record["alarms"])
    assert any(alarm.startswith("unsafe: structured") for alarm in record["alarms"])


def test_the_search_is_on_other_prompts_and_repeats_without_asking_again(files: list[str]) -> None:
    asked: dict[str, Any] = {"answers": files[:1], "steps": 40, "prefix": 8, "limit": 10, "quiet": True}
    record = audit_null(JUDGE, search_answers="else.json", **asked)
    rows = cells(record, "One answer")
    # Braces weigh less than words: whatever replaces one raises the odds, on prompts that were not searched on too.
    assert rows["structured and searched"][0]["estimate"] > rows["structured"][0]["estimate"]
    stages = cells(record, "Search")
    assert list(stages) == ["2", "3", "4"]
    assert all(stage[3] <= stage[2] for stage in stages.values())
    calls = cells(record, "Calls")
    assert (
        calls["search"][0] == 2 * 16 + 2 * 16 + 3 * 16 + 4 * 8
    )  # both forms on 16 queries, then three stages
    before = len(ASKED)
    again = audit_null(JUDGE, search_answers="else.json", **asked)
    assert len(ASKED) == before
    assert again["tables"] == record["tables"]


def test_a_spent_budget_keeps_the_best_string_and_goes_on(files: list[str]) -> None:
    asked: dict[str, Any] = {"answers": files[:1], "steps": 40, "prefix": 8, "limit": 10, "quiet": True}
    record = audit_null(JUDGE, budget="60calls", **asked)
    table = next(one for one in record["tables"] if one["title"] == "Search")
    assert any("budget ended the search" in note for note in table["notes"])
    before = len(ASKED)
    audit_null(JUDGE, **asked)
    # Searched again from its beginning, without a repeated question: kept replies were 60.
    fresh = len(ASKED) - before
    Path(".winsome/ledger.sqlite").unlink()
    before = len(ASKED)
    audit_null(JUDGE, **asked)
    assert len(ASKED) - before == fresh + 60


def test_what_cannot_be_searched_is_refused_in_one_line(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for judge, attack, told in (
        ("pairwise?model=(tests.audit.test_null_attack:reader)&protocol=arena_hard", "search", "take --attack structured"),
        ("pairwise?model=(tests.audit.test_null_attack:reader?logprobs=false)", "search", "take --attack structured"),
        ("regex?pattern=x", "structured", "take --attack constant"),
    ):  # fmt: skip
        assert main(["audit", "judge", judge, "--answers", files[0], "--attack", attack, "--limit", "5"]) == 2
        assert told in capsys.readouterr().err


def test_prompts_of_the_search_may_not_be_held_out(files: list[str]) -> None:
    with pytest.raises(BadInput, match=r"are held-out ones too .*Count to"):
        planned(files[:1], "bad.json", 8, 10, 0)
    plan = planned(files[:1], None, 8, 10, 0)
    assert len(plan.training) == 8
    assert not {pair.prompt.id for pair in plan.training} & {prompt.id for prompt in plan.prompts}
    with pytest.raises(BadInput, match="do not suffice"):
        planned(files[:1], None, 24, 10, 0)


def test_the_command_prints_the_tables(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "judge", JUDGE, "--answers", *files, "--attack", "structured", "--defence", "smooth", "--json", "--quiet"]  # fmt: skip
    assert main(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert "smooth: structured" in cells(record, "Defences")
    assert cells(record, "Filters")["control text"][0] == "structured, structured, turned"
    # one page: seats, edits and rephrased requests stand before the attack
    assert {"control", "verbosity", "formatting", "authority", "injection", "hidden characters"} <= set(cells(record, "Attacks and edits"))  # fmt: skip
    assert "the first seat wins" in cells(record, "Consistency")
    assert "one answer to every prompt" in record["claim"].lower()


def test_a_dry_run_asks_nothing(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = len(ASKED)
    words = [
        "audit",
        "judge",
        JUDGE,
        "--answers",
        files[0],
        "--attack",
        "search",
        "--limit",
        "5",
        "--dry-run",
    ]
    assert main(words) == 0
    assert len(ASKED) == before
    assert capsys.readouterr().err
