"""The checklist judge: what is shown, which seat wins, empty, long and unreadable answers, identity."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.judges.scripted import Scripted, always, answered, matched, verdicts
from winsome.errors import BadInput
from winsome.judges.annotators import annotators
from winsome.judges.cascade import cascade
from winsome.judges.checklist import CUT, checklist, cut_words
from winsome.judges.heard import extents
from winsome.judges.in_context import in_context
from winsome.judges.pairwise import pairwise
from winsome.protocols import Judge
from winsome.records import Match, Prompt, assistant, user

ITEMS = ["Is it right?", "Is it short?"]


def asked(
    first: str = "An apple.", second: str = "A stone.", seat: int = 0, notes: dict[str, object] | None = None
) -> Match:
    prompt = Prompt(
        (user("Hello."), assistant("Hi."), user("Name a fruit.")),
        for_judges={"checklist": ITEMS} if notes is None else notes,
        item="t1",
    )
    return matched(prompt, answered(prompt, "a", first), answered(prompt, "b", second), seat)


def pair(choice: str) -> str:
    return json.dumps({"analysis": "x", "choice": choice})


async def test_the_five_outcomes_follow_the_sides() -> None:
    for choice, share, extent in (
        ("A++", 1.0, 2.0),
        ("A+", 1.0, 1.0),
        ("A=B", 0.5, 0.0),
        ("B+", 0.0, 1.0),
        ("B++", 0.0, 2.0),
    ):
        judge = checklist(model=always(pair(choice)), metric="reward")
        front, back = await verdicts(judge, asked(seat=0), asked(seat=1))
        assert (front.share, front.extent) == (share, extent)
        assert (back.share, back.extent) == (1.0 - share, extent)
        assert isinstance(judge, Judge)
        assert judge.ordered


async def test_history_query_and_checklist_stand_apart() -> None:
    model = always(pair("A+"))
    await verdicts(checklist(model=model, metric="reward"), asked())
    text = model.prompts[0].text
    history, query = text.split("<query", 1)
    assert "User: Hello." in history
    assert "Name a fruit." not in history
    assert "Name a fruit." in query
    assert "- Is it right?\n- Is it short?" in text


async def test_each_answer_is_graded_alone() -> None:
    model = Scripted(lambda prompt, *_: json.dumps({"score": "8" if "apple" in prompt.text else "3"}))
    judge = checklist(model=model)
    (verdict,) = await verdicts(judge, asked())
    assert (verdict.outcome, verdict.scores, judge.ordered) == ("graded", (8.0, 3.0), False)


async def test_empty_answers_are_ruled_without_a_call() -> None:
    model = always(pair("B+"))
    judge = checklist(model=model, metric="reward")
    one, other, none = await verdicts(judge, asked(first=" "), asked(second="", seat=1), asked("", "\n"))
    assert (one.share, one.extent, other.share, other.extent) == (0.0, 2.0, 1.0, 2.0)
    assert (none.share, none.extent, none.outcome) == (0.5, 0.0, "tie")
    assert not model.calls
    graded = always('{"score": "9"}')
    (verdict,) = await verdicts(checklist(model=graded), asked(first=""))
    assert verdict.scores == (1.0, 9.0)
    assert len(graded.prompts) == 1


async def test_long_texts_are_cut_by_words_and_said_to_be() -> None:
    model = always(pair("A+"))
    (verdict,) = await verdicts(
        checklist(model=model, metric="reward", words=5), asked(first="one two three four five six seven")
    )
    assert "one two three four five" + CUT in model.prompts[0].text
    assert verdict.reason == "label: A+; truncated"
    assert cut_words("a b c", 3) == "a b c"
    assert cut_words("a b c d", 3) == "a b c" + CUT


async def test_what_cannot_be_read_has_no_score() -> None:
    for said in ("11", "7.5", "I am sorry, I cannot."):
        text = said if said.startswith("I") else json.dumps({"score": said})
        (verdict,) = await verdicts(checklist(model=always(text)), asked())
        assert (verdict.outcome, verdict.scores) == ("unparsed", ())


async def test_a_task_without_checklist_is_named_unless_it_is_off() -> None:
    with pytest.raises(BadInput, match="prompt t1"):
        await verdicts(checklist(model=always("x")), asked(notes={}))
    (verdict,) = await verdicts(checklist(model=always('{"score": 5}'), checklist="off"), asked(notes={}))
    assert verdict.scores == (5.0, 5.0)


async def test_structured_replies_are_asked_for_by_schema() -> None:
    model = always(pair("A+"))
    await verdicts(checklist(model=model, metric="reward", structured=True), asked())
    schema = model.calls[0][1].schema
    assert schema is not None
    assert schema["properties"]["choice"]["enum"] == ["A++", "A+", "A=B", "B+", "B++"]


def test_metric_list_text_words_and_model_are_part_of_the_id() -> None:
    model = always("x")
    judges = [
        checklist(model=model),
        checklist(model=model, metric="reward"),
        checklist(model=model, checklist="off"),
        checklist(model=model, words=10),
        checklist(model=model, structured=True),
        checklist(model=replace(model, id="scripted-2")),
    ]
    assert len({judge.id for judge in judges}) == len(judges)
    assert checklist(model=model).id == judges[0].id


def test_judges_say_whether_they_tell_the_size_of_a_win() -> None:
    model = always("x")
    five = checklist(model=model, metric="reward")
    letter = pairwise(model=model)
    told = (five, pairwise(model=model, protocol="arena_hard", structured=True), in_context(judge=five), cascade(cheap=five, dear=in_context(judge=five)))  # fmt: skip
    assert all(extents(judge) for judge in told)
    untold = (letter, checklist(model=model), in_context(judge=letter), cascade(cheap=letter, dear=five), annotators(members=(letter, five)))  # fmt: skip
    assert not any(extents(judge) for judge in untold)
