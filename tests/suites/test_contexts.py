"""Contexts: what is read and written, drawn and shown; majorities, chance agreement and the split of variance."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.judges.scripted import Scripted, always, asked, verdicts
from tests.servers.openai_server import Behaviour, serving
from winsome.errors import BadInput
from winsome.judges.in_context import in_context
from winsome.judges.pairwise import pairwise
from winsome.judges.response_choice import response_choice
from winsome.judges.response_slot import choice
from winsome.matchmaking.loops import finish
from winsome.records import Prompt, Suite, user
from winsome.standings import fleiss_kappa
from winsome.standings.majorities import LOSS, TIE, UNREAD, WIN, majorities
from winsome.standings.variance_split import variance_split
from winsome.suites.context_values import by_answer, judges_together
from winsome.suites.context_writer import checking, parsed, verdict_of, written
from winsome.suites.contexts import Contexts, FollowUp, draw, in_words, read_contexts, write_contexts
from winsome.suites.contextual import compare_in_contexts, estimate_in_contexts, suite_in_context, write_for

OPEN = Contexts(
    (FollowUp("How old?", ("child", "adult")), FollowUp("Where?", ("here", "there", "elsewhere")))
)
PROMPTS = [Prompt((user(f"Question {n}"),), item=str(n)) for n in range(6)]

# Verdicts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Response 1\nIt is better.", 1.0),
        ("output: Response 2\njustification: Response 1 is short.", 0.0),
        ("**Response 1**", 1.0),
        ("```\nResponse 2\n```", 0.0),
        ("Tie", 0.5),
        ("Verdict: tie.\nBoth do.", 0.5),
        ("response_1", 1.0),
        ("Response 1 is better.\nIt beats Response 2.", 1.0),
    ],
)
def test_a_named_response_is_read(text: str, value: float) -> None:
    assert choice(text, None, False).value == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Response 1 or Response 2", "ambiguous"),
        ("Response 1 is better than Response 2", "ambiguous"),
        ("", "no verdict"),
        ("They are both fine.\nResponse 1", "no verdict"),
        ("Response 3", "no verdict"),
        ("I'd say that Response 1 may perhaps be somewhat better", "ambiguous"),
    ],
)
def test_both_names_or_none_decide_nothing(text: str, problem: str) -> None:
    reading = choice(text, None, False)
    assert reading.value is None
    assert reading.problem.startswith(problem)


async def test_seats_are_undone() -> None:
    judge = response_choice(model=always("Response 1\nReasons."))
    front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
    assert (front.share, back.share) == (1.0, 0.0)


def test_fleiss_kappa_by_both_models_of_chance() -> None:
    """Against statsmodels, and loops over items, on random tables; P_e is 1/3 for three classes where chance is uniform."""
    from statsmodels.stats.inter_rater import fleiss_kappa as theirs

    chance = np.random.default_rng(1)
    for _ in range(20):
        table = chance.multinomial(5, chance.dirichlet(np.ones(3)), size=40).astype(float)
        agreed = sum(sum(c * (c - 1) for c in row) / (5 * 4) for row in table.tolist()) / 40
        shares = [sum(row[k] for row in table.tolist()) / 200 for k in range(3)]
        for model, expected in (("marginal", sum(s * s for s in shares)), ("uniform", 1 / 3)):
            found = fleiss_kappa(table, chance=model)  # type: ignore[arg-type]
            assert found.estimate == pytest.approx((agreed - expected) / (1 - expected), abs=1e-12)
            method = "fleiss" if model == "marginal" else "uniform"
            assert found.estimate == pytest.approx(float(theirs(table, method=method)), abs=1e-12)


def test_majorities_of_five_judges_by_hand() -> None:
    w, t, x, u = WIN, TIE, LOSS, UNREAD
    votes = np.array(
        [
            [w, w, w, x, x], [w, w, w, w, w], [x, x, x, w, t], [t, t, t, w, x], [w, w, x, x, t],
            [w, w, t, t, u], [w, w, w, u, u], [x, x, x, x, t], [t, t, t, t, t], [u, u, u, u, w],
        ],
        np.int32,
    )  # fmt: skip
    found = majorities(votes)
    # majorities: W W L T - (2-2 of 4) W L T W; rows 5 and 6 have none
    assert (found.items, found.with_majority, found.without, found.unread) == (10, 8, 2, 7)
    assert found.win_rate == pytest.approx(4 / 8)
    assert found.tie_rate == pytest.approx(2 / 8)
    assert found.agreement == pytest.approx((0.6 + 1 + 0.6 + 0.6 + 0.4 + 0.5 + 1 + 0.8 + 1 + 1) / 10)
    published = majorities(votes, published=True)
    # unread votes as ties: row 6 is a tie, row 7 stays a win, row 10 becomes a tie
    assert (published.with_majority, published.without) == (9, 1)
    assert published.win_rate == pytest.approx(3 / 9)
    assert published.tie_rate == pytest.approx(4 / 9)
    with pytest.raises(BadInput, match="no vote"):
        majorities(np.full((2, 3), UNREAD, np.int32))


def test_a_planted_spread_between_contexts_is_recovered() -> None:
    """2,000 prompts in 5 contexts, asked twice in each: the component between contexts within 10%."""
    chance, prompts, draws = np.random.default_rng(2), 2000, 5
    of_prompt = chance.normal(0.5, 0.1, prompts)
    of_context = of_prompt[:, None] + chance.normal(0, 0.15, (prompts, draws))
    shares = of_context[:, :, None] + chance.normal(0, 0.1, (prompts, draws, 2))
    prompt = np.repeat(np.arange(prompts, dtype=np.int32), draws * 2)
    context = np.tile(np.repeat(np.arange(draws, dtype=np.int32), 2), prompts)
    found = variance_split(shares.ravel(), prompt, context)
    assert found.contexts == pytest.approx(0.15**2, rel=0.1)
    assert found.asks == pytest.approx(0.1**2, rel=0.1)
    assert found.prompts == pytest.approx(0.1**2, rel=0.2)
    assert found.low < 0.5 < found.high
    assert found.lowest < found.mean < found.highest
    with pytest.raises(BadInput, match="two contexts"):
        variance_split(np.array([1.0, 0.0]), np.array([0, 1], np.int32), np.array([0, 0], np.int32))


# Contexts


def test_draws_come_from_their_sets_and_repeat() -> None:
    assert OPEN.possible == 6
    seen = {draw(OPEN, "p", number) for number in range(200)}
    assert len(seen) == 6
    assert all(
        answer in follow_up.answers
        for context in seen
        for (_, answer), follow_up in zip(context, OPEN.follow_ups, strict=True)
    )
    assert draw(OPEN, "p", 3, seed=1) == draw(OPEN, "p", 3, seed=1)
    assert in_words((("How old?", "adult"),)) == "Q: How old?\nA: adult"


def test_files_are_read_back(tmp_path: Path) -> None:
    held = {PROMPTS[0].id: OPEN, PROMPTS[1].id: Contexts(())}
    assert write_contexts(tmp_path / "c.jsonl", PROMPTS, held) == 2
    assert read_contexts(tmp_path / "c.jsonl", PROMPTS) == held


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"id": "0", "questions": [{"question": "Why?", "answers": ["yes"]}]}, "fewer than two answers"),
        ({"id": "0", "questions": [{"question": "Why?", "answers": ["yes", "Other"]}]}, "says nothing"),
        ({"id": "0", "questions": [{"question": "Why?", "answers": ["yes", "Yes "]}]}, "one answer twice"),
        ({"id": "0", "questions": [{"question": "", "answers": ["a", "b"]}]}, "no question"),
        ({"id": "77", "questions": []}, "which the suite lacks"),
        (
            {"id": "0", "questions": [{"question": f"{n}?", "answers": ["a", "b"]} for n in range(11)]},
            "keep the 10",
        ),
        ({"id": "0", "needed": False}, "asks nothing back"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, row: dict[str, Any], line: str) -> None:
    (tmp_path / "c.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(BadInput) as caught:
        read_contexts(tmp_path / "c.jsonl", PROMPTS)
    assert line in str(caught.value)
    assert len(str(caught.value)) <= 200


def reply(*questions: tuple[str, list[str]], needed: bool = True) -> str:
    return json.dumps({"needed": needed, "questions": [{"question": q, "answers": a} for q, a in questions]})


def test_replies_of_the_writer() -> None:
    assert parsed('{"needed": false, "questions": []}') == (Contexts(()), [])
    found = parsed(
        "Sure!\n```json\n" + reply(("How old?", ["child", "adult"]), ("Why?", ["fun", "other"])) + "\n```"
    )
    assert found == (
        Contexts((FollowUp("How old?", ("child", "adult")),)),
        [("Why?", "an answer that says nothing (other)")],
    )
    ten = parsed(reply(*((f"{n}?", ["a", "b"]) for n in range(12))))
    assert not isinstance(ten, str)
    assert (len(ten[0].follow_ups), len(ten[1])) == (10, 2)
    for text in (
        "I cannot.",
        '{"needed": true}',
        '{"needed": true, "questions": "none"}',
        '{"needed": true, "questions": ["a"]}',
        reply(("Why?", ["x"])),
    ):
        assert isinstance(parsed(text), str)


async def test_malformed_replies_are_drawn_again_then_named() -> None:
    def say(prompt: Prompt, number: int, sampling: Any) -> str:
        if "Question 0" in prompt.text:
            return "no json here"
        if "Question 1" in prompt.text and number == 0:
            return '{"needed": tru'
        return reply(("How old?", ["child", "adult"]))

    writer = Scripted(say)
    found = await written(PROMPTS[:3], writer)
    assert set(found.contexts) == {PROMPTS[1].id, PROMPTS[2].id}
    assert set(found.unread) == {PROMPTS[0].id}
    assert [count for count, _ in writer.calls] == [3, 2, 1]


async def test_questions_that_fail_a_check_are_dropped_and_listed() -> None:
    writer = always(
        reply(("How old?", ["child", "adult"]), ("Colour?", ["red", "blue"]), ("Where?", ["here", "there"]))
    )

    def check(prompt: Prompt, number: int, sampling: Any) -> str:
        if "Colour?" in prompt.text:
            return '{"important": 0, "realistic": 1, "complete": 1, "diverse": 1, "fits": 1}'
        return (
            "hm"
            if "Where?" in prompt.text
            else '{"important": 1, "realistic": 1, "complete": 1, "diverse": 1, "fits": 1}'
        )

    found = await written(PROMPTS[:1], writer, Scripted(check, id="checker"))
    assert [f.question for f in found.contexts[PROMPTS[0].id].follow_ups] == ["How old?"]
    assert {(question, why) for _, question, why in found.dropped} == {
        ("Colour?", "not important"),
        ("Where?", "its check cannot be read"),
    }
    assert "- red" in checking(PROMPTS[0], FollowUp("Colour?", ("red", "blue"))).text
    assert (
        verdict_of('{"important": 1, "realistic": 1, "complete": 1, "diverse": 1, "fits": 0}') == "not fits"
    )


# Three settings


def test_only_the_judge_sees_a_context_in_setting_judge() -> None:
    suite = Suite("s", "1", PROMPTS)
    held = {prompt.id: OPEN for prompt in PROMPTS[:4]}
    shown = suite_in_context(suite, held, 0, "judge")
    assert [prompt.id for prompt in shown.prompts] == [prompt.id for prompt in PROMPTS[:4]]
    assert all("Q: How old?" in prompt.for_judges["context"] for prompt in shown.prompts)
    both = suite_in_context(suite, held, 0, "both")
    assert not {prompt.id for prompt in both.prompts} & {prompt.id for prompt in PROMPTS}
    assert all("Q: How old?" in prompt.text and not prompt.for_judges for prompt in both.prompts)
    assert [prompt.facets[both.cluster] for prompt in both.prompts] == [prompt.id for prompt in PROMPTS[:4]]


async def test_the_judge_is_told_of_the_context_and_its_kept_verdicts_know_it() -> None:
    model = always("A")
    judge = in_context(judge=pairwise(model=model))
    plain = asked()
    match = asked()
    object.__setattr__(match.prompt, "for_judges", {"context": "Q: How old?\nA: child"})
    (verdict,) = await verdicts(judge, match)
    assert verdict.match == match.id
    assert "A: child" in model.prompts[0].text
    assert match.shown != plain.shown
    with pytest.raises(BadInput, match="no context"):
        await verdicts(judge, plain)


def files(folder: Path) -> list[str]:
    made = []
    for name, words in (("adults", "for adults"), ("children", "for children")):
        rows = [{"id": p.item, "prompt": p.text, "output": f"{words} {p.item}"} for p in PROMPTS]
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        made.append(str(path))
    return made


def test_a_winner_that_changes_with_the_asker_is_found(tmp_path: Path) -> None:
    """A judge that prefers what is written for the age it is told, and the adults' answer where it is told nothing."""
    first, second = files(tmp_path)
    held = {prompt.id: Contexts((FollowUp("How old?", ("child", "adult")),)) for prompt in PROMPTS}
    own = {"ledger": tmp_path / "l.sqlite", "folder": tmp_path / "runs", "quiet": True}
    found = compare_in_contexts(
        first, second, judge="tests.suites.by_age:by_age", suite=None, contexts=lambda suite: held, draws=4, settings=own
    )  # fmt: skip
    figures = found.figures
    drawn = [draw(held[p.id], p.id, k)[0][1] for k in range(4) for p in PROMPTS]
    adults = drawn.count("adult") / len(drawn)
    assert figures["without context"]["estimate"] == 1.0
    assert figures["in context"]["mean"] == pytest.approx(adults)
    assert figures["change"]["estimate"] == pytest.approx(1 - adults)
    assert figures["prompts"] == 6
    assert figures["in context"]["contexts"] > figures["in context"]["prompts"]


def test_a_judge_among_the_contenders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="contender and judge"):
        compare_in_contexts(
            "openai:a", "openai:b", judge="pairwise?model=(openai:a)", suite="basics", contexts=lambda suite: {}
        )  # fmt: skip


# What contexts say beyond their average


def ran(plain: dict[str, float], drawn: list[dict[str, float]]) -> Any:
    """What `judges_together` reads of a run."""
    return SimpleNamespace(plain_shares=plain, drawn_shares=tuple(drawn))


def test_agreement_of_judges_by_hand() -> None:
    """Four prompts, three judges, one draw: 2/3, 1, 2/3, 1/3 without and 1, 1, 2/3, 1 in context; p5 lacks a verdict."""
    without = [
        dict(zip("1234", shares, strict=True)) for shares in ((1, 0, 1, 1), (1, 0, 0, 0), (0, 0, 1, 0.5))
    ]
    within = [dict(zip("1234", shares, strict=True)) for shares in ((1, 0, 1, 0), (1, 0, 1, 0), (1, 0, 0, 0))]
    without[0]["5"] = 1.0
    found = judges_together([ran(plain, [drawn]) for plain, drawn in zip(without, within, strict=True)])
    assert (found["judges"], found["prompts"], found["draws"]) == (3, 4, 1)
    change = found["change"]
    assert change["estimate"] == pytest.approx((1 / 3 + 0 + 0 + 2 / 3) / 4)
    assert change["low"] < change["estimate"] < change["high"]
    assert found["in context"]["agreement"] == pytest.approx((1 + 1 + 2 / 3 + 1) / 4)
    assert found["without context"]["unread"] == 2
    # the fifth prompt has one verdict for the first side and two that count as ties there
    assert found["without context"]["agreement_as_published"] == pytest.approx(
        (2 / 3 + 1 + 2 / 3 + 1 / 3 + 2 / 3) / 5
    )
    with pytest.raises(BadInput, match="two judges"):
        judges_together([ran({"1": 1.0}, [{"1": 1.0}])])
    with pytest.raises(BadInput, match="no prompt"):
        judges_together([ran({"1": 1.0}, [{"1": 1.0}]), ran({"2": 1.0}, [{"2": 1.0}])])


def test_rates_by_answer_are_those_of_the_prompts_that_drew_it() -> None:
    held = {
        str(n): Contexts((FollowUp("How old?", ("child", "adult")), FollowUp(f"Own {n}?", ("x", "y"))))
        for n in range(30)
    }
    drawn = [
        {p: float(draw(held[p], p, k, 7)[0][1] == "child") for p in held} for k in range(3)
    ]  # fmt: skip
    rows = by_answer(drawn, held, seed=7)
    assert [(row["question"], row["answer"], row["estimate"], row["differs"]) for row in rows] == [
        ("How old?", "child", 1.0, True),
        ("How old?", "adult", 0.0, True),
    ]
    children = {p for k in range(3) for p in held if draw(held[p], p, k, 7)[0][1] == "child"}
    assert rows[0]["n"] == len(children)
    assert by_answer([dict.fromkeys(held, 0.5)], held, seed=7)[0]["differs"] is False


def test_a_judge_among_the_contenders_may_be_allowed(tmp_path: Path) -> None:
    """Refused by name before anything is opened; allowed, it goes on to the contexts."""
    with pytest.raises(BadInput, match="no prompt has a context"):
        compare_in_contexts(
            "openai:a", "openai:b", judge="pairwise?model=(openai:a)", suite="basics", contexts=lambda suite: {},
            allow_same_judge=True,
        )  # fmt: skip


def test_writer_and_checker_over_http(tmp_path: Path) -> None:
    """Recorded replies of a chat-completions server: no need, ten questions, a broken list mended by the second draw, one never read."""
    ten = reply(*((f"Point {n}?", ["a", "b"]) for n in range(10)))
    said = {
        "Question 0": ['{"needed": false, "questions": []}'],
        "Question 1": [ten],
        "Question 2": ['{"needed": true, "questions": [{"question": "Who?", "answers": ["a", ', reply(("Who?", ["a", "b"]))],
        "Question 3": ["I cannot help with that."],
    }  # fmt: skip
    seen: dict[str, int] = {}

    def answer(body: Any) -> str:
        text = body["messages"][-1]["content"]
        if "Point 3?" in text:
            return '{"important": 1, "realistic": 0, "complete": 1, "diverse": 1, "fits": 1}'
        if "- a" in text:
            return '```json\n{"important": 1, "realistic": 1, "complete": 1, "diverse": 1, "fits": 1}\n```'
        place = next(name for name in said if name in text)
        number = seen[place] = seen.get(place, -1) + 1
        return said[place][min(number, len(said[place]) - 1)]

    suite = Suite("four", "1", PROMPTS[:4])

    async def work() -> tuple[Any, Any, int, int]:
        import asyncio

        async with serving(Behaviour(answer=answer)) as server:
            names = (f"{server.base}#test-model",) * 2
            run = {"ledger": tmp_path / "l.sqlite", "quiet": True, "concurrency": 1}
            first = await asyncio.to_thread(lambda: write_for(suite, *names, **run))
            bought = server.stats.answered
            again = await asyncio.to_thread(lambda: write_for(suite, *names, **run))
            return first, again, bought, server.stats.answered

    first, again, bought, after = finish(work(), lambda: None)
    counts = {
        prompt.item: len(first.contexts[prompt.id].follow_ups)
        for prompt in PROMPTS[:4]
        if prompt.id in first.contexts
    }
    assert counts == {"0": 0, "1": 9, "2": 1}
    assert set(first.unread) == {PROMPTS[3].id}
    assert [(question, why) for _, question, why in first.dropped] == [("Point 3?", "not realistic")]
    # 4 prompts, two draws again of the unread two (one is read the second time), 11 checks
    assert bought == 4 + 2 + 1 + 11
    assert (again.contexts, after) == (first.contexts, bought)


@pytest.mark.parametrize(("setting", "answered"), [("judge", 1), ("both", 4)])
def test_a_dry_run_counts_what_three_contexts_would_ask(tmp_path: Path, setting: Any, answered: int) -> None:
    """1,881 prompts of the paper: every run's asks of the judge; answers once where the judge alone is told."""
    prompts = [Prompt((user(f"Question {n} about plans?"),), item=str(n)) for n in range(1881)]
    (tmp_path / "s.jsonl").write_text(
        "".join(json.dumps({"id": p.item, "prompt": p.text}) + "\n" for p in prompts)
    )
    began = time.process_time()
    planned = estimate_in_contexts(
        "openai:gpt-4o", "openai:gpt-4o-mini", judge="response_choice?model=(openai:gpt-4.1)", suite=str(tmp_path / "s.jsonl"),
        contexts=lambda suite: {p.id: OPEN for p in suite.prompts}, setting=setting, draws=3,
        settings={"ledger": tmp_path / "l.sqlite", "folder": tmp_path / "runs", "orders": 1},
    )  # fmt: skip
    calls = [load.calls for load in planned.loads]
    assert (planned.contests, planned.asks) == (4 * 1881, 4 * 1881)
    # the judge in contexts is one of another name
    assert (calls[:2], sum(calls[2:])) == ([answered * 1881] * 2, 4 * 1881)
    assert planned.money
    assert time.process_time() - began < 8
    with pytest.raises(BadInput, match="no model"):
        estimate_in_contexts(
            "openai:gpt-4o", "openai:", judge="response_choice?model=(openai:gpt-4.1)", suite=str(tmp_path / "s.jsonl"),
            contexts=lambda suite: {p.id: OPEN for p in suite.prompts}, settings={"ledger": tmp_path / "l.sqlite"},
        )  # fmt: skip
