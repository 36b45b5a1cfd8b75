"""A revision against the draft that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.frames import Kept
from winsome.training.pairs.made import pairs_of

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def draft_to_draft(frame: DataFrame, *, margin: float = 0.0) -> Kept:
    """Each revision with its draft (`parent_id`) as a pair, the one of higher score chosen, where they differ by more than `margin`.

    So a revision that made things worse teaches too. Source: The Fellowship of the LLMs (Arif et al. 2024), workflow improvement.
    """
    import polars as pl

    rated = frame.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
    drafts = rated.select(parent_id="response_id", _draft_value="value")
    found = rated.join(drafts, on="parent_id", how="inner", maintain_order="left")
    better = pl.col("value") > pl.col("_draft_value")
    pairs = found.select(
        "prompt_id",
        "lang",
        chosen_id=pl.when(better).then("response_id").otherwise("parent_id"),
        rejected_id=pl.when(better).then("parent_id").otherwise("response_id"),
        margin=(pl.col("value") - pl.col("_draft_value")).abs(),
    )
    return pairs_of(
        frame, pairs.filter(pl.col("margin") > margin), "draft_to_draft", "no revision, or too close"
    )
