"""The best rows by score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from winsome.frames import Kept

if TYPE_CHECKING:
    from polars import DataFrame

READS = "value"


def topk(
    frame: DataFrame,
    *,
    budget: float = 1,
    scope: Literal["global", "per_prompt"] = "per_prompt",
    worst: bool = False,
) -> Kept:
    """The `budget` rows of highest `value`, of all or of each prompt; below 1 it is a share. Of equal scores the earlier row stays.

    worst: those of lowest `value` instead, as a control.
    """
    import polars as pl

    scored = frame.with_row_index("_row").filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
    ranked = scored.sort(["value", "_row"], descending=[not worst, False])
    if scope == "global":
        wanted = budget if budget >= 1 else round(budget * scored.height)
        best = ranked.head(int(wanted))
    else:
        size = pl.len().over("prompt_id")
        wanted = pl.lit(int(budget)) if budget >= 1 else (budget * size).round().clip(lower_bound=1)
        best = ranked.filter(pl.int_range(pl.len()).over("prompt_id") < wanted)
    dropped = {
        f"not among the {'worst' if worst else 'best'} {budget:g}": scored.height - best.height,
        "no score": frame.height - scored.height,
    }
    return Kept({"rows": best.sort("_row").drop("_row")}, {reason: n for reason, n in dropped.items() if n})
