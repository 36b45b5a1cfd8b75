"""Rows of several sources: shares, sizes, caps, no row twice, all of it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipes.conftest import ANSWER, LOAD
from winsome.errors import BadInput
from winsome.frames import of_rows
from winsome.recipes.laws import lawful
from winsome.recipes.run import Ran
from winsome.recipes.steps.mix import mix


@dataclass(frozen=True)
class Seeded:
    seed: int = 0
    folder: Path = Path()

    def open(self, spec: Any, role: Any) -> Any:
        raise AssertionError


def prompts(name: str, count: int, lang: str = "en") -> pl.DataFrame:
    return of_rows("prompts", [{"prompt_id": f"{name}{n}", "lang": lang} for n in range(count)])


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 5), st.floats(0.1, 5))
def test_weights_are_the_shares_and_the_scarcest_part_is_used_up(
    a: int, b: int, wa: float, wb: float
) -> None:
    frames = {"a.prompts": prompts("a", a), "b.prompts": prompts("b", b)}
    made = mix(frames, weights={"a": wa, "b": wb}, run=Seeded())
    counts = Counter(id[0] for id in made.frames["prompts"]["prompt_id"])
    scale = min(a / wa, b / wb)
    assert abs(counts["a"] - scale * wa) <= 0.5 + 1e-9
    assert abs(counts["b"] - scale * wb) <= 0.5 + 1e-9
    assert counts["a"] == a or counts["b"] == b
    lawful(frames, "a.prompts", made)


def test_sizes_caps_and_temperature() -> None:
    frames = {"a.prompts": prompts("a", 16), "b.prompts": prompts("b", 4)}

    def count(**keys: Any) -> Counter[str]:
        return Counter(id[0] for id in mix(frames, run=Seeded(), **keys).frames["prompts"]["prompt_id"])

    assert count(sizes={"a": 3, "b": 2}) == {"a": 3, "b": 2}
    assert count(cap_per=5) == {"a": 5, "b": 4}
    assert count() == {"a": 16, "b": 4}
    # shares 16^(1/2) : 4^(1/2) = 2 : 1, of which the four of b are all there are
    assert count(within="temperature", temperature=2.0) == {"a": 8, "b": 4}
    for keys, said in (
        ({"sizes": {"a": 17}}, "a has 16 rows, 17 are wanted"),
        ({"sizes": {"c": 1}}, 'no part "c"; the parts are a, b'),
        ({"sizes": {"a": 1}, "weights": {"a": 1.0}}, "weights or sizes, not both"),
        ({"weights": {"a": -1.0, "b": 1.0}}, "at least 0"),
        ({"within": "temperature", "temperature": 0.0}, "must be above 0"),
    ):
        with pytest.raises(BadInput, match=said):
            count(**keys)


def test_a_column_names_the_parts_and_a_row_of_two_sources_stands_once() -> None:
    both = pl.concat([prompts("a", 5), prompts("b", 5, "de")])
    frames = {"x.prompts": both, "y.prompts": prompts("a", 5)}
    made = mix(frames, by="lang", sizes={"en": 2, "de": 3}, run=Seeded())
    assert Counter(made.frames["prompts"]["lang"]) == {"en": 2, "de": 3}
    lawful(frames, "x.prompts", made)
    whole = mix(frames, run=Seeded()).frames["prompts"]
    assert sorted(whole["prompt_id"]) == sorted(both["prompt_id"])


def test_what_follows_a_mix_sees_the_frames_under_their_own_names(play: Callable[..., Ran]) -> None:
    ran = play(
        LOAD,
        {"generate": {"id": "few", "limit": 10, **ANSWER["generate"]}},
        {"generate": {"id": "more", "from": "load", "by": "world:instruction#oracle?quality=0.9", "n": 2}},
        {"mix": {"from": ["few", "more"], "weights": {"few": 1, "more": 1}}},
        {"filter": {"rule": "length", "frame": "responses"}},
    )
    assert set(ran.products["mix"].frames) == {"prompts", "responses"}
    by = Counter(ran.frame("filter", "responses")["contender"])
    assert sorted(by.values()) == [40, 40]
