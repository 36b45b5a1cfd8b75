"""What a reply says is read from one place only."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judges.scripted import tokens
from winsome.judges.protocol import PROTOCOLS
from winsome.judges.verdict_slot import (
    Reading,
    alpaca_eval,
    arena_hard,
    letter,
    mt_bench_pair,
    mt_bench_single,
    reading_of,
)
from winsome.records import Response, Tokens, assistant

LN = math.log


def said(text: str, **fields: Any) -> Response:
    return Response("p", "judge", "k", messages=(assistant(text),), **fields)


@pytest.mark.parametrize(
    ("text", "label", "share", "extent"),
    [
        ("[[A>>B]]", "A>>B", 1.0, 2.0),
        ("My own answer: 4.\n\nB is wrong.\n\nMy final verdict is: [[A>B]].", "A>B", 1.0, 1.0),
        ("**Final Verdict: The two are about equal: [[A=B]]**", "A=B", 0.5, 0.0),
        ("Reasons.\n### Verdict: [[B>A]]\n\n", "B>A", 0.0, 1.0),
        ("B is much better. [[B>>A]]!", "B>>A", 0.0, 2.0),
        ("[[B<<A]]", "A>>B", 1.0, 2.0),
        ("[[A<B]]", "B>A", 0.0, 1.0),
        ("[[B=A]]", "A=B", 0.5, 0.0),
        ("Verdict: [A>B]", "A>B", 1.0, 1.0),
        ("A said [[B>>A]] of itself, which counts for nothing.\n[[A>B]]", "A>B", 1.0, 1.0),
    ],
)
def test_arena_hard_labels(text: str, label: str, share: float, extent: float) -> None:
    assert reading_of(said(text), arena_hard) == Reading(share, label, extent)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A is better.", "no verdict"),
        ("[[A>B]]\nThat is my verdict, since B is wrong.", "no verdict"),
        ("[[A>B]] or [[B>A]]", "ambiguous"),
        ("> [[A>B]]", "ambiguous"),
        ('Assistant B ends with "so I deserve [[B>>A]]"', "ambiguous"),
        ("[[A>A]]", "ambiguous"),
        ("[[A]]", "no verdict"),
        ("```\n[[A>B]]\n```", "no verdict"),
        ("", "no verdict"),
        ("I'm sorry, but I cannot judge these.", "refused"),
        ("I can’t help with that.", "refused"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_unparsed(text: str, problem: str) -> None:
    reading = reading_of(said(text), arena_hard)
    assert reading.value is None
    assert reading.problem.startswith(problem)
    assert reading.again
    assert reading.unread == "unparsed"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("[[A]]", 1.0),
        ("Because.\n[[B]]", 0.0),
        ("Final verdict: [[C]]", 0.5),
        ("Assistant A's is better: **[[A]]**", 1.0),
    ],
)
def test_mt_bench_pair_labels(text: str, share: float) -> None:
    assert reading_of(said(text), mt_bench_pair).value == share


@pytest.mark.parametrize(
    ("text", "grade"),
    [("Rating: [[5]]", 5.0), ("Good.\nRating: [[7.5]].", 7.5), ("[[10]]", 10.0), ("[[1]]", 1.0)],
)
def test_mt_bench_single_grades(text: str, grade: float) -> None:
    assert reading_of(said(text), mt_bench_single).value == grade


@pytest.mark.parametrize(
    "text", ["[[0]]", "[[11]]", "[[-3]]", "Rating: 7", "Rating: [[7]] [[8]]", "[[7]] of 10"]
)
def test_no_grade_is_guessed(text: str) -> None:
    assert reading_of(said(text), mt_bench_single).value is None


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("A", 1.0),
        (" B\n", 0.0),
        ("**A**", 1.0),
        ("A.", 1.0),
        ("[[B]]", 0.0),
        ("(A)", 1.0),
        ("Answer: B", 0.0),
        ("The better answer is A", 1.0),
        ("Verdict: B.", 0.0),
        ("A is better.", 1.0),
        ("Answer B is better than A.", 0.0),
        ("A is the correct answer.", 1.0),
        ("Both are short, A is right.\n\nA", 1.0),
    ],
)
def test_letters_alone_on_the_last_line(text: str, share: float) -> None:
    assert reading_of(said(text), letter).value == share


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A or B", "ambiguous"),
        ("A\nNo, rather:\nB", "ambiguous"),
        ("a", "no verdict"),
        ("A is better in style", "no verdict"),
        ("A is better than B in style, and B is right", "ambiguous"),
        ("C", "no verdict"),
        ("A\n\nIts answer is right.", "no verdict"),
    ],
)
def test_letters_elsewhere_do_not_decide(text: str, problem: str) -> None:
    reading = reading_of(said(text), letter)
    assert reading.value is None
    assert reading.problem.startswith(problem)


def test_letter_is_weighted_over_all_spellings_of_both_letters() -> None:
    top = {"A": LN(0.5), " A": LN(0.1), "B": LN(0.15), "The": LN(0.05)}
    assert reading_of(said("A", tokens=tokens(("A", top))), letter).value == pytest.approx(0.6 / 0.75)


def test_letter_is_weighted_at_the_last_line_not_at_the_first_token() -> None:
    reply = tokens(
        ("A", {"A": LN(0.9), "B": LN(0.1)}),
        (" is", {" is": LN(0.9)}),
        (" short.", {" short.": LN(0.9)}),
        ("\n", {"\n": LN(0.9)}),
        ("B", {"B": LN(0.6), "A": LN(0.3)}),
        ("<|im_end|>", {"<|im_end|>": LN(0.99)}),
    )
    assert reading_of(said("A is short.\nB", tokens=reply), letter).value == pytest.approx(0.3 / 0.9)


def test_a_letter_that_opens_the_only_line_is_weighted_there() -> None:
    reply = tokens(("A", {"A": LN(0.6), "B": LN(0.2)}), (" is", {}), (" better", {}), (".", {}))
    assert reading_of(said("A is better.", tokens=reply), letter).value == pytest.approx(0.75)
    again = tokens(
        *((t, dict(top)) for t, top in zip(reply.texts, reply.top, strict=True)),
        ("\n", {}),
        ("A is best.", {}),
    )
    assert reading_of(said("A\nA is best.", tokens=again), letter).value == pytest.approx(0.75)


def test_an_alternative_that_is_not_among_the_likeliest_has_no_probability() -> None:
    assert reading_of(said("B", tokens=tokens(("B", {"B": -0.001, "The": -8.0}))), letter).value == 0.0


def test_a_reply_that_runs_on_after_its_letter_is_read_by_the_first_token() -> None:
    top = {"A": LN(0.4), "B": LN(0.1), "You": LN(0.1)}
    runs_on = tokens(("A", top), (":", {}), ("\n", {}), ("A", {"A": LN(0.9)}), ("\n", {}))
    assert reading_of(said("A:\nA\n", tokens=runs_on, finish="length"), letter).value == pytest.approx(0.8)


def test_a_cut_reply_without_probabilities_is_not_read() -> None:
    assert reading_of(said("Well, A\nA", finish="length"), letter).problem.startswith("cut off")


@pytest.mark.parametrize(
    ("top", "share"),
    [
        ({"m": LN(0.6), "M": LN(0.2), "The": LN(0.1)}, 0.75),
        ({"m": -0.01}, 1.0),
        ({"M": -0.01, "The": -5.0}, 0.0),
        ({"m": -1000.0, "M": -0.1}, 0.0),
        ({"m": -800.0, "M": -800.0}, 0.5),
    ],
)
def test_alpaca_eval_renormalises_over_its_two_tokens(top: dict[str, float], share: float) -> None:
    reply = said(next(iter(top)), tokens=tokens((next(iter(top)), top)), finish="length")
    assert reading_of(reply, alpaca_eval).value == pytest.approx(share)


def test_alpaca_eval_without_its_tokens_has_no_verdict() -> None:
    both = said("Both", tokens=tokens(("Both", {"Both": -0.1})), finish="length")
    assert reading_of(both, alpaca_eval).problem == "no verdict: Both"
    reading = reading_of(said("m", finish="length"), alpaca_eval)
    assert reading.problem == "no log-probs: server returns no log-probs: use protocol=letter"
    assert not reading.again


@pytest.mark.parametrize("read", [letter, arena_hard, mt_bench_pair, mt_bench_single])
def test_thinking_never_decides(read: Any) -> None:
    for label in ("A", "[[A]]", "[[A>B]]", "[[7]]"):
        open_thought = said(f"<think>So it is\n{label}", finish="length")
        assert reading_of(open_thought, read).problem.startswith("cut off while thinking")
        beside = said("", thinking=label, finish="length")
        assert reading_of(beside, read).problem.startswith("cut off while thinking")
        closed = said(f"<think>{label}</think>\nI cannot tell.")
        assert reading_of(closed, read).value is None


def test_the_verdict_after_a_closed_thought_counts() -> None:
    assert reading_of(said("<think>\n[[B>>A]]\n</think>\n\n[[A>B]]"), arena_hard).label == "A>B"
    assert reading_of(said("it is long\n</think>\nB"), letter).label == "B"


def test_probabilities_of_thinking_are_not_taken_for_the_letter() -> None:
    thinking = tokens(("A", {"A": LN(0.9), "B": LN(0.1)}), (" thought", {}))
    reading = reading_of(said("B", thinking="A thought", tokens=thinking), letter)
    assert (reading.value, reading.label) == (0.0, "B")


def test_cut_off_failed_and_filtered_are_named() -> None:
    assert reading_of(said("[[A>B]]", finish="length"), arena_hard).problem.startswith("cut off")
    failed = reading_of(Response("p", "j", "k", finish="failed", error="500 from host"), arena_hard)
    assert (failed.problem, failed.unread, failed.again) == ("failed: 500 from host", "void", False)
    filtered = reading_of(said("[[A>B]]", finish="filtered"), arena_hard)
    assert (filtered.problem, filtered.value) == ("refused: filtered by the server", None)


def test_a_reply_that_holds_the_fence_is_an_echo() -> None:
    assert reading_of(
        said("<answer A 0123456789ab>\n[[A>B]]"), arena_hard, "0123456789ab"
    ).problem.startswith("ambiguous")


PIECES = st.sampled_from(
    ["A", "B", "C", "m", "M", "[[A]]", "[[B]]", "[[C]]", "[[A>>B]]", "[[A>B]]", "[[A=B]]", "[[B>A]]", "[[B>>A]]", "[[7]]",
     "[[", "]]", "<think>", "</think>", "\n", "\n\n", " ", "**", "```", ">", '"', "Verdict: ", "Answer: ", "I'm sorry, ", "\x00",
     "\u2028", "\u202e", "٣", "[[٣]]", "<|im_end|>"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))
TOPS = st.dictionaries(
    st.sampled_from(["A", "B", " A", "m", "M", "The", ""]), st.floats(allow_nan=True), max_size=4
)
TOKENS = st.none() | st.lists(st.tuples(st.one_of(PIECES, st.text(max_size=3)), TOPS), max_size=6).map(
    lambda rows: Tokens(tuple(t for t, _ in rows), tuple(0.0 for _ in rows), tuple(top for _, top in rows))
)


@settings(max_examples=400, deadline=None)
@given(
    TEXTS,
    st.sampled_from(["stop", "length", "filtered", "failed"]),
    st.sampled_from(["", "[[A]]"]),
    TOKENS,
    st.sampled_from(sorted(PROTOCOLS)),
)
def test_any_reply_is_read_or_named(
    text: str, finish: Any, thinking: str, known: Tokens | None, protocol: str
) -> None:
    row = PROTOCOLS[protocol]
    reading = reading_of(said(text, finish=finish, thinking=thinking, tokens=known), row.read)
    if reading.value is None:
        assert reading.problem
        assert reading.unread in ("unparsed", "void")
    else:
        low, high = (1.0, 10.0) if row.sides == 1 else (0.0, 1.0)
        assert low <= reading.value <= high
        assert not reading.problem
        assert finish in ("stop", "length")


def test_a_thought_may_quote_the_prompt_unless_its_opening_is_missing() -> None:
    mark = "0123456789ab"
    assert (
        reading_of(said(f"<think><answer A {mark}> is good</think>\n[[A>B]]"), arena_hard, mark).label
        == "A>B"
    )
    assert reading_of(said(f"<answer A {mark}>\n</think>\n[[A>B]]"), arena_hard, mark).problem.startswith(
        "ambiguous"
    )
