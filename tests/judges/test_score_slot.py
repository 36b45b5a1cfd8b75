"""Three styles on three scales: what is read, what is not."""

from __future__ import annotations

import pytest

from winsome.judges.score_slot import combined, independent


@pytest.mark.parametrize("scale", [5, 10, 100])
@pytest.mark.parametrize(
    "form",
    [
        "Score: {}",
        "{}/{scale}",
        "{}",
        "Good.\nScore: {} / {scale}",
        "[[{}]]",
        "**Score: {}**",
        "{} out of {scale}",
    ],
)
def test_a_score_of_one_answer(form: str, scale: int) -> None:
    reading = independent(scale)(form.format(4, scale=scale), None, False)
    assert (reading.value, reading.label) == (4.0, "4")


@pytest.mark.parametrize("scale", [5, 10, 100])
@pytest.mark.parametrize(
    "form",
    [
        "A: {}, B: {}",
        "Because.\nA: {}, B: {}",
        "A: {}\nB: {}",
        "Answer A: {}/{scale}; Answer B: {}/{scale}",
        "Scores: {}, {}",
        "{} {}",
        "**A: {}**, **B: {}**",
        "Answer A scores {} and answer B scores {}.",
        "A - {}, B - {}",
    ],
)
@pytest.mark.parametrize(("first", "second", "share"), [(4, 3, 1.0), (2, 5, 0.0), (3, 3, 0.5)])
def test_scores_of_a_pair(form: str, first: int, second: int, share: float, scale: int) -> None:
    reading = combined(scale)(form.format(first, second, scale=scale), None, False)
    assert (reading.value, reading.label) == (share, f"{first} to {second}")


def test_the_second_may_be_named_first() -> None:
    assert combined(10)("B: 6, A: 8", None, False).label == "8 to 6"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A: 11, B: 6", "no score out of 10"),
        ("A: -1, B: 6", "no score out of 10"),
        ("A: 4/5, B: 3/5", "4/5 is no score out of 10"),
        ("A: 8", "no verdict"),
        ("They are alike.", "no verdict"),
        ("", "no verdict"),
        ("A: 8, B: 6, C: 7", "ambiguous"),
        ("8 6 4", "ambiguous"),
    ],
)
def test_a_pair_without_two_scores_is_unparsed(text: str, problem: str) -> None:
    reading = combined(10)(text, None, False)
    assert reading.value is None
    assert problem in reading.problem


@pytest.mark.parametrize("text", ["Score: 12", "Score: 4/5", "good", "8 or 9", "Score: -2"])
def test_one_answer_without_one_score_is_unparsed(text: str) -> None:
    assert independent(10)(text, None, False).value is None


def test_a_reply_that_was_cut_off_is_asked_again() -> None:
    for read in (combined(10), independent(10)):
        reading = read("A: 8, B", None, True)
        assert reading.problem.startswith("cut off")
        assert reading.again
