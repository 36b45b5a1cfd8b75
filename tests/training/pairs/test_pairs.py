"""Pair rules on small frames whose pairs can be read off, and their laws on any frame."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.pairs.scored import scored, sides
from winsome.errors import BadInput
from winsome.training.pairs.best_worst import best_worst
from winsome.training.pairs.draft_to_draft import draft_to_draft
from winsome.training.pairs.length_band import length_band
from winsome.training.pairs.provenance import provenance
from winsome.training.pairs.rank import rank

SCORES = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float)), min_size=1, max_size=5),
    min_size=1,
)


def test_best_worst_takes_the_extremes_and_the_earlier_of_equals() -> None:
    made = best_worst(
        scored({"a": [1.0, 3.0, 3.0, -1.0, -1.0], "b": [2.0, 2.0], "c": [None, 5.0, 4.0], "d": [1.0]})
    )
    assert sides(made.frames["pairs"]) == [("a1", "a3"), ("c1", "c2")]
    assert made.frames["pairs"]["margin"].to_list() == [4.0, 1.0]
    assert made.dropped == {"no score": 1, "between best and worst, or too close": 6}


@given(SCORES, st.floats(0, 3))
def test_best_worst_is_the_largest_gap_of_every_prompt(
    values: dict[str, list[float | None]], margin: float
) -> None:
    frame = scored(values)
    made = best_worst(frame, margin=margin)
    known = {prompt: [v for v in held if v is not None] for prompt, held in values.items()}
    gaps = {prompt: max(held) - min(held) for prompt, held in known.items() if held}
    wanted = {prompt: gap for prompt, gap in gaps.items() if gap > margin}
    pairs = made.frames["pairs"]
    assert dict(pairs.select("prompt_id", "margin").rows()) == wanted
    assert 2 * pairs.height + sum(made.dropped.values()) == frame.height


@given(SCORES)
def test_swapping_the_sign_of_scores_swaps_the_sides(values: dict[str, list[float | None]]) -> None:
    distinct = {
        p: [None if v is None else v + n / 100 for n, v in enumerate(held)] for p, held in values.items()
    }
    negative = {p: [None if v is None else -v for v in held] for p, held in distinct.items()}
    forward, back = (best_worst(scored(held)).frames["pairs"] for held in (distinct, negative))
    assert sides(back) == [(b, a) for a, b in sides(forward)]


def test_rank_pairs_the_ranks_that_are_named() -> None:
    frame = scored({"a": [1.0, 4.0, 3.0, 2.0], "b": [1.0, 2.0]})
    assert sides(rank(frame, chosen=(1, 2), rejected=(-1,)).frames["pairs"]) == [
        ("a1", "a0"),
        ("a2", "a0"),
        ("b1", "b0"),
    ]
    assert sides(rank(frame, chosen=(2,), rejected=(3,)).frames["pairs"]) == [("a2", "a3")]
    with pytest.raises(BadInput, match="no rank 0"):
        rank(frame, chosen=(0,))


@given(SCORES)
def test_first_and_last_rank_are_best_and_worst(values: dict[str, list[float | None]]) -> None:
    distinct = {
        p: [None if v is None else v + n / 100 for n, v in enumerate(held)] for p, held in values.items()
    }
    frame = scored(distinct)
    assert sides(rank(frame).frames["pairs"]) == sides(best_worst(frame).frames["pairs"])


def test_length_band_takes_the_shortest_of_the_best_and_the_longest_of_the_worst() -> None:
    texts = {"a": ["long answer here", "short", "worst and long", "bad"]}
    frame = scored({"a": [10.0, 9.5, 0.2, 0.0]}, texts)
    assert sides(length_band(frame, rho=0.1).frames["pairs"]) == [("a1", "a2")]
    assert sides(length_band(frame, rho=0.0).frames["pairs"]) == [("a0", "a3")]
    with pytest.raises(BadInput, match=r"below 0\.5"):
        length_band(frame, rho=0.5)


@given(SCORES)
def test_a_band_of_nothing_is_best_and_worst_where_scores_differ(
    values: dict[str, list[float | None]],
) -> None:
    distinct = {
        p: [None if v is None else v + n / 100 for n, v in enumerate(held)] for p, held in values.items()
    }
    frame = scored(distinct)
    assert sides(length_band(frame, rho=0.0).frames["pairs"]) == sides(best_worst(frame).frames["pairs"])


def test_provenance_orients_by_origin_or_by_score() -> None:
    frame = scored(
        {"a": [1.0, 2.0], "b": [3.0, 1.0]}, provenance=["revised", "original", "revised", "original"]
    )
    fixed = provenance(frame, chosen="revised", rejected="original")
    assert sides(fixed.frames["pairs"]) == [("a0", "a1"), ("b0", "b1")]
    assert fixed.frames["pairs"]["margin"].to_list() == [-1.0, 2.0]
    assert fixed.dropped == {}
    by_reward = provenance(frame, chosen="revised", rejected="original", orient="reward")
    assert sides(by_reward.frames["pairs"]) == [("a1", "a0"), ("b0", "b1")]
    close = provenance(frame, chosen="revised", rejected="original", orient="reward", margin=1.5)
    assert sides(close.frames["pairs"]) == [("b0", "b1")]
    assert sum(close.dropped.values()) == 2


def test_draft_to_draft_takes_the_better_of_a_revision_and_its_draft() -> None:
    """a0 <- a1 <- a2, two revisions of b0, one of c0 that has no score: the pairs can be read off."""
    parents = [None, "a0", "a1", None, "b0", "b0", None, "c0"]
    frame = scored(
        {"a": [1.0, 3.0, 2.5], "b": [2.0, 2.0, 0.0], "c": [1.0, None]},
        parent_id=[None if p is None else p.ljust(32, "x") for p in parents],
    )
    made = draft_to_draft(frame)
    assert sides(made.frames["pairs"]) == [("a1", "a0"), ("a1", "a2"), ("b0", "b2")]
    assert made.frames["pairs"]["margin"].to_list() == [2.0, 0.5, 2.0]
    assert made.dropped == {"no score": 1, "no revision, or too close": 2}
    assert sides(draft_to_draft(frame, margin=0.5).frames["pairs"]) == [("a1", "a0"), ("b0", "b2")]


def test_pair_ids_are_made_of_their_sides_alone() -> None:
    once, again = (best_worst(scored({"a": [1.0, 2.0]})).frames["pairs"] for _ in range(2))
    assert once["pair_id"].to_list() == again["pair_id"].to_list()
    assert isinstance(once["pair_id"].dtype, pl.String)
