"""The pairs of the highest values of a metric: what filters by one figure share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polars import DataFrame


def highest(frame: DataFrame, values: Sequence[float], name: str, budget: float) -> Kept:
    """The `budget` rows (below 1: that share of those with a value) of highest value, in order; of equal values the earlier ones.

    A value that is NaN is none, and its row is dropped as such. Raises BadInput for a budget that is not above 0.
    """
    import polars as pl

    if not budget > 0:
        raise BadInput(
            f"filter {name}: budget={budget:g} keeps nothing; give a number of pairs, or a share below 1"
        )
    ranked = frame.with_row_index("_row").with_columns(pl.Series("_metric", values, dtype=pl.Float64))
    known = ranked.filter(pl.col("_metric").is_not_nan() & pl.col("_metric").is_not_null())
    wanted = int(budget if budget >= 1 else round(budget * known.height))
    best = known.sort(["_metric", "_row"], descending=[True, False]).head(wanted)
    dropped = {
        f"{name} not among the highest {budget:g}": known.height - best.height,
        f"{name} unknown": frame.height - known.height,
    }
    lowest = best["_metric"].min()
    return Kept(
        {"rows": best.sort("_row").drop("_row", "_metric")},
        {reason: n for reason, n in dropped.items() if n},
        facts={"lowest": lowest, "metric": name},
    )
