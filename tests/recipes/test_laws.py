"""The laws that hold for every step, on any frame."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.frames import COLUMNS, Kept, ancestors, id_of, is_gold, kept, of_rows, settled
from winsome.recipes.laws import lawful


def answers(count: int) -> pl.DataFrame:
    return of_rows("responses", [{"response_id": f"r{n}", "prompt_id": f"p{n % 3}"} for n in range(count)])


@given(st.integers(1, 30), st.sets(st.integers(0, 29)), st.integers(-2, 2))
def test_a_step_is_refused_unless_every_row_is_kept_or_dropped(count: int, gone: set[int], off: int) -> None:
    given_, lost = answers(count), len([n for n in gone if n < count])
    left = given_.filter(~pl.col("response_id").is_in([f"r{n}" for n in gone]))
    told = max(0, lost + off)
    dropped = {"gone": told} if told else {}
    if told == lost:
        assert lawful({"responses": given_}, "responses", Kept({"responses": left}, dropped))[
            "responses"
        ].equals(left)
    else:
        with pytest.raises(BadInput, match="gone"):
            lawful({"responses": given_}, "responses", Kept({"responses": left}, dropped))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12, unique=True))
def test_answers_are_accounted_for_as_sides_of_pairs(sides: list[tuple[int, int]]) -> None:
    rows = [
        {"pair_id": f"x{a}-{b}", "prompt_id": "p", "chosen_id": f"r{a}", "rejected_id": f"r{b}"}
        for a, b in sides
    ]
    pairs = of_rows("pairs", rows)
    unused = 10 - len({f"r{n}" for pair in sides for n in pair})
    made = Kept({"pairs": pairs}, {"unused": unused} if unused else {})
    assert lawful({"responses": answers(10)}, "responses", made)["pairs"].height == len(sides)


def test_planned_rows_are_made_or_dropped() -> None:
    made = Kept({"responses": answers(3)}, {"failed: no": 2}, planned=5)
    assert lawful({}, None, made)["responses"].height == 3
    with pytest.raises(BadInput, match="planned 6 rows, made 3 and dropped 2"):
        lawful({}, None, Kept(made.frames, made.dropped, planned=6))


@pytest.mark.parametrize("name", ["_gold", "_gold_value", "_GOLD_x", " _gold", "_Goldilocks"])
def test_columns_of_what_is_true_are_refused_however_they_are_written(name: str) -> None:
    assert is_gold(name)
    with pytest.raises(BadInput, match="stays with its judges"):
        lawful({}, None, Kept({"responses": answers(2).with_columns(pl.lit(1).alias(name))}))


def test_ids_names_and_types_are_checked() -> None:
    with pytest.raises(BadInput, match="which is none of prompts"):
        lawful({}, None, Kept({"answers": answers(1)}))
    with pytest.raises(BadInput, match="without response_id"):
        lawful(
            {},
            None,
            Kept({"responses": answers(2).with_columns(pl.lit(None, pl.String).alias("response_id"))}),
        )
    with pytest.raises(BadInput, match="column of another type"):
        lawful({}, None, Kept({"responses": answers(2).with_columns(pl.lit("x").alias("sample"))}))
    with pytest.raises(BadInput, match="give a reason"):
        lawful({}, None, Kept({}, {" ": 1}))


@given(st.lists(st.one_of(st.none(), st.floats(-2, 2)), max_size=20), st.floats(-1, 1))
def test_kept_counts_a_row_under_its_first_reason(values: list[float | None], low: float) -> None:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.Float64})
    made = kept("rows", frame, {"none": pl.col("value").is_null(), "low": pl.col("value") < low})
    assert made.dropped.get("none", 0) == sum(value is None for value in values)
    assert made.dropped.get("low", 0) == sum(value is not None and value < low for value in values)
    assert made.frames["rows"].height + sum(made.dropped.values()) == len(values)


@pytest.mark.parametrize("frame", COLUMNS)
def test_settled_is_the_schema_and_keeps_what_is_more(frame: str) -> None:
    table = pl.DataFrame({id_of(frame): ["a"], "more": [1]})
    once = settled(frame, table)
    assert once.columns == [*COLUMNS[frame], "more"]
    assert settled(frame, once).equals(once)


def test_ancestors_follow_every_link() -> None:
    frames = {
        "documents": of_rows("documents", [{"doc_id": "d1"}, {"doc_id": "d2", "parent_ids": ["d1"]}]),
        "prompts": of_rows("prompts", [{"prompt_id": "p", "parent_ids": ["d2"]}, {"prompt_id": "q"}]),
        "responses": of_rows(
            "responses",
            [
                {"response_id": "r", "prompt_id": "p"},
                {"response_id": "s", "prompt_id": "q", "parent_id": "r"},
            ],
        ),
    }
    assert ancestors(frames, ["s"]) == {"s", "q", "r", "p", "d2", "d1"}
    assert ancestors(frames, ["d2"]) == {"d2", "d1"}
