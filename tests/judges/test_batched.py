"""Several pairs in one call: lines read by number, unread members asked again by themselves, and a pool of such annotators."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.judges.scripted import Scripted, asked, verdicts
from tests.servers.openai_server import Behaviour, Reply, serving
from winsome.errors import BadInput
from winsome.judges.batched import batched, members
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.preflight import asked_models
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import Match, Sampling, Verdict

PAIRS = [asked(f"Name fruit {n}.", "An apple.", "A stone.", seat=n % 2) for n in range(12)]
"""The apple stands first where n is even."""


def shown(body: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Of each pair in a question, in order: which fruit it asks for, and the letter of the apple."""
    text = body["messages"][-1]["content"]
    parts = re.split(r"^Pair \d+$", text, flags=re.MULTILINE)[1:]
    assert [f"Pair {n}" for n in range(1, len(parts) + 1)] == re.findall(r"^Pair \d+$", text, re.MULTILINE)
    return [
        (int(re.findall(r"fruit (\d+)", part)[0]), "A" if part.index("apple") < part.index("stone") else "B")
        for part in parts
    ]


def lines(body: Mapping[str, Any]) -> list[str]:
    return [f"{number}: {letter}" for number, (_, letter) in enumerate(shown(body), 1)]


async def judged(
    spec: str, behaviour: Behaviour, ledger: Path, matches: list[Match], times: int = 1
) -> tuple[list[Verdict], int]:
    """The verdicts of the last of `times` runs on one ledger, and how many requests the server answered in all."""
    found: list[Verdict] = []
    async with serving(behaviour) as server:
        for _ in range(times):
            with Ledger.open(ledger) as store:
                session = Session(Door(store))
                try:
                    judge = session.open(spec.format(server=f"{server.base}#test-model"), Judge)
                    found = await verdicts(judge, *matches)
                finally:
                    await session.close()
        return found, server.stats.answered


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("1: A\n2: B\n3: A", "ABA"),
        ("3: A\n1: B\n2: B", "BBA"),
        ("Pair 1: A\n**2: b**\n- 3. B", "ABB"),
        ("Here are my verdicts.\n1: A\n2: B\n3: A\nThank you.", "ABA"),
        ("1: A\n3: B", "A?B"),
        ("1: A\n2: both are good\n3: B", "A?B"),
        ("1: A\n2: A\n2: B\n3: B", "A?B"),
        ("1: A\n2: A\n2: A\n3: B", "AAB"),
        ("1: A\n2: A or B\n2: A\n3: B", "A?B"),
        ("0: B\n1: A\n2: C\n3: B\n4: A", "A?B"),
        ("A\nB\nA", "???"),
        ("I cannot compare these.", "???"),
        ("", "???"),
    ],
)
def test_each_pair_reads_its_own_line(reply: str, read: str) -> None:
    found = members(reply, 3)
    assert "".join(found[n].label or "?" for n in (1, 2, 3)) == read
    assert {n: one.value for n, one in found.items()} == {
        n: {"A": 1.0, "B": 0.0, "?": None}[letter] for n, letter in enumerate(read, 1)
    }
    assert all(one.again == (one.value is None) for one in found.values())


async def test_five_pairs_are_one_call_and_nothing_is_bought_twice(tmp_path: Path) -> None:
    sizes: list[int] = []

    def say(body: Mapping[str, Any]) -> Reply:
        sizes.append(len(shown(body)))
        return Reply("\n".join(lines(body)))

    spec = "batched?pairs=5&model=({server})"
    found, requests = await judged(spec, Behaviour(answer=say), tmp_path / "l.sqlite", PAIRS, times=2)
    assert sorted(sizes) == [2, 5, 5]
    assert requests == 3
    assert [one.outcome for one in found] == ["win"] * 12
    assert [one.reason for one in found] == ["label: A", "label: B"] * 6
    # three replies, each paid for once, by the first of its pairs
    assert sum(one.usage.calls for one in found) == 3
    assert len({one.evidence for one in found}) == 3


async def test_only_a_malformed_member_is_asked_again(tmp_path: Path) -> None:
    """Pair 3 has no line at first, pair 7 two that differ, pair 9 never a line of its own; the nine others are asked once."""
    times: Counter[int] = Counter()
    sizes: list[int] = []

    def say(body: Mapping[str, Any]) -> Reply:
        pairs, said = shown(body), lines(body)
        sizes.append(len(pairs))
        for place, (fruit, letter) in enumerate(pairs):
            times[fruit] += 1
            if fruit == 3 and times[3] == 1:
                said[place] = ""
            if fruit == 7 and times[7] == 1:
                said[place] += f"\n{place + 1}: {'AB'[letter == 'A']}"
            if fruit == 9:
                said[place] = f"{place + 1}: neither"
        return Reply("\n".join(said))

    spec = "batched?pairs=5&model=({server})"
    found, requests = await judged(spec, Behaviour(answer=say), tmp_path / "l.sqlite", PAIRS)
    assert times == {n: {3: 2, 7: 2, 9: 3}.get(n, 1) for n in range(12)}
    assert sorted(sizes) == [1, 2, 3, 5, 5]
    assert requests == 5
    assert [one.outcome for one in found] == ["win"] * 9 + ["unparsed"] + ["win"] * 2
    assert found[9].share is None
    # by then it stood alone, as the first and only pair
    assert found[9].reason == "ambiguous: 1: neither"
    assert len(found[9].evidence) == 3
    assert sum(one.usage.calls for one in found) == 5


async def test_faults_and_cut_replies_are_ridden_out(tmp_path: Path) -> None:
    """A reply cut in its fourth line gives three verdicts; the pair whose line was cut and the one after it are asked again."""
    seen: list[list[int]] = []

    def say(body: Mapping[str, Any]) -> Reply:
        seen.append([fruit for fruit, _ in shown(body)])
        said = "\n".join(lines(body))
        return Reply(said, finish="length") if len(seen[-1]) == 5 and 0 in seen[-1] else Reply(said)

    def cut(body: Mapping[str, Any]) -> Reply:
        whole = say(body)
        return (
            replace(whole, text="\n".join(whole.text.split("\n")[:4])) if whole.finish == "length" else whole
        )

    behaviour = Behaviour(answer=cut, faults=("429", "500", "invalid", "empty"), rate=0.3)
    found, _ = await judged("batched?pairs=5&model=({server})", behaviour, tmp_path / "l.sqlite", PAIRS[:5])
    assert [one.outcome for one in found] == ["win"] * 5
    assert [3, 4] in seen


async def test_a_pool_s_pairs_go_to_annotators_who_are_shown_one_or_five(tmp_path: Path) -> None:
    """The farm's pool: each member is asked about its own pairs only, in calls of its own size."""
    sizes: Counter[int] = Counter()

    def say(body: Mapping[str, Any]) -> Reply:
        if "one letter" in body["messages"][-1]["content"]:
            text = body["messages"][-1]["content"]
            sizes[1] += 1
            return Reply("A" if text.index("apple") < text.index("stone") else "B")
        sizes[len(shown(body))] += 1
        return Reply("\n".join(lines(body)))

    pool = "annotators?members=[(pairwise?model=({server})&temperature=1),(batched?pairs=5&temperature=1&model=({server}))]"
    pairs = [asked(f"Name fruit {n}.", "An apple.", "A stone.", seat=n % 2) for n in range(60)]
    found, requests = await judged(pool, Behaviour(answer=say, logprobs=False), tmp_path / "l.sqlite", pairs)
    assert [one.outcome for one in found] == ["win"] * 60
    own = Counter(one.annotator for one in found)
    assert set(own) == {"a01", "a02"}
    alone, rest = own["a01"], own["a02"] % 5
    assert sizes == Counter({1: alone, 5: own["a02"] // 5}) + Counter({rest: 1} if rest else {})
    assert requests == sizes.total()


async def test_two_orders_of_a_pair_and_its_repeats_never_share_a_call() -> None:
    def say(prompt: Any, draw: int, _: Sampling) -> str:
        text = prompt.messages[-1].text
        assert len(re.findall(r"fruit 0\.", text)) == 1
        return "\n".join(f"{n}: A" for n in range(1, text.count("\nPair ") + 2))

    one, turned = asked("Name fruit 0.", seat=0), asked("Name fruit 0.", seat=1)
    judge = batched(model=Scripted(say))
    found = await verdicts(judge, one, turned, replace(one, repeat=1))
    assert [verdict.outcome for verdict in found] == ["win", "loss", "win"]
    assert len({verdict.evidence for verdict in found}) == 3


async def test_one_code_marks_all_quotations_and_a_reply_that_quotes_it_is_asked_again() -> None:
    marks: list[str] = []

    def say(prompt: Any, draw: int, _: Sampling) -> str:
        text = f"{prompt.system}\n{prompt.messages[-1].text}"
        found = set(re.findall(r"<answer A (\w+)>", text))
        assert len(found) == 1
        (mark,) = found
        assert f"with the code {mark};" in text
        marks.append(mark)
        return f"<answer A {mark}>\n1: A\n2: A" if draw == 0 else "1: A\n2: A"

    found = await verdicts(batched(model=Scripted(say), pairs=2), PAIRS[0], PAIRS[2])
    assert [verdict.outcome for verdict in found] == ["win", "win"]
    assert all(len(verdict.evidence) == 2 for verdict in found)
    assert len(set(marks)) == 1


async def test_a_failed_call_leaves_all_its_pairs_void() -> None:
    model = Scripted(lambda *_: {"finish": "failed", "error": "context is too long"})
    found = await verdicts(batched(model=model), *PAIRS[:5])
    assert [one.outcome for one in found] == ["void"] * 5
    assert len(model.prompts) == 1


def test_settings_are_checked_and_name_the_verdict() -> None:
    with pytest.raises(BadInput, match="pairs=0 must be at least 1"):
        batched(model=Scripted(lambda *_: ""), pairs=0)
    made = [batched(model=Scripted(lambda *_: ""), pairs=n) for n in (1, 5)]
    assert made[0].id != made[1].id
    assert [one.sampling.max_tokens for one in made] == [24, 56]


def test_a_call_of_five_pairs_is_planned_as_a_fifth_of_a_call_a_match(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as store:
        session = Session(Door(store))
        names = [f"http://127.0.0.1:1/v1#m{n}" for n in (1, 2)]
        pool = f"annotators?members=[(batched?pairs=5&model=({names[0]})),(pairwise?model=({names[1]}))]"
        found = {model.name: times for model, times in asked_models(session.open(pool, Judge))}
    assert sorted(found.values()) == pytest.approx([0.1, 0.5])
