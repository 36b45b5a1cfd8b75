"""Filters, choices and ops on frames whose outcome can be read off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.pairs.scored import scored
from winsome.curate.operators.by_score import score
from winsome.curate.operators.chunk import chunk
from winsome.curate.operators.corrupt import corrupt
from winsome.curate.operators.dedup import dedup
from winsome.curate.operators.length import length
from winsome.curate.operators.score_gap import score_gap
from winsome.curate.operators.segments import segments
from winsome.curate.operators.template import template
from winsome.curate.selection.at_random import random
from winsome.curate.selection.max_variance import max_variance
from winsome.curate.selection.topk import topk
from winsome.errors import BadInput
from winsome.frames import of_rows, prompt_row, prompts_of, responses_of
from winsome.records import Prompt, user

VALUES = st.lists(st.one_of(st.none(), st.integers(-5, 5).map(float)), min_size=1, max_size=12)


@dataclass(frozen=True)
class Seeded:
    seed: int = 0
    folder: Path = Path()

    def open(self, spec: Any, role: Any) -> Any:
        raise AssertionError


@given(VALUES, st.integers(-5, 5), st.integers(-5, 5))
def test_score_keeps_the_closed_interval(values: list[float | None], low: int, high: int) -> None:
    made = score(scored({"a": values}), min=low, max=high)
    assert made.frames["rows"]["value"].to_list() == [v for v in values if v is not None and low <= v <= high]
    assert made.dropped.get("no score", 0) == values.count(None)


def test_gap_and_length_keep_their_boundaries() -> None:
    pairs = of_rows("pairs", [{"pair_id": str(m), "margin": m} for m in (0.5, 1.0, None)])
    made = score_gap(pairs, min=1.0)
    assert made.frames["rows"]["margin"].to_list() == [1.0]
    assert made.dropped == {"gap below 1": 1, "no margin": 1}
    frame = scored({"a": [1.0, 1.0, 1.0]}, {"a": ["x", "xxx", "xxxxx"]})
    assert length(frame, min=2, max=3).frames["rows"].height == 1
    assert length(frame, unit="tokens").dropped == {"length unknown": 3}


@given(VALUES, st.integers(1, 6))
def test_topk_is_a_stable_sort(values: list[float | None], k: int) -> None:
    made = topk(scored({"a": values}), budget=k)
    ranked = sorted((n for n, v in enumerate(values) if v is not None), key=lambda n: (-values[n], n))  # type: ignore[operator]
    assert [id.rstrip("x") for id in made.frames["rows"]["response_id"]] == [
        f"a{n}" for n in sorted(ranked[:k])
    ]
    assert made.frames["rows"].height + sum(made.dropped.values()) == len(values)
    worst = topk(scored({"a": values}), budget=k, worst=True)
    lowest = sorted((n for n, v in enumerate(values) if v is not None), key=lambda n: (values[n], n))
    assert [id.rstrip("x") for id in worst.frames["rows"]["response_id"]] == [
        f"a{n}" for n in sorted(lowest[:k])
    ]


def test_topk_by_prompt_by_share_and_over_all() -> None:
    frame = scored({"a": [1.0, 2.0, 3.0, 4.0], "b": [9.0, 8.0]})
    chosen = lambda made: [id.rstrip("x") for id in made.frames["rows"]["response_id"]]  # noqa: E731
    assert chosen(topk(frame, budget=1)) == ["a3", "b0"]
    assert chosen(topk(frame, budget=0.5)) == ["a2", "a3", "b0"]
    assert chosen(topk(frame, budget=2, scope="global")) == ["b0", "b1"]


def test_random_repeats_by_seed_and_is_fair() -> None:
    frame = scored({"a": [float(n) for n in range(20)]})
    assert (
        random(frame, budget=5, run=Seeded(1))
        .frames["rows"]
        .equals(random(frame, budget=5, run=Seeded(1)).frames["rows"])
    )
    seen: Counter[str] = Counter()
    for seed in range(400):
        seen.update(random(frame, budget=5, run=Seeded(seed)).frames["rows"]["response_id"])
    expected, sd = 400 * 5 / 20, (400 * 0.25 * 0.75) ** 0.5
    assert len(seen) == 20
    assert all(abs(count - expected) < 5 * sd for count in seen.values())
    each = random(scored({"a": [1.0] * 4, "b": [1.0] * 2}), budget=1, scope="per_prompt", run=Seeded(0))
    assert each.frames["rows"]["prompt_id"].to_list() == ["a", "b"]


def test_max_variance_takes_the_prompts_that_answers_differ_most_on() -> None:
    frame = scored({"a": [1.0, 1.1], "b": [0.0, 9.0], "c": [5.0], "d": [2.0, 4.0]})
    made = max_variance(frame, budget=2)
    assert made.frames["rows"]["prompt_id"].unique(maintain_order=True).to_list() == ["b", "d"]
    assert made.dropped == {"variance unknown": 1, "variance not among the largest": 2}


def prompts(*texts: str) -> pl.DataFrame:
    return of_rows("prompts", [prompt_row(Prompt((user(text),), facets={"lang": "en"})) for text in texts])


def test_template_makes_prompts_that_name_their_parents() -> None:
    made = template(prompts("a", "b"), text="Say in {lang}: {prompt}", system="Be brief.").frames["prompts"]
    found = prompts_of(made)
    assert [p.text for p in found] == ["Say in en: a", "Say in en: b"]
    assert [p.id for p in found] == made["prompt_id"].to_list()
    assert [p.parents for p in found] == [(id,) for id in prompts("a", "b")["prompt_id"]]
    with pytest.raises(BadInput, match=r"no \{prompt\}"):
        template(prompts("a"), text="nothing")
    with pytest.raises(BadInput, match=r"\{tongue\} is no column"):
        template(prompts("a"), text="{prompt} {tongue}")


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 8))
def test_chunks_cover_a_document_in_order(count: int, words: int, overlap: int) -> None:
    document = of_rows("documents", [{"doc_id": "d", "text": " ".join(map(str, range(count)))}])
    if overlap >= words:
        with pytest.raises(BadInput, match="below words"):
            chunk(document, words=words, overlap=overlap)
        return
    made = chunk(document, words=words, overlap=overlap)
    pieces = [[int(w) for w in text.split()] for text in made.frames["documents"]["text"]]
    assert all(len(piece) <= words for piece in pieces)
    assert sorted({n for piece in pieces for n in piece}) == list(range(count))
    assert all(b[0] == a[0] + words - overlap for a, b in pairwise(pieces))
    assert made.dropped == ({} if count else {"empty": 1})
    assert all(parents == ["d"] for parents in made.frames["documents"]["parent_ids"].to_list())


def test_dedup_reads_words_not_spacing_case_or_width() -> None:
    frame = scored(
        {"a": [1.0, 1.0, 1.0], "b": [1.0]},
        {"a": ["Hello  World", "hello world ", "ｈello world"], "b": ["hello world"]},
    )
    assert dedup(frame).frames["rows"].height == 1
    assert dedup(frame, within="prompt_id").frames["rows"]["prompt_id"].to_list() == ["a", "b"]


def test_corrupt_spoils_the_share_that_it_says_and_names_what_it_spoilt() -> None:
    frame = scored({"a": [1.0] * 200}, {"a": ["one two three four five six"] * 200})
    made = corrupt(frame, how="brevity", share=0.3, run=Seeded(0)).frames["responses"]
    spoilt = made.filter(pl.col("provenance") == "corrupted:brevity")
    assert abs(spoilt.height - 60) < 4 * (200 * 0.3 * 0.7) ** 0.5
    assert made.height == 200
    assert all(r.text == "one" for r in responses_of(spoilt))
    assert set(spoilt["parent_id"]) | set(made["response_id"]) >= set(frame["response_id"])
    whole = corrupt(frame, how="junk", keep=True, run=Seeded(0)).frames["responses"]
    assert whole.height == 400
    assert all(
        sorted(r.text.split()) == sorted(["one", "two", "three", "four", "five", "six"])
        for r in responses_of(whole)
    )


def test_segments_are_places_in_the_answer() -> None:
    frame = scored({"a": [1.0, 1.0]}, {"a": ["Feedback: good. Fix: none", "no fields"]})
    made = segments(frame, fields={"feedback": r"Feedback: (.*?)\. ", "fix": "Fix: (.*)"})
    (row,) = made.frames["rows"].to_dicts()
    text = row["messages"][-1]["content"]
    assert [text[slice(*row[f"segment_{name}"])] for name in ("feedback", "fix")] == ["good", "none"]
    assert made.dropped == {"no feedback": 1}
    with pytest.raises(BadInput, match="in brackets"):
        segments(frame, fields={"x": "no group"})
    with pytest.raises(BadInput, match="is no expression"):
        segments(frame, fields={"x": "("})
