"""Verdicts that others made, laid out as a finished run, so that they get the same report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.run_folder import FORMAT, now, outcome_counts, versions, write
from winsome.matchmaking.session import new_folder
from winsome.matchmaking.verdict_files import Recorded
from winsome.records import (
    OUTCOMES,
    SCORED,
    Prompt,
    Response,
    Sampling,
    Usage,
    assistant,
    digest,
    response_key,
    user,
)
from winsome.standings.battles import Battles
from winsome.standings.columns import Codes
from winsome.standings.combine import combine
from winsome.standings.table import Standings

if TYPE_CHECKING:
    import polars as pl

A_FIRST = ("battles", "human_sheet", "wildbench_pairs")
"""Formats in which side a was shown first, where no order is recorded."""


def write_ranked(
    found: Recorded,
    standings: Standings,
    ledger: Ledger,
    *,
    command: str = "",
    runs: Path = Path(".winsome/runs"),
) -> Path:
    """The run folder of ranked verdicts: run.json, asks.parquet, battles.parquet; what they say goes into `ledger`.

    Where the file holds no words the report shows them as missing; where it does not say who was seen first, the seat effect
    is left out. Raises BadInput for single grades, which have no matches.
    """
    if found.asks is None:
        raise BadInput(
            f"{found.name}: holds single grades, which have no matches to show; leave --report out"
        )
    started = now()
    contests = _contests(found.asks)
    asked = replace(found.asks, contest=contests)
    battles = combine(asked)
    words = _kept_words(found, ledger)
    asks = _asks(found, asked, words)
    folder = new_folder(runs, f"rank-{Path(found.name.split(',')[0]).name.split('.')[0]}")
    unscored = [o for o in OUTCOMES if o not in SCORED]
    counts = outcome_counts(battles)
    record: dict[str, Any] = {
        "format": FORMAT,
        "id": folder.name,
        "command": command,
        "started": started,
        "finished": now(),
        "seconds": None,
        "seed": 0,
        "figure": standings.name,
        "suite": {"name": found.name, "version": "recorded", "licence": "", "source": found.format,
                  "prompts": int(battles.clusters()[1])},
        "contenders": [{"name": name, "id": digest(["recorded", name]), "label": name} for name in battles.names],
        "judge": {"name": found.judge or "recorded verdicts", "id": digest(["recorded", found.judge]),
                  "label": found.judge or "recorded verdicts", "note": ""},
        "baseline": standings.baseline,
        "orders": 1 if asked.order is None else len(np.unique(asked.order)),
        "repeats": 1 if asked.repeat is None else len(np.unique(asked.repeat)),
        "settings": {},
        "versions": versions(),
        "usage": {"contenders": {}, "judge": Usage().payload(), "saved": Usage().payload()},
        "counts": counts,
        "contests": len(battles),
        "asks": len(asked),
        "dropped": [{"reason": o, "count": counts[o]} for o in unscored if counts[o]],
        "warnings": [],
        "notes": ["the verdicts were recorded elsewhere; nothing was asked"],
        "ledger": ledger.url,
        "standings": standings.payload(),
    }  # fmt: skip
    write(folder, record, asks, battles.to_frame())
    ledger.put_run(folder.name, record)
    return folder


def _contests(asks: Battles) -> Codes:
    """Which asks are one contest, as `combine` takes it: prompt, pair, judge, aspect, annotator; a row alone without order and repeat."""
    rows = len(asks)
    if asks.cluster is None or (asks.order is None and asks.repeat is None and asks.contest is None):
        return Codes(np.arange(rows, dtype=np.int32), [digest(["contest", n]) for n in range(rows)])
    columns = [asks.clusters()[0], np.minimum(asks.a, asks.b), np.maximum(asks.a, asks.b)]
    columns += [c.values for c in (asks.judge, asks.aspect, asks.annotator, asks.contest) if c is not None]
    _, place = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    place = place.ravel().astype(np.int32)
    return Codes(place, [digest(["contest", n]) for n in range(int(place.max()) + 1)])


def _asks(found: Recorded, asks: Battles, words: dict[str, list[str | None]]) -> pl.DataFrame:
    import polars as pl

    rows, frame = len(asks), asks.to_frame()
    order = asks.order if asks.order is not None else np.zeros(rows, np.int32)
    seat = _seats(found, asks, order)
    lengths = asks.covariates.get("length")
    nothing = pl.Series([None] * rows, dtype=pl.String)

    def column(name: str) -> pl.Series:
        return frame[name] if name in frame.columns else nothing

    reason = nothing.fill_null("")
    if found.frame is not None and "reason" in found.frame.columns:
        reason = found.frame["reason"].fill_null("")
    sides: dict[str, Any] = {f"length_{side}": None for side in "ab"}
    if lengths is not None:
        sides = {
            f"length_{side}": pl.Series(lengths[:, n]).fill_nan(None).cast(pl.Int64)
            for n, side in enumerate("ab")
        }
    return pl.DataFrame(
        {
            "position": pl.Series(range(rows), dtype=pl.Int64),
            "contest": column("contest"),
            "prompt": pl.Series(words["prompt"], dtype=pl.String),
            "item": column("prompt_id"),
            "cluster": column("prompt_id").fill_null(column("contest")),
            "category": column("category"),
            "lang": nothing,
            "a": frame["model_a"],
            "b": frame["model_b"],
            "order": pl.Series(order, dtype=pl.Int32),
            "repeat": pl.Series(asks.repeat if asks.repeat is not None else np.zeros(rows, np.int32), dtype=pl.Int32),
            "seat_a": pl.Series(seat if seat is not None else np.zeros(rows, np.int32), dtype=pl.Int32),
            "match": nothing,
            "response_a": pl.Series(words["a"], dtype=pl.String),
            "response_b": pl.Series(words["b"], dtype=pl.String),
            **{name: pl.Series([None] * rows, dtype=pl.Int64) if values is None else values for name, values in sides.items()},
            "outcome": frame["outcome"],
            "share": frame["share"],
            "extent": column("extent").cast(pl.Float64),
            "reason": reason,
            # Diagnostics of seats read rows with a verdict alone; without a known seat there is nothing to say.
            "verdict": pl.Series([None if seat is None else "recorded"] * rows, dtype=pl.String),
            "aspect": column("aspect").fill_null(""),
            "evidence": pl.Series([[] for _ in range(rows)], dtype=pl.List(pl.String)),
            "judge": column("judge").fill_null(found.judge or "recorded verdicts"),
            "served_by": nothing.fill_null(""),
            "cached": pl.Series([True] * rows, dtype=pl.Boolean),
            "money": pl.Series([0.0] * rows, dtype=pl.Float64),
            "seconds": pl.Series([0.0] * rows, dtype=pl.Float64),
        }
    )  # fmt: skip


def _seats(found: Recorded, asks: Battles, order: Any) -> Any:
    """The seat of side a of each ask; None where the format does not say."""
    if found.format == "mt_bench_pairs":
        return order
    if found.format == "arena_hard_judgments":
        return 1 - order
    return np.zeros(len(asks), np.int32) if found.format in A_FIRST and asks.order is None else None


def _kept_words(found: Recorded, ledger: Ledger) -> dict[str, list[str | None]]:
    """Ids of prompts and answers by row, once they are in the ledger; None where the file has no words."""
    frame, rows = found.frame, len(found.asks) if found.asks is not None else 0
    if frame is None or "prompt" not in frame.columns:
        return {name: [None] * rows for name in ("prompt", "a", "b")}
    records: dict[str, Prompt | Response] = {}
    ids: dict[str, list[str | None]] = {"prompt": [], "a": [], "b": []}
    for row in frame.iter_rows(named=True):
        facets = {"category": row["category"]} if row.get("category") else {}
        prompt = Prompt((user(row["prompt"]),), facets=facets)
        records.setdefault(prompt.id, prompt)
        ids["prompt"].append(prompt.id)
        for side in "ab":
            words = row.get(f"answer_{side}")
            if words is None:
                ids[side].append(None)
                continue
            key = response_key(prompt.id, row[f"model_{side}"], Sampling(), 0)
            said = Response(
                prompt.id, row[f"model_{side}"], key, messages=(assistant(words),), provenance="recorded"
            )
            records.setdefault(said.id, said)
            ids[side].append(said.id)
    ledger.put_many(records.values())
    return ids
