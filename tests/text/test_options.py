"""Which option a text decides for, and pieces of a passage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.records import Prompt, user
from winsome.text.options import Question, decided, first_number, pieces


@given(st.text(min_size=1, max_size=200), st.integers(1, 40))
def test_pieces_join_to_the_passage_and_differ_by_at_most_one(passage: str, k: int) -> None:
    if len(passage) < k:
        with pytest.raises(BadInput, match=f"{len(passage)} characters cannot be cut into {k} pieces"):
            pieces(passage, k)
        return
    cut = pieces(passage, k)
    assert "".join(cut) == passage
    assert len(cut) == k
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


@pytest.mark.parametrize(
    ("text", "ours", "published"),
    [
        ("Option (1) looks good, but no.\nAnswer: (2)", 2, 1),
        ("The answer is (3).", 3, 3),
        ("**Answer:** (4)", 4, 4),
        ("Answer: 2", 2, None),
        ("Answer: (1). On reflection, answer: (2)", 2, 1),
        ("I think (3) is right, (3) indeed.", 3, 3),
        ("Either (1) or (2).", None, 1),
        ("I do not know.", None, None),
        ("Answer: (7)", None, 7),
        ("", None, None),
    ],
)
def test_a_text_decides_by_its_last_answer_and_the_published_rule_takes_the_first_number(
    text: str, ours: int | None, published: int | None
) -> None:
    assert decided(text, 4) == ours
    assert first_number(text) == published


def test_the_promoted_option_is_a_wrong_one_by_seed_and_prompt() -> None:
    held = {"options": ["a", "b", "c"], "gold_label": 2}
    prompts = [Prompt((user(f"q{i}"),), for_judges=held) for i in range(200)]
    question = Question.of(prompts[0])
    assert question is not None
    drawn = [question.promoted(prompt, 0) for prompt in prompts]
    assert set(drawn) == {1, 3}
    assert 70 < drawn.count(1) < 130
    assert drawn == [question.promoted(prompt, 0) for prompt in prompts]
    assert drawn != [question.promoted(prompt, 1) for prompt in prompts]
    assert Question.of(Prompt((user("open"),))) is None


@pytest.mark.parametrize(
    "held", [{"options": ["a", "b"]}, {"options": ["a", "b"], "gold_label": 3}, {"options": "ab", "gold_label": 1}]
)  # fmt: skip
def test_options_without_a_right_one_are_refused(held: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r'prompt "q"'):
        Question.of(Prompt((user("q"),), for_judges=held))
