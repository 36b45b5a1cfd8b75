"""Rows drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.frames import Kept
from winsome.protocols import Run

if TYPE_CHECKING:
    from polars import DataFrame


def random(
    frame: DataFrame, *, budget: float, scope: Literal["global", "per_prompt"] = "global", run: Run
) -> Kept:
    """`budget` rows drawn without repeats by the run's seed, of all or of each prompt; below 1 it is a share. Order is kept."""
    import numpy as np
    import polars as pl

    lots = pl.Series("_lot", np.random.default_rng(run.seed).permutation(frame.height))
    drawn = frame.with_row_index("_row").with_columns(lots).sort("_lot")
    if scope == "global":
        best = drawn.head(int(budget if budget >= 1 else round(budget * frame.height)))
    else:
        size = pl.len().over("prompt_id")
        wanted = pl.lit(int(budget)) if budget >= 1 else (budget * size).round().clip(lower_bound=1)
        best = drawn.filter(pl.int_range(pl.len()).over("prompt_id") < wanted)
    lost = frame.height - best.height
    return Kept({"rows": best.sort("_row").drop("_row", "_lot")}, {"not drawn": lost} if lost else {})
