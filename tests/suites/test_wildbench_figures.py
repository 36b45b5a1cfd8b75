"""WildBench's figures: all that was published, the length rule, both denominators, speed."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.matchmaking.figures import with_margin
from winsome.standings import Battles
from winsome.standings.grades import wildbench_reward, wildbench_score
from winsome.suites.wildbench import WEIGHTS, macro
from winsome.suites.wildbench_figures import (
    KINDS,
    Verdicts,
    mix_interval,
    mixed,
    outcome_codes,
    reward_of,
    rewards,
)

PUBLISHED = "wildbench/wb_reward_gpt4t_published.json.gz"


def test_every_published_reward_is_recomputed(shared_data: Path) -> None:
    """51 models, four margins: the overall reward over `total`, groups over what they count, the macro figure."""
    by_margin = json.loads(gzip.decompress((shared_data / PUBLISHED).read_bytes()))
    seen = 0
    for models in by_margin.values():
        for found in models.values():
            counts = {kind: found[kind] for kind in KINDS}
            assert wildbench_reward(counts, found["total"]) == pytest.approx(found["reward"], abs=1e-12)
            groups = {
                name: reward_of([group[kind] for kind in KINDS])
                for name, group in found["task_categorized_results"].items()
            }
            assert groups == pytest.approx(found["task_categorized_rewards"], abs=1e-12)
            assert macro({name: value or 0.0 for name, value in groups.items()}) == pytest.approx(
                found["task_macro_reward"], abs=1e-12
            )
            seen += 1
    assert seen == 4 * 51


def test_every_published_score_is_recomputed(shared_data: Path) -> None:
    grades = pl.read_parquet(shared_data / "wildbench" / "wb_score_gpt4o.parquet")
    published = json.loads((shared_data / "wildbench" / "wb_score_published.json").read_text())
    for model, found in published.items():
        own = grades.filter(pl.col("model") == model)
        mean = own["score"].mean()
        assert own.height == found["total"]
        assert mean == pytest.approx(found["score"], abs=1e-9)
        assert wildbench_score(mean) == pytest.approx(found["adjusted_score"], abs=1e-9)  # type: ignore[arg-type]
        assert macro(found["task_categorized_scores"]) == pytest.approx(found["task_macro_score"], abs=1e-9)


columns = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1.0, 2.0]), st.integers(-2000, 2000)),
    min_size=1,
    max_size=60,
)


def verdicts(rows: list[tuple[float, float, int]], why: list[str] | None = None) -> Verdicts:
    share, extent, longer = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    extent = np.where(share == 0.5, 0.0, extent)
    groups = np.zeros((len(rows), len(WEIGHTS)), np.bool_)
    groups[np.arange(len(rows)), np.arange(len(rows)) % len(WEIGHTS)] = True
    return Verdicts(
        np.zeros(len(rows), np.int32), share, extent, longer, np.array(why or [""] * len(rows)), groups
    )


@given(columns, st.integers(-1, 2500))
@settings(max_examples=200, deadline=None)
def test_swapping_the_sides_negates_the_reward(rows: list[tuple[float, float, int]], margin: int) -> None:
    ((ours,),) = rewards(verdicts(rows), 1, [margin])
    ((theirs,),) = rewards(
        verdicts([(1.0 - share, extent, -longer) for share, extent, longer in rows]), 1, [margin]
    )
    assert ours.reward == pytest.approx(-(theirs.reward or 0.0))


@given(columns)
@settings(max_examples=100, deadline=None)
def test_no_margin_is_the_widest_margin_and_large_wins_never_change(
    rows: list[tuple[float, float, int]],
) -> None:
    found = verdicts(rows)
    assert (outcome_codes(found, -1) == outcome_codes(found, 10**9)).all()
    for margin in (0, 10, 500):
        code = outcome_codes(found, margin)
        assert (code[found.extent > 1] == outcome_codes(found, -1)[found.extent > 1]).all()


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_the_reward_grows_as_an_outcome_gets_better(counts: list[int], place: int) -> None:
    counts[place + 1] += 1
    better = list(counts)
    better[place + 1] -= 1
    better[place] += 1
    assert (reward_of(better) or 0.0) > (reward_of(counts) or 0.0)


def test_a_win_of_exactly_the_margin_stays_a_win() -> None:
    """As columns and as battles: at 500 characters more it is a win, at 501 a tie; a shorter winner always wins."""
    rows = [
        (1.0, 1.0, 500),
        (1.0, 1.0, 501),
        (1.0, 2.0, 5000),
        (1.0, 1.0, -900),
        (0.0, 1.0, -500),
        (0.0, 1.0, -501),
    ]
    assert [KINDS[code] for code in outcome_codes(verdicts(rows), 500)] == [
        "win",
        "tie",
        "win_much",
        "win",
        "lose",
        "tie",
    ]
    frame = pl.DataFrame(
        {
            "model_a": ["a"] * 6,
            "model_b": ["b"] * 6,
            "share": [row[0] for row in rows],
            "extent": [row[1] for row in rows],
            "length_a": [1000.0 + max(0, row[2]) for row in rows],
            "length_b": [1000.0 + max(0, -row[2]) for row in rows],
        }
    )
    bounded = with_margin(Battles.from_frame(frame, name="x"), 500)
    assert bounded.share.tolist() == [1.0, 0.5, 1.0, 1.0, 0.0, 0.5]
    with pytest.raises(BadInput, match="lengths of both"):
        with_margin(Battles.from_frame(frame.drop("length_a", "length_b"), name="x"), 500)


def test_what_is_left_out_is_counted_and_adds_up_to_the_tasks() -> None:
    rows = [(1.0, 2.0, 0)] * 6 + [(0.0, 1.0, 0)] * 4
    why = ["", "", "", "empty", "truncated", "unparsed", "", "", "", "unparsed"]
    ((counted,),) = rewards(verdicts(rows, why), 1, [-1])
    ((published,),) = rewards(verdicts(rows, why), 1, [-1], denominator="published")
    assert counted.uncounted == {"empty": 1, "truncated": 1, "unparsed": 2}
    assert sum(counted.counts.values()) + sum(counted.uncounted.values()) == counted.total == 10
    assert counted.reward == pytest.approx((3 - 1.5) / 6)
    assert published.reward == pytest.approx((3 - 1.5) / 10)
    with pytest.raises(BadInput, match="no reason"):
        verdicts(rows, ["lost"] * 10)


def test_the_interval_is_that_of_a_mean_of_five_values() -> None:
    """Against the closed form, and against a bootstrap over tasks within 5%."""
    draw = np.random.default_rng(1)
    n = 1024
    kinds = draw.choice(5, n, p=[0.1, 0.3, 0.2, 0.25, 0.15])
    gain = np.array([1.0, 0.5, 0.0, -0.5, -1.0])[kinds]
    rows = [(0.5 + 0.5 * float(np.sign(g)), 2.0 if abs(g) == 1 else 1.0, 0) for g in gain]
    ((found,),) = rewards(verdicts(rows), 1, [-1])
    assert found.low is not None
    assert found.high is not None
    width = 2 * 1.962 * gain.std(ddof=1) / np.sqrt(n)
    assert found.high - found.low == pytest.approx(width, rel=1e-3)
    again = gain[draw.integers(0, n, (4000, n))].mean(1)
    low, high = np.quantile(again, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.05)


def test_the_mix_is_the_mean_over_references_with_tasks_as_clusters() -> None:
    share, extent = np.array([1.0, 0.0, 1.0, 0.5, 1.0, 0.0]), np.array([2.0, 1.0, 1.0, 0.0, 2.0, 2.0])
    task = np.array([0, 0, 0, 1, 1, 1], np.int32)
    mix, low, high = mix_interval(share, extent, task)
    by_reference = [(1.0 + 0.0) / 2, (-0.5 + 1.0) / 2, (0.5 - 1.0) / 2]
    assert mix == pytest.approx(mixed(by_reference))
    assert low < mix < high


def test_sixty_models_at_four_margins_take_less_than_a_second() -> None:
    draw = np.random.default_rng(2)
    n = 60 * 1024
    share = draw.choice([0.0, 0.5, 1.0], n)
    columns: dict[str, Any] = {
        "model": np.repeat(np.arange(60, dtype=np.int32), 1024),
        "share": share,
        "extent": np.where(share == 0.5, 0.0, draw.choice([1.0, 2.0], n)),
        "longer": draw.normal(0, 800, n).round(),
        "why": np.where(draw.random(n) < 0.02, "truncated", ""),
        "groups": draw.random((n, 5)) < 0.3,
    }
    started = time.process_time()
    found = rewards(Verdicts(**columns), 60)
    assert time.process_time() - started < 1.0
    assert (len(found), len(found[0])) == (4, 60)
    assert all(
        sum(r.counts.values()) + sum(r.uncounted.values()) == r.total == 1024 for row in found for r in row
    )
