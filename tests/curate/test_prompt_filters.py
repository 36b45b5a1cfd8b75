"""Filters that ask a model of the prompt alone: tags counted and covered by hand, votes and scores by their mean."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.curate.test_rip import framed, kept
from tests.judges.scripted import Scripted
from winsome.curate.operators.instag import covering, instag, read
from winsome.curate.operators.paired import paired
from winsome.curate.operators.prompt_judge import prompt_judge
from winsome.errors import BadInput
from winsome.frames import with_sides
from winsome.records import Prompt, Sampling

TAGS = {
    "q0": '["a", "b", "c"]',
    "q1": 'Tags: ["A ", "b"]',
    "q2": '["d"]',
    "q3": "none that I know",
    "q4": "[]",
}
FRAMES = framed([(1.0, 0.0, 3)] * 5)


def asked_of(prompt: Prompt, table: dict[str, Any]) -> Any:
    return next(said for name, said in table.items() if f"\n{name}" in prompt.text)


def tagger() -> Scripted:
    return Scripted(lambda prompt, *_: asked_of(prompt, TAGS))


async def test_the_prompts_of_most_tags_are_difficult() -> None:
    table = with_sides(FRAMES)
    made = await instag(table, model=tagger(), budget=2, frames=FRAMES)
    assert kept(made) == ["p0", "p1"]
    assert made.dropped == {"instag not among the highest 2": 2, "instag unknown": 1}
    made = await instag(table, model=tagger(), by="diversity", budget=2, frames=FRAMES)
    assert kept(made) == ["p0", "p2"], "q1 has no tag that q0 has not"
    assert made.dropped == {"adds no tag": 2, "instag unknown": 1}
    made = await instag(table, model=tagger(), by="diversity", budget=0.75, frames=FRAMES)
    assert kept(made) == ["p0", "p1", "p2"], "in the second round every tag is new again"
    with pytest.raises(BadInput, match="budget=0 keeps nothing"):
        await instag(table, model=tagger(), by="diversity", budget=0, frames=FRAMES)


def test_rounds_of_covering_are_those_of_the_definition() -> None:
    tags = [frozenset("ab"), frozenset("a"), frozenset("b"), frozenset(), None, frozenset("a")]
    assert covering(tags, 5) == [0, 1, 2, 5, 3]
    assert covering(tags, 1) == [0]


def test_tags_are_the_last_list_of_texts() -> None:
    assert read('Such as ["x"]. Mine: ["Two  words", "b", ""]') == {"two words", "b"}
    assert read("[1, 2]") is None
    assert read("[]") == frozenset()


VOTES = {"q0": ["yes", "no", "yes"], "q1": ["It is unclear.\nNo.", "no", "no"], "q2": ["yes", "Yes!", "**yes**"], "q3": ["maybe"], "q4": ["yes", "perhaps", "no"]}  # fmt: skip
SCORES = {
    "q0": ["Score: 4", "6/10"],
    "q1": ["9", "[[9]]"],
    "q2": ["0", "1"],
    "q3": ["none"],
    "q4": ["5", "11"],
}


async def test_votes_and_scores_are_means_over_what_can_be_read() -> None:
    table = with_sides(FRAMES)
    voter = Scripted(
        lambda prompt, draw, _: asked_of(prompt, VOTES)[draw % 1000 % 3 if "q3" not in prompt.text else 0]
    )
    made = await prompt_judge(table, model=voter, protocol="binary", samples=3, budget=2, frames=FRAMES)
    # shares of yes 2/3, 0, 1, none, and 1/2 or, where the third reply is asked again, 1/2
    assert kept(made) == ["p0", "p2"]
    assert made.dropped == {"prompt_judge not among the highest 2": 2, "prompt_judge unknown": 1}
    assert made.facts["lowest"] == pytest.approx(2 / 3)

    def grade(prompt: Prompt, draw: int, sampling: Sampling) -> str:
        assert sampling.temperature == 1.0
        said = asked_of(prompt, SCORES)
        return said[draw % 1000 % len(said)]

    made = await prompt_judge(table, model=Scripted(grade), samples=2, budget=1, frames=FRAMES)
    assert (kept(made), made.facts["lowest"]) == (["p1"], 9.0)
    with pytest.raises(BadInput, match="samples=0 asks nothing"):
        await prompt_judge(table, model=voter, samples=0, frames=FRAMES)


def test_prompts_without_a_pair_go() -> None:
    left = {**FRAMES, "pairs": FRAMES["pairs"].filter(pl.col("pair_id").is_in(["p1", "p3"]))}
    made = paired(FRAMES["prompts"], frames=left)
    assert made.frames["rows"]["prompt_id"].to_list() == [FRAMES["prompts"]["prompt_id"][i] for i in (1, 3)]
    assert made.dropped == {"no pair left": 3}
