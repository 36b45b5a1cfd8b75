"""The page of system 042 says what its figures say, and its recipe is right before it runs and does what it says on a small world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import system_042_variants as variants
from benchmarks.system_042 import ARMS, FILTERS, page, played
from winsome.recipes.paper import estimate_paper
from winsome.recipes.read import read, shipped
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


@pytest.mark.parametrize("name", ["042-rip", "042-self-rip", "042-weak-to-strong"])
def test_a_recipe_is_right_before_it_runs_and_says_what_the_published_run_takes(name: str) -> None:
    assert name in shipped()
    assert checked(name)
    made = {row.step: row for row in estimate_paper(read(name)).rows}
    # 20,000 prompts x 64 answers, or 40,000 x 32 of the large model
    assert made["generate"].calls == made["score"].calls == 1_280_000
    assert made["train"].minutes > 0


@pytest.mark.skipif(
    not (RESULTS / "042-rip-variants.json").is_file(), reason="the variants have not been run yet"
)
def test_the_page_of_variants_is_written_from_its_figures() -> None:
    rows = json.loads((RESULTS / "042-rip-variants.json").read_text("utf-8"))
    assert (RESULTS / "042-rip-variants.md").read_text("utf-8") == variants.page(rows)
    for row in rows:
        assert set(row["clear"]) == set(variants.LOOKED_AT[row["recipe"]])
        assert all(one["low"] <= one["estimate"] <= one["high"] for one in row["matches"].values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_new_prompts_after_survivors_are_clear_more_often_than_after_all(tmp_path: Path) -> None:
    """A sixth of Self-RIP: its writer's prompts, and what the stored thresholds keep of them."""
    small = [f"{step}.budget=30" for step in ("self_rip_cut", "new_cut", "instructed_cut")]
    small += [f"{arm}.updates=2" for arm in ("on_self_rip", "on_new", "on_self_instruct")]
    small += ["rip.min_keep=30", "self_rip.min_keep=5", "new.n=300", "instructed.n=300"]
    small += [f"{m}.suite=world:instruction?split=test&n=20" for m in ("self_against_base", "self_rip_against_self_instruct", "self_rip_against_new")]  # fmt: skip
    row = variants.played(
        "042-self-rip", 0, tmp_path, ["load.source=world:prompt-quality?split=train&n=400", *small]
    )
    assert row["clear"]["survivors"]["low"] > row["clear"]["load"]["clear"]
    assert row["clear"]["self_rip"]["clear"] > row["clear"]["new"]["clear"]
    assert len(row["matches"]) == 5


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
