"""The stage between answers and standings: a judge's verdicts on recorded answers, as rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.matchmaking.compare import Comparison, Name, compare
from winsome.records import Suite

if TYPE_CHECKING:
    import polars as pl

    from winsome.matchmaking.preflight import Estimate


def judge(
    *answers: Name,
    judge: Name | None = None,
    suite: Name | Suite | None = None,
    baseline: str | None = None,
    orders: int | None = None,
    repeats: int = 1,
    limit: int | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    seed: int = 0,
    allow_missing: bool = False,
    allow_mixed_judge: bool = False,
    allow_degenerate: bool = False,
    ledger: str | Path | None = None,
    folder: str | Path = ".winsome/runs",
    command: str = "",
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
) -> pl.DataFrame:
    """The verdicts of `judge` on the answers in files, a row an ask; `verdicts_of` says the columns.

    Pairs all files, or each against `baseline`. What was judged before is not asked again; the run's folder is kept below
    `folder` like that of a comparison. Raises as `compare` does.
    """
    found = compare(
        *answers, judge=judge, suite=suite, baseline=baseline, orders=orders, repeats=repeats, limit=limit, budget=budget,
        concurrency=concurrency, rpm=rpm, tpm=tpm, seed=seed, allow_missing=allow_missing,
        allow_mixed_judge=allow_mixed_judge, allow_degenerate=allow_degenerate, ledger=ledger, folder=folder,
        command=command, quiet=quiet, confirm=confirm,
    )  # fmt: skip
    return verdicts_of(found)


def verdicts_of(found: Comparison) -> pl.DataFrame:
    """The asks of a comparison in the columns that `winsome rank` reads.

    prompt_id, model_a, model_b, share (of model_a; null where not scored), outcome, order, repeat, seat_a, judge, category,
    reason, length_a, length_b (characters), match.
    """
    import polars as pl

    asks = pl.read_parquet(found.folder / "asks.parquet")
    columns: dict[str, Any] = {
        "prompt_id": "cluster", "item": "item", "model_a": "a", "model_b": "b", "share": "share", "outcome": "outcome",
        "order": "order", "repeat": "repeat", "seat_a": "seat_a", "judge": "judge", "category": "category",
        "reason": "reason", "length_a": "length_a", "length_b": "length_b", "match": "match",
    }  # fmt: skip
    frame = asks.select(pl.col(column).alias(name) for name, column in columns.items())
    empty = [name for name in ("item", "category") if frame[name].null_count() == frame.height]
    return frame.drop(empty)
