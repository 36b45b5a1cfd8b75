from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.records import OUTCOMES
from winsome.standings import Battles, combine, win_rate


def asks(*rows: dict[str, Any]) -> Battles:
    frame = pl.DataFrame(
        [{"model_a": "x", "model_b": "y", "prompt_id": "p", "order": 0, "repeat": 0} | row for row in rows]
    )
    return Battles.from_frame(frame)


def contest(*rows: dict[str, Any]) -> tuple[float, str, int]:
    """The share, outcome and number of scored asks of the one contest that the rows make."""
    folded = combine(asks(*rows))
    assert len(folded) == 1
    assert folded.asks is not None
    return float(folded.share[0]), OUTCOMES[folded.outcome[0]], int(folded.asks[0])


def test_a_flip_is_inconsistent_and_a_half() -> None:
    assert contest({"share": 1.0}, {"share": 0.0, "order": 1}) == (0.5, "inconsistent", 2)


def test_weighted_orders_that_favour_both_sides_are_inconsistent_with_their_mean() -> None:
    share, outcome, _ = contest({"share": 0.9}, {"share": 0.4, "order": 1})
    assert share == pytest.approx(0.65)
    assert outcome == "inconsistent"


def test_a_win_and_a_tie_agree_on_the_winner() -> None:
    assert contest({"share": 1.0}, {"share": 0.5, "order": 1}) == (0.75, "win", 2)


def test_sides_named_the_other_way_round_are_the_same_contest() -> None:
    assert contest({"share": 0.2}, {"model_a": "y", "model_b": "x", "share": 0.6, "order": 1}) == (
        pytest.approx(0.3),
        "loss",
        2,
    )


def test_an_unparsed_order_leaves_the_share_to_the_scored_one() -> None:
    unparsed = {"share": None, "outcome": "unparsed", "order": 1}
    assert contest({"share": 1.0, "outcome": "win"}, unparsed) == (1.0, "win", 1)


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        (("void", "void"), "void"),
        (("void", "not asked"), "not asked"),
        (("not asked", "unparsed"), "unparsed"),
    ],
)
def test_a_contest_without_a_scored_ask_says_why(outcomes: tuple[str, str], whole: str) -> None:
    folded = combine(asks(*({"share": None, "outcome": o, "order": i} for i, o in enumerate(outcomes))))
    assert OUTCOMES[folded.outcome[0]] == whole


def test_forfeits_stay_forfeits() -> None:
    first = {"share": 0.0, "outcome": "forfeit"}
    assert contest(first, {**first, "order": 1}) == (0.0, "forfeit", 2)


def test_an_order_repeated_more_often_does_not_count_more() -> None:
    rows = [{"share": 1.0, "repeat": r} for r in range(3)]
    assert contest(*rows, {"share": 0.5, "order": 1})[0] == 0.75


def test_equal_keys_are_an_error_that_names_both_rows() -> None:
    with pytest.raises(BadInput, match=r"records 1 and 3 .* number the repeats or drop one"):
        combine(asks({"share": 1.0}, {"share": 1.0, "order": 1}, {"share": 1.0}))


def test_judges_prompts_and_categories_are_contests_of_their_own() -> None:
    folded = combine(
        asks(
            {"share": 1.0, "judge": "j"},
            {"share": 1.0, "judge": "k"},
            {"share": 1.0, "judge": "j", "prompt_id": "q"},
            {"share": 0.0, "judge": "j", "order": 1},
        )
    )
    assert sorted(folded.share.tolist()) == [0.5, 1.0, 1.0]


def test_rows_without_keys_stand_for_themselves_and_are_counted() -> None:
    frame = pl.DataFrame({"model_a": ["x", "x"], "model_b": ["y", "y"], "share": [1.0, 0.0]})
    folded = combine(Battles.from_frame(frame))
    assert len(folded) == 2
    assert folded.notes[0].startswith("2 rows have no ")


def test_covariates_are_means_on_their_own_side() -> None:
    folded = combine(
        asks(
            {"share": 1.0, "length_a": 10.0, "length_b": 30.0},
            {"model_a": "y", "model_b": "x", "share": 0.0, "order": 1, "length_a": 50.0, "length_b": 20.0},
        )
    )
    assert folded.covariates["length"].tolist() == [[15.0, 40.0]]


VERDICTS = st.lists(
    st.tuples(
        st.sampled_from("pqr"), st.sampled_from(["xy", "yx", "xz"]), st.integers(0, 1), st.floats(0, 1)
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: (row[0], frozenset(row[1]), row[2]),
)


@settings(deadline=None)
@given(VERDICTS, st.randoms())
def test_row_order_and_side_order_change_nothing(
    rows: list[tuple[str, str, int, float]], random: Any
) -> None:
    def table(order: list[tuple[str, str, int, float]]) -> list[tuple[object, ...]]:
        folded = combine(
            asks(
                *(
                    {"model_a": p[0], "model_b": p[1], "prompt_id": q, "order": o, "share": s}
                    for q, p, o, s in order
                )
            )
        ).to_frame()
        columns = ["model_a", "model_b", "prompt_id", "share", "outcome", "asks"]
        return sorted(
            tuple(round(value, 12) if isinstance(value, float) else value for value in row)
            for row in folded.select(columns).iter_rows()
        )

    shuffled = random.sample(rows, len(rows))
    assert table(rows) == table(shuffled)
    mirrored = [(q, p[::-1], o, 1.0 - s) for q, p, o, s in rows]
    for one, other in zip(table(rows), table(mirrored), strict=True):
        assert one[:3] == other[:3]
        assert one[3] == pytest.approx(other[3], abs=1e-9)


def test_counts_of_contests_add_up_to_the_plan() -> None:
    folded = combine(
        asks(
            {"share": 1.0, "outcome": "win"},
            {"share": 0.0, "outcome": "loss", "order": 1},
            {"share": None, "outcome": "void", "prompt_id": "q"},
            {"share": 1.0, "outcome": "win", "prompt_id": "r"},
        )
    )
    row = win_rate(folded).row("x")
    assert {o: c for o, c in row.counts.items() if c} == {"win": 1, "inconsistent": 1, "void": 1}
    assert sum(row.counts.values()) == 3
