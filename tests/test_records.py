"""Records: keys say what was asked, ids say what was said, and neither says more."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.records import (
    Match,
    Message,
    Prompt,
    Response,
    Sampling,
    Side,
    Usage,
    Verdict,
    assistant,
    digest,
    response_key,
    shares,
    total,
    user,
)

SAMPLINGS = st.builds(
    Sampling,
    samples=st.builds(range, st.integers(0, 5), st.integers(5, 9)),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.01, 1),
    top_k=st.none() | st.integers(1, 99),
    max_tokens=st.none() | st.integers(1, 9999),
    stop=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 99),
    logprobs=st.none() | st.integers(0, 20),
    choices=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    schema=st.none() | st.just({"type": "object"}),
)


@given(SAMPLINGS, SAMPLINGS)
def test_a_key_is_equal_just_where_the_settings_are(a: Sampling, b: Sampling) -> None:
    same = all(getattr(a, f.name) == getattr(b, f.name) for f in fields(Sampling) if f.name != "samples")
    assert (response_key("p", "c", a, 0) == response_key("p", "c", b, 0)) == same
    assert response_key("p", "c", a, 0) != response_key("p", "c", a, 1)
    assert response_key("p", "c", a, 0) == response_key("p", "c", replace(a, samples=range(7)), 0)


@given(SAMPLINGS, SAMPLINGS)
def test_settings_stand_over_defaults(a: Sampling, b: Sampling) -> None:
    over = a.over(b)
    assert over.samples == a.samples
    for field in fields(Sampling):
        own = getattr(a, field.name)
        expected = getattr(b, field.name) if own is None or own == () else own
        assert getattr(over, field.name) == expected
    assert over.over(b) == over


@pytest.mark.parametrize(("a", "b"), [({"temperature": 0}, {"temperature": 0.0}), ({"top_p": 1}, {"top_p": 1.0}), ({"stop": ["x"]}, {"stop": ("x",)})])  # fmt: skip
def test_one_setting_written_two_ways_is_one_key(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert response_key("p", "c", Sampling(**a), 0) == response_key("p", "c", Sampling(**b), 0)


@given(st.dictionaries(st.text(max_size=4), st.integers(-(2**63), 2**63) | st.text(max_size=4), max_size=5))
def test_a_digest_does_not_see_the_order_of_keys(content: dict[str, Any]) -> None:
    assert digest(content) == digest(dict(reversed(list(content.items()))))


@pytest.mark.parametrize("content", ["\ud800", 2**64, [object()], {1: "x"}])
def test_what_no_record_can_hold_is_one_line(content: Any) -> None:
    with pytest.raises(BadInput, match="cannot hold") as caught:
        digest(content)
    assert "\n" not in str(caught.value)


def test_a_prompt_is_what_contenders_see() -> None:
    prompt = Prompt((user("hello"),))
    beside = replace(prompt, facets={"lang": "en"}, for_judges={"reference_answer": "hi"}, item="7")
    assert beside.id == prompt.id
    for seen in ({"system": "terse"}, {"prefix": "So"}, {"follow_ups": (user("and?"),)}, {"system": ""}):
        assert replace(prompt, **seen).id != prompt.id  # type: ignore[arg-type]
    assert Prompt.of(prompt.seen()) == prompt


def test_words_split_over_messages_are_other_words() -> None:
    one = Response("p", "c", "k", messages=(assistant("ab"),))
    two = Response("p", "c", "k", messages=(assistant("a"), assistant("b")))
    assert one.content != two.content
    assert one.id == replace(one, contender="other", usage=Usage(3)).id
    assert one.id != replace(one, finish="length").id
    assert Message.of(one.messages[0].payload()) == one.messages[0]


def test_a_match_shows_seats_and_words_but_no_names() -> None:
    prompt = Prompt((user("?"),))
    yes, no = (Response(prompt.id, name, name, messages=(assistant(name),)) for name in ("yes", "no"))
    first = Match(prompt, (Side("a", yes, 0), Side("b", no, 1)))
    mirrored = Match(prompt, (Side("a", yes, 1), Side("b", no, 0)), order=1)
    renamed = Match(prompt, (Side("x", no, 0), Side("y", yes, 1)))
    assert first.contest == mirrored.contest != renamed.contest
    assert mirrored.shown == renamed.shown != first.shown
    noted = replace(first, prompt=replace(prompt, for_judges={"reference_answer": "yes"}))
    assert noted.shown != first.shown


@given(st.floats(0, 1))
def test_swapping_sides_mirrors_a_verdict(share: float) -> None:
    outcome, scores = shares(share)
    other, mirrored = shares(1.0 - share)
    assert {"win": "loss", "loss": "win", "tie": "tie"}[outcome] == other or abs(share - 0.5) < 1e-15
    assert sum(scores) == pytest.approx(1.0)
    assert Verdict("m", "j", "i", outcome, scores).share == share
    assert scores == pytest.approx(mirrored[::-1])


def test_unscored_verdicts_have_no_share_and_graded_ones_follow_the_higher_grade() -> None:
    assert Verdict("m", "j", "i", "unparsed", (1.0, 0.0)).share is None
    assert [Verdict("m", "j", "i", "graded", g).share for g in ((8.0, 3.0), (3.0, 8.0), (5.0, 5.0))] == [
        1.0,
        0.0,
        0.5,
    ]


def test_unknown_money_stays_unknown() -> None:
    assert total([Usage(1, money=1.0), Usage(1, money=2.0)]).money == 3.0
    assert total([Usage(1, money=1.0), Usage(1, money=None)]).money is None
