"""What is known of a judge from its own verdicts in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from winsome.report.figures import by_length, first_seat, lengths_of
from winsome.report.folder import Finished

if TYPE_CHECKING:
    import polars as pl

DEGENERATE = 0.95
"""A judge that gives one raw label (first seat, second seat, tie) this often is read as one that does not judge."""

FEWEST = 20
"""Fewer decided asks than this say nothing of a degenerate label."""


def diagnostics(run: Finished) -> list[dict[str, Any]]:
    """For each judge: seat effect, length, flips, ties, unparsed replies, its commonest raw label, models that answered.

    Rates are {"count", "of"}. The seat effect and the raw labels count single asks that the judge itself decided (win,
    loss or tie); outcomes set by rule (forfeits, equal answers) have no verdict and are left out. A raw label is the
    judge's own word where its reason names one, else the seat that it chose. Flips count contests asked in both orders.
    """
    import polars as pl

    judges = run.asks["judge"].drop_nulls().unique(maintain_order=True).to_list()
    several = "judge" in run.contests.columns and len(judges) > 1
    found: list[dict[str, Any]] = []
    for judge in judges:
        rows = (
            (run.contests["judge"] == judge).fill_null(False)
            if several
            else pl.repeat(True, run.contests.height, eager=True)
        )
        found.append(_of_judge(run, judge, run.asks.filter(pl.col("judge") == judge), rows))
    return found


def _of_judge(run: Finished, judge: str, asks: pl.DataFrame, rows: pl.Series) -> dict[str, Any]:
    import polars as pl

    contests = run.contests.filter(rows)
    asked = asks.filter(
        pl.col("verdict").is_not_null()
        & pl.col("outcome").is_in(["win", "loss", "tie", "graded", "unparsed"])
    )
    decided = asked.filter(pl.col("outcome").is_in(["win", "loss", "tie"]) & pl.col("share").is_not_null())
    in_both = (
        decided.group_by("contest")
        .agg(pl.col("order").n_unique().alias("orders"))
        .filter(pl.col("orders") > 1)
    )
    flips = contests.filter(
        (pl.col("outcome") == "inconsistent") & pl.col("contest").is_in(in_both["contest"].implode())
    )
    lengths = by_length(run.battles.take(rows.to_numpy()), lengths_of(contests, asks))
    served = (
        asks.filter(pl.col("served_by").fill_null("") != "")
        .group_by("served_by")
        .len()
        .sort("len", descending=True)
    )
    return {
        "judge": judge,
        "first_seat": first_seat(decided),
        "longer": lengths["longer"],
        "flips": _rate(flips.height, in_both.height),
        "ties": _rate(_count(decided, "tie"), decided.height),
        "unparsed": _rate(_count(asked, "unparsed"), asked.height),
        "commonest_label": _commonest_label(decided),
        "served_by": [{"model": model, "asks": asks_} for model, asks_ in served.iter_rows()],
    }


def _commonest_label(decided: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    first_won = (pl.col("outcome") == "win") == (pl.col("seat_a") == 0)
    own_word = pl.col("reason").fill_null("").str.starts_with("label: ")
    label = (
        pl.when(own_word)
        .then(pl.col("reason").str.slice(len("label: ")))
        .when(pl.col("outcome") == "tie")
        .then(pl.lit("tie"))
        .when(first_won)
        .then(pl.lit("first seat"))
        .otherwise(pl.lit("second seat"))
    )
    counts = (
        decided.select(label.alias("label"))
        .group_by("label")
        .len()
        .sort("len", "label", descending=[True, False])
    )
    if counts.is_empty():
        return {"label": None, "count": 0, "of": 0, "degenerate": False}
    name, most = counts.row(0)
    degenerate = decided.height >= FEWEST and most >= DEGENERATE * decided.height
    return {"label": name, "count": most, "of": decided.height, "degenerate": degenerate}


def _count(asks: pl.DataFrame, outcome: str) -> int:
    return int((asks["outcome"] == outcome).sum())


def _rate(count: int, of: int) -> dict[str, int]:
    return {"count": count, "of": of}
