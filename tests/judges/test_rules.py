"""Rules: each side passes or does not; both or neither is a tie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judges.scripted import asked, verdicts
from winsome.errors import BadInput
from winsome.judges.rules.exact import exact
from winsome.judges.rules.json_schema import json_schema
from winsome.judges.rules.numeric import last_number, numeric
from winsome.judges.rules.regex import regex
from winsome.protocols import Judge
from winsome.records import Verdict


async def one(judge: Judge, first: str, second: str, reference: object = None) -> Verdict:
    (verdict,) = await verdicts(judge, asked(first=first, second=second, reference=reference, seat=1))
    return verdict


async def test_one_passes_and_wins_both_or_neither_tie() -> None:
    judge = exact(answer="Paris")
    assert isinstance(judge, Judge)
    found = [
        await one(judge, *pair)
        for pair in [("Paris", "Rome"), ("Rome", "Paris"), ("Paris", " Paris\n"), ("x", "y")]
    ]
    assert [v.outcome for v in found] == ["win", "loss", "tie", "tie"]
    assert [v.share for v in found] == [1.0, 0.0, 0.5, 0.5]
    assert [v.reason for v in found] == ["passes, fails", "fails, passes", "passes, passes", "fails, fails"]


async def test_exact_takes_the_reference_answer_and_its_own_setting_first() -> None:
    assert (await one(exact(), "Paris", "paris", "Paris")).outcome == "win"
    assert (await one(exact(ignore_case=True), "Paris", "paris", "PARIS")).outcome == "tie"
    assert (await one(exact(answer="Rome"), "Paris", "Rome", "Paris")).outcome == "loss"
    assert (await one(exact(), "no", "Paris", ["Rome", "Paris"])).outcome == "loss"
    assert len({exact().id, exact(answer="x").id, exact(ignore_case=True).id, regex().id}) == 4


async def test_a_prompt_without_a_reference_is_named() -> None:
    with pytest.raises(BadInput, match='prompt q17: no "reference_answer", which exact compares with'):
        await verdicts(exact(), asked(item="q17"))


async def test_regex_searches_the_answer() -> None:
    assert (await one(regex(pattern=r"\bapples?\b"), "two apples", "a pineapple")).outcome == "win"
    assert (await one(regex(), "x=1", "x=2", r"x\s*=\s*2")).outcome == "loss"
    with pytest.raises(BadInput, match="no regular expression"):
        regex(pattern="(")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 72.", 72.0),
        ("3 + 4 = 7", 7.0),
        ("#### 1,234,567.5", 1234567.5),
        ("about -0.5 or .25", 0.25),
        ("6.02e23", 6.02e23),
        ("−4", -4.0),
        ("$1,000", 1000.0),
        ("12345", 12345.0),
        ("1.5%", 1.5),
        ("none", None),
        ("x2 and v1.3", None),
    ],
)
def test_the_last_number_is_read(text: str, number: float | None) -> None:
    assert last_number(text) == number


@given(st.integers(-(10**9), 10**9))
def test_any_integer_is_read_with_and_without_commas(number: int) -> None:
    assert last_number(f"So it is {number}.") == number
    assert last_number(f"So it is {number:,}.") == number


async def test_numeric_compares_within_its_tolerance() -> None:
    assert (await one(numeric(), "It is 72", "It is 71", "the sum is 72")).outcome == "win"
    assert (await one(numeric(tolerance=1), "72", "71", 72)).outcome == "tie"
    assert (await one(numeric(answer=3.0, tolerance=0.2), "3.1416", "no idea")).outcome == "win"
    assert (await one(numeric(), "1e999", "72", 72)).outcome == "loss"
    with pytest.raises(BadInput, match="holds no number"):
        await one(numeric(), "1", "2", "many")
    with pytest.raises(BadInput, match="0 or more"):
        numeric(tolerance=-1.0)


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}


async def test_json_schema_accepts_the_whole_answer(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA), "utf-8")
    judge = json_schema(schema=f"@{path}")
    assert (await one(judge, '{"age": 3}', '{"age": -3}')).outcome == "win"
    assert (await one(judge, '```json\n{"age": 3}\n```', ' {"age": 4} ')).outcome == "tie"
    assert (await one(judge, 'Here: {"age": 3}', '{"age": 3}')).outcome == "loss"
    assert (await one(json_schema(), '{"age": 3}', "3", SCHEMA)).outcome == "win"
    assert (await one(json_schema(), '{"age": 3}', "3", json.dumps(SCHEMA))).outcome == "win"


def test_a_schema_that_is_none_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    for content, words in (("{", "is not JSON"), ('{"type": "thing"}', "not a JSON schema")):
        path.write_text(content, "utf-8")
        with pytest.raises(BadInput, match=words):
            json_schema(schema=f"@{path}")
    with pytest.raises(BadInput, match="schema=@path"):
        json_schema(schema="{}")
    with pytest.raises(BadInput, match="cannot be read"):
        json_schema(schema=f"@{tmp_path / 'none.json'}")
