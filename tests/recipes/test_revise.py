"""Steps of a feedback loop: the geometric law of mending, what is kept as whose revision, what is said where nothing was made."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.recipes.conftest import recipe
from winsome.errors import BadInput, Unsupported
from winsome.recipes.estimates import estimate_here
from winsome.recipes.read import read
from winsome.recipes.run import Ran, run

WORLD = "world:instruction"
SURE = f"{WORLD}#critic?noise=0"
GOLD = f"{WORLD}#scorer?sd=0"
LOAD = {"load": {"source": f"{WORLD}?split=train&n=500"}}
FAULTY = {"generate": {"by": f"{WORLD}#oracle?quality=0&over_refusal=0", "n": 1}}
RATE = {"score": {"by": GOLD}}


def reviser(mends: float) -> str:
    return f"{WORLD}#reviser?mends={mends}&damages=0"


def drafts(ran: Ran) -> pl.DataFrame:
    """The answers with their gold values, number of the draft (0: the first) and first draft."""
    frames = ran.products["score"].frames
    scored = frames["scores"].table.select("subject_id", "value").drop_nulls()
    table = frames["responses"].table.join(scored, left_on="response_id", right_on="subject_id")
    of: dict[str, tuple[int, str]] = {}
    for id, parent in table.select("response_id", "parent_id").iter_rows():
        before = of.get(parent) if parent else None
        of[id] = (before[0] + 1, before[1]) if before else (0, id)
    return table.with_columns(
        number=pl.col("response_id").map_elements(lambda id: of[id][0], pl.Int64),
        first=pl.col("response_id").map_elements(lambda id: of[id][1], pl.String),
    )


def law(table: pl.DataFrame, p: float, rounds: int) -> None:
    """After k rounds 1 - (1 - p)^k of the faulty first drafts are right, and (1 - (1 - p)^R) / p revisions were made of each."""
    begun = table.filter((pl.col("number") == 0) & (pl.col("value") < 0.99)).select("first", start="value")
    threads = table.join(begun, on="first")
    n = begun.height
    assert n > 350
    for k in range(1, rounds + 1):
        seen = threads.filter(pl.col("number") <= k).group_by("first").agg(best=pl.col("value").max())
        expected = 1 - (1 - p) ** k
        off = abs(seen.filter(pl.col("best") > 0.99).height / n - expected)
        assert off < 3.5 * math.sqrt(expected * (1 - expected) / n)
    made = threads.group_by("first").agg(made=pl.col("number").max())["made"]
    mean = (1 - (1 - p) ** rounds) / p
    spread = math.sqrt(sum((m - mean) ** 2 for m in made) / n)
    assert abs(sum(made) / n - mean) < 3.5 * spread / math.sqrt(n)


@pytest.mark.parametrize("p", [0.3, 0.7])
def test_rounds_within_one_step_follow_the_geometric_law(play: Callable[..., Ran], p: float) -> None:
    revise = {
        "revise": {
            "by": reviser(p),
            "rule": "act_on_critique",
            "reviewers": [SURE],
            "rounds": 3,
            "keep": "all",
        }
    }
    law(drafts(play(LOAD, FAULTY, revise, RATE)), p, 3)


def test_rounds_as_steps_follow_the_same_law(play: Callable[..., Ran]) -> None:
    rounds = [
        {kind: {"id": f"{kind}_{k}", **keys}}
        for k in range(3)
        for kind, keys in (
            ("critique", {"by": SURE}),
            ("revise", {"by": reviser(0.5), "rule": "act_on_critique"}),
        )
    ]
    ran = play(LOAD, FAULTY, *rounds, RATE)
    law(drafts(ran), 0.5, 3)
    by_step = {step["step"]: step for step in ran.record["steps"]}
    first, second = by_step["revise_0"], by_step["revise_1"]
    assert (first["rows"]["responses"], first["dropped"]) == (1000, {})
    assert set(second["dropped"]) == {"nothing to improve"}
    assert second["rows"]["responses"] + second["dropped"]["nothing to improve"] == 1500


def test_the_last_draft_names_the_one_that_came_in(play: Callable[..., Ran]) -> None:
    keys = {"by": reviser(0.3), "rule": "act_on_critique", "reviewers": [SURE], "rounds": 3}
    ran = play({"load": {"source": f"{WORLD}?split=train&n=60"}}, FAULTY, {"revise": keys})
    table = ran.products["revise"].frames["responses"].table
    new = table.filter(pl.col("provenance") == "revised")
    old = set(table.filter(pl.col("provenance") != "revised")["response_id"])
    assert len(old) == 60
    assert set(new["parent_id"]) <= old
    assert new["parent_id"].n_unique() == new.height
    assert {name.partition("?")[0] for name in new["contender"]} == {f"{WORLD}#reviser"}


def test_critiques_are_scores_in_words(play: Callable[..., Ran]) -> None:
    small = {"load": {"source": f"{WORLD}?split=train&n=40"}}
    half = {"generate": {"by": f"{WORLD}#oracle?quality=0.5&over_refusal=0", "n": 1}}
    ran = play(small, half, RATE, {"critique": {"by": SURE, "aspects": ["order"]}})
    scores = ran.products["critique"].frames["scores"].table
    said = scores.filter(pl.col("aspect") == "critique")
    value = dict(scores.filter(pl.col("aspect") != "critique").select("subject_id", "value").iter_rows())
    assert scores.height == 80
    assert said["value"].null_count() == 40
    assert {id: words == "none" for id, words in said.select("subject_id", "critique").iter_rows()} == {
        id: held > 0.99 for id, held in value.items()
    }


def test_a_reviser_that_changes_nothing_ends_where_it_is_told_to(play: Callable[..., Ran]) -> None:
    small = {"load": {"source": f"{WORLD}?split=train&n=30"}}
    keys = {"by": reviser(0.0), "rounds": 4, "keep": "all", "stop": "no_change"}
    ran = play(small, FAULTY, {"revise": keys})
    step = next(step for step in ran.record["steps"] if step["step"] == "revise")
    assert step["rows"]["responses"] == 60
    assert step["dropped"] == {"no change": 90}
    assert step["facts"]["revisions"] == {"1": 30}


CASES = (
    ({"rule": "refine"}, Unsupported, "rule: refine is not built yet"),
    ({"rounds": 0}, BadInput, "rounds: 0 writes nothing"),
    ({"reviewers": [SURE]}, BadInput, "reviewers are heard by rule: act_on_critique"),
    ({"rule": "act_on_critique", "rounds": 2}, BadInput, "more than one round needs reviewers"),
    ({"rule": "act_on_critique"}, BadInput, "drafts have no critique; put a critique step before"),
    ({"guide": "x"}, Unsupported, "key guide of revise is not built yet"),
)


@pytest.mark.parametrize(("keys", "error", "line"), CASES)
def test_bad_keys_are_one_line(
    here: Path, keys: dict[str, object], error: type[Exception], line: str
) -> None:
    small = {"load": {"source": f"{WORLD}?split=train&n=4"}}
    with pytest.raises(error, match=line) as told:
        run(recipe(small, FAULTY, {"revise": {"by": reviser(0.5), **keys}}))
    assert len(str(told.value)) <= 200
    assert "\n" not in str(told.value)


def test_the_estimate_counts_reviewers_and_rounds(here: Path) -> None:
    keys = {
        "by": reviser(0.5),
        "rule": "act_on_critique",
        "reviewers": [SURE, SURE],
        "rounds": 3,
        "keep": "all",
    }
    made = estimate_here(read(recipe(LOAD, FAULTY, {"critique": {"by": SURE, "n": 2}}, {"revise": keys})))
    by_step = {row.step: row for row in made.rows}
    assert (by_step["critique"].calls, by_step["critique"].rows) == (1000, 500)
    assert (by_step["revise"].calls, by_step["revise"].rows) == (500 * 3 * 3, 500 * 4)
