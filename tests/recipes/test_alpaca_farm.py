"""The farm's recipe is right before it runs, trains on nothing gold, and its ranks are what they are said to be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.alpaca_farm import correlation, ranked, spearman
from benchmarks.alpaca_farm_page import METHODS, OUTSIDE, page
from winsome.recipes.estimates import estimate_here
from winsome.recipes.paper import estimate_paper
from winsome.recipes.read import read
from winsome.recipes.run import checked

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def test_the_recipe_is_right_before_it_runs(here: Path) -> None:
    steps = checked("071-alpaca-farm")
    assert steps
    assert estimate_here(read("071-alpaca-farm")).rows[-1].calls > 0
    for step in steps:
        if step.kind != "match":
            assert "#gold" not in json.dumps([dict(step.given), dict(step.rule_given)], default=str)


def test_the_published_farm_counts_its_methods_and_verdicts() -> None:
    """20,000 prompts x 16 answers; 8 methods on 20,000 x 3 epochs x 492 tokens; 805 x 8 verdicts at a price."""
    recipe = read("071-alpaca-farm", ["paper.usd_per_verdict=0.01", "paper.usd_per_gpu_hour=2"])
    made = {row.step: row for row in estimate_paper(recipe).rows}
    assert made["generate"].calls == 320_000
    assert made["train"].tokens == 8 * 20_000 * 3 * (192 + 300)
    assert made["match"].calls == 805 * 8
    assert made["match"].tokens == 805 * 9 * (192 + 300)
    hours = 8 * made["match"].minutes / 60
    assert made["match"].money == pytest.approx(64.40 + 2 * hours)


def test_ranks_are_spearman_s() -> None:
    """1 - 6 sum d^2 / (n (n^2 - 1)) without ties; with ties the correlation of mean ranks, by hand."""
    assert spearman(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])) == pytest.approx(
        1 - 6 * 4 / 120
    )
    assert spearman(np.array([1.0, 2, 2, 4]), np.array([1.0, 2, 3, 4])) == pytest.approx(
        4.5 / (4.5 * 5) ** 0.5
    )


def test_redrawn_prompts_say_how_sure_a_ranking_is() -> None:
    """Six methods far apart keep their order in every redraw; six alike do not, and their interval holds 0."""
    rng = np.random.default_rng(0)
    apart = np.clip(np.linspace(0.1, 0.9, 6)[:, None] + rng.normal(0, 0.1, (6, 200)), 0, 1)
    sure = correlation(apart, np.clip(apart + rng.normal(0, 0.05, apart.shape), 0, 1), 0)
    assert sure["spearman"] == pytest.approx(1.0)
    assert sure["low"] > 0.9
    alike = correlation(rng.random((6, 200)), rng.random((6, 200)), 0)
    assert alike["low"] < 0.0 < alike["high"]
    assert sure["methods"] == 7


@pytest.mark.skipif(not (RESULTS / "alpaca-farm.json").is_file(), reason="the farm has not been run yet")
def test_the_page_is_written_from_its_figures() -> None:
    rows = json.loads((RESULTS / "alpaca-farm.json").read_text("utf-8"))
    assert (RESULTS / "alpaca-farm.md").read_text("utf-8") == page(rows)


def test_seeds_together_rank_the_means_of_their_shares() -> None:
    """Every method wins a share of its own on each prompt; one run alone would rank otherwise."""
    methods, prompts = (*METHODS, *OUTSIDE), ["p", "q"]
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 2, len(methods)))

    def held(shares: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
        steps = {"in_simulation": shares[0], "with_the_crowd": shares[1], "sim_by_gold": shares[0]}
        return {
            step: {m: dict.fromkeys(prompts, float(v)) for m, v in zip(methods, values, strict=True)}
            for step, values in steps.items()
        }

    told = ranked([held(first), held(second)], prompts, 0)
    simulated, crowd = (first + second) / 2
    expected = float(spearmanr([*simulated, 0.5], [*crowd, 0.5])[0])
    assert told["crowd, all"]["spearman"] == pytest.approx(expected)
    assert told["crowd, all"]["methods"] == len(methods) + 1
    assert told["truth, all"]["spearman"] == pytest.approx(1.0)
