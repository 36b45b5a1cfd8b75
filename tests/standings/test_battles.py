from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from winsome.errors import BadInput
from winsome.records import OUTCOMES
from winsome.standings import Battles, battles
from winsome.standings.columns import Codes, dense

ARENA = pl.DataFrame(
    {
        "model_a": ["x", "y", "x", "z"],
        "model_b": ["y", "x", "z", "x"],
        "winner": ["model_a", "model_b", "tie (bothbad)", None],
    }
)


def test_arena_winners_become_shares_of_side_a() -> None:
    found = Battles.from_frame(ARENA)
    assert found.names == ("x", "y", "z")
    np.testing.assert_array_equal(found.share, [1.0, 0.0, 0.5, np.nan])
    assert [OUTCOMES[code] for code in found.outcome] == ["win", "loss", "tie", "unparsed"]


def test_a_frame_is_read_back_as_it_was_written() -> None:
    frame = ARENA.with_columns(
        prompt_id=pl.Series(["p", "q", None, "p"]),
        judge=pl.lit("j"),
        order=pl.Series([0, 1, 0, 1]),
        length_a=pl.Series([10, 20, 30, 40]),
        length_b=pl.Series([11.5, 21, 31, 41]),
        extent=pl.Series([None, 2.0, 1.0, 0.5]),
    )
    once = Battles.from_frame(frame).to_frame()
    assert_frame_equal(Battles.from_frame(once).to_frame(), once)
    assert once["prompt_id"].to_list() == ["p", "q", None, "p"]
    assert once["length_b"].to_list() == [11.5, 21.0, 31.0, 41.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"winner": ["model_a", "modelb", "tie", "tie"]}, ["record 2", "winner", "modelb", "use model_a"]),
        ({"share": [0.5, 1.2, 0, 0]}, ["record 2", "share", "1.2", "outside"]),
        ({"share": [0.5, "much", "0", "0"]}, ["record 2", "share", "much", "give a number"]),
        ({"weight": [1.0, 0.0, 1.0, 1.0]}, ["record 2", "weight"]),
        ({"weight": [1.0, None, 1.0, 1.0]}, ["record 2", "weight"]),
        ({"model_b": ["y", "y", "z", "x"]}, ["record 2", "itself"]),
        ({"model_b": ["y", None, "z", "x"]}, ["record 2", "model_b", "name the contender"]),
        ({"outcome": ["win", "loss", "draw", "unparsed"]}, ["record 3", "outcome", "draw"]),
        ({"outcome": ["loss", "loss", "tie", "unparsed"]}, ["record 1", "does not fit outcome loss"]),
        ({"outcome": ["win", "loss", "void", "unparsed"]}, ["record 3", "not scored"]),
        ({"order": [0.0, 0.5, 0.0, 0.0]}, ["record 2", "order", "whole"]),
    ],
)
def test_a_wrong_field_is_named_in_one_line(change: dict[str, list[object]], words: list[str]) -> None:
    frame = ARENA.with_columns(**{name: pl.Series(values, strict=False) for name, values in change.items()})
    with pytest.raises(BadInput) as caught:
        Battles.from_frame(frame)
    line = str(caught.value)
    assert len(line) <= 200
    assert "\n" not in line
    assert all(word in line for word in words), line


@pytest.mark.parametrize("column", ["model_a", "model_b", "winner"])
def test_a_missing_column_is_named_with_what_was_found(column: str) -> None:
    with pytest.raises(BadInput, match=rf'verdicts.csv: no column "{column}".*found: '):
        Battles.from_frame(ARENA.drop(column), name="verdicts.csv")


def test_no_rows_and_an_unknown_baseline_are_refused() -> None:
    with pytest.raises(BadInput, match="no verdicts"):
        Battles.from_frame(ARENA.clear())
    with pytest.raises(BadInput, match="nearest is 'gpt-4o'"):
        battles(["gpt-4o"], ["llama"], [1.0]).code_of("gpt4o")


def test_take_keeps_columns_together() -> None:
    found = Battles.from_frame(ARENA.with_columns(prompt_id=pl.Series(["p", "q", "r", "s"]), n_a=1, n_b=2))
    part = found.take(np.array([3, 0]))
    assert part.cluster is not None
    assert part.cluster.names() == ["s", "p"]
    assert part.covariates["n"].tolist() == [[1, 2], [1, 2]]
    assert part.difference("n").tolist() == [-1, -1]
    with pytest.raises(BadInput, match="found: n"):
        part.difference("length")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20))
def test_codes_name_their_rows_and_dense_separates_the_missing(names: list[str | None]) -> None:
    codes = Codes.of(names)
    assert codes.names() == names
    values, count = dense(codes.values)
    assert count == len({name for name in names if name is not None}) + names.count(None)
    assert sorted(set(values.tolist())) == list(range(count))
