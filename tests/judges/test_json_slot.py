"""WildBench's replies: JSON, fenced, broken, quoted wrongly, outside the allowed values."""

from __future__ import annotations

import pytest

from winsome.judges.json_slot import wildbench_pair, wildbench_score

LONG = '{"analysis": "A says {\\"choice\\": \\"B++\\"} which is odd", "choice": "A+"}'


@pytest.mark.parametrize(
    ("text", "value", "extent"),
    [
        ('{"analysis": "x", "choice": "A++"}', 1.0, 2.0),
        ('{"choice": "A+"}', 1.0, 1.0),
        ('{"choice": "A=B"}', 0.5, 0.0),
        ('{"choice": "B+"}', 0.0, 1.0),
        ('{"choice": "B++"}', 0.0, 2.0),
        ('```json\n{"analysis": "x",\n "choice": "B+"}\n```', 0.0, 1.0),
        ('Here it is: {"choice": "A+"} I hope that helps.', 1.0, 1.0),
        ('{"analysis": "line one\nline two", "choice": "B++"}', 0.0, 2.0),
        ("{“choice”: “A++”}", 1.0, 2.0),
        ("{choice: A=B}", 0.5, 0.0),
        ("{'choice': 'A+', }", 1.0, 1.0),
        ('{"analysis": "it said "hm" twice", "choice": "B+"', 0.0, 1.0),
        (LONG, 1.0, 1.0),
    ],
)
def test_a_choice_is_read(text: str, value: float, extent: float) -> None:
    reading = wildbench_pair(text, None, False)
    assert (reading.value, reading.extent, reading.problem) == (value, extent, "")


@pytest.mark.parametrize(
    ("text", "cut", "problem"),
    [
        ("", False, "no verdict"),
        ("I cannot compare these.", False, "no verdict"),
        ('{"analysis": "x"}', False, "no verdict"),
        ('{"choice": "A"}', False, "no verdict"),
        ('{"choice": "A+++"}', False, "no verdict"),
        ('{"choice": "tie"}', False, "no verdict"),
        ('{"choice": "A+"} {"choice": "B+"}', False, "ambiguous"),
        ("choice: A+ or choice: B+", False, "ambiguous"),
        ('{"analysis": "so long', True, "cut off"),
        ("{" * 3000, False, "no verdict"),
    ],
)
def test_anything_else_is_unparsed_and_never_a_tie(text: str, cut: bool, problem: str) -> None:
    reading = wildbench_pair(text, None, cut)
    assert reading.value is None
    assert reading.problem.startswith(problem)
    assert reading.again
    assert reading.unread == "unparsed"


@pytest.mark.parametrize(
    ("text", "grade"),
    [('{"score": "7"}', 7.0), ('{"score": 10}', 10.0), ("{“score”: 1}", 1.0), ("score: 4", 4.0)],
)
def test_a_whole_score_is_read(text: str, grade: float) -> None:
    assert wildbench_score(text, None, False).value == grade


@pytest.mark.parametrize("said", ['"11"', '"7.5"', "7.5", '"0"', '"-3"', '"seven"', "null", '"7/10"', "true"])
def test_a_score_off_the_scale_is_unparsed(said: str) -> None:
    reading = wildbench_score(f'{{"score": {said}}}', None, False)
    assert reading.value is None
    assert "no whole grade" in reading.problem
