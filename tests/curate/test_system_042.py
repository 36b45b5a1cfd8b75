"""The page of system 042 says what its figures say, and its recipe is right before it runs and does what it says on a small world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.system_042 import ARMS, FILTERS, page, played
from winsome.recipes.read import shipped
from winsome.recipes.run import checked

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def test_the_page_is_written_from_its_figures() -> None:
    rows = json.loads((RESULTS / "042-rip.json").read_text("utf-8"))
    assert (RESULTS / "042-rip.md").read_text("utf-8") == page(rows)
    for row in rows:
        sizes = {row["precision"][name]["n"] for name in FILTERS if name != "rip"}
        assert len(sizes) == 1, "all arms but the whole are of one size"
        assert {name.partition(" against")[0] for name in row["matches"]} == set(ARMS)
        assert all(one["low"] <= one["estimate"] <= one["high"] for one in row["matches"].values())


def test_the_recipe_is_right_before_it_runs() -> None:
    assert "042-rip" in shipped()
    assert checked("042-rip")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rip_keeps_clear_prompts(tmp_path: Path) -> None:
    """A twentieth of the recipe: what it keeps is clear more often than all prompts are, and every arm is trained and matched."""
    small = [f"{step}.budget=40" for step in ("rip_cut", "random_cut", "jaccard", "perplexity", "ifd")]
    small += [f"{arm}.updates=4" for arm in ARMS] + ["rip.min_keep=40"]
    small += [f"{m}.suite=world:instruction?split=test&n=20" for m in ("against_base", "rip_against_all", "rip_against_random")]  # fmt: skip
    row = played(0, tmp_path, ["load.source=world:prompt-quality?split=train&n=250", *small])
    assert row["precision"]["rip"]["low"] > row["clear"]
    assert {name.partition(" against")[0] for name in row["matches"]} == set(ARMS)
