"""Answers put side by side as chosen and rejected."""

from __future__ import annotations

from winsome.frames import Frames, Kept, with_scores
from winsome.protocols import Run
from winsome.recipes.rules import Rule

VERSION = 1
RULES, RULE = "PairRule", "rule"
READS = ("responses",)
MAKES = ("pairs",)
PLANNED = ("veto", "superbatch", "mix", "max_per_prompt", "ties")


async def pair(frames: Frames, *, rule: Rule, aspect: str = "", by: str = "", run: Run) -> Kept:
    """The pairs that `rule` makes of each prompt's answers; an answer in no pair is dropped by reason.

    aspect, by: whose scores are read.
    """
    import polars as pl

    if rule.reads_scores or "scores" in frames:
        table = with_scores(frames, "responses", aspect, by)
    else:
        table = frames["responses"].with_columns(pl.lit(None, pl.Float64).alias("value"))
    return await rule(table, run)
