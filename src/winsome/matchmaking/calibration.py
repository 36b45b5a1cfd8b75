"""What length control knows of AlpacaEval 2 before it sees a model: the table that ships, or the user's own df_gamed.csv."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.reading import Row, read
from winsome.standings.length_control import Calibration
from winsome.standings.table import Standings

if TYPE_CHECKING:
    import polars as pl

TABLE = "alpaca_eval_2.csv"
BASELINE = "gpt4_1106_preview"
JUDGE = "weighted_alpaca_eval_gpt4_turbo"
"""What the difficulties were estimated with; with another baseline or judge they mean nothing."""

SUMS = (-182.70, 412.93)
"""Sums over the gamed rows of y tanh z and y d, recovered from the published weights of 24 models."""

GAMED_FIELDS = ("index", "std_delta_len", "instruction_difficulty", "preference")


def shipped(prompts: Collection[str], baseline: str, judge: str) -> Calibration | None:
    """The calibration of AlpacaEval 2 where these verdicts are on it (prompts by id, its baseline, its judge); else None."""
    if baseline != BASELINE or judge not in ("", JUDGE) or not prompts:
        return None
    table = _table()
    difficulty = dict(zip(table["prompt_id"].to_list(), table["difficulty"].to_list(), strict=True))
    if not difficulty.keys() >= set(prompts):
        return None
    return Calibration(
        difficulty=difficulty,
        gamed_length=table["verbose"].append(table["concise"]).to_numpy(),
        gamed_difficulty=np.tile(np.array(list(difficulty.values())), 2),
        sums=SUMS,
    )


def of_gamed(path: Path | str) -> Calibration:
    """The calibration in AlpacaEval's df_gamed.csv: two gamed rows an instruction, with their preferences in [0, 1].

    Prompts may be named by the suite's index or by id. Raises BadInput naming the record and the field.
    """
    rows = read(path).rows
    for name in GAMED_FIELDS:
        if name not in rows[0]:
            refuse(
                path, f'has no "{name}" (found: {listed(list(rows[0]))}); give the df_gamed.csv of AlpacaEval'
            )
    values = np.array(
        [[_number(path, n, row, name) for name in GAMED_FIELDS] for n, row in enumerate(rows, 1)]
    )
    index, length, hard, preference = values.T
    wrong = (preference < 0) | (preference > 1)
    if wrong.any():
        n = int(np.argmax(wrong))
        refuse(
            path,
            f'record {n + 1} has {preference[n]:g} in "preference"; give the gamed version\'s share, 0 to 1',
        )
    by_index = {str(int(i)): float(d) for i, d in zip(index, hard, strict=True)}
    names = _table()["prompt_id"].to_list()
    by_id = {id: by_index[str(n)] for n, id in enumerate(names) if str(n) in by_index}
    features = np.stack([np.tanh(length), hard])
    sums = features @ preference
    return Calibration(by_index | by_id, length, hard, (float(sums[0]), float(sums[1])), preference)


def shifted(standings: Standings, known: Calibration) -> tuple[str, ...]:
    """A note where prompts lack verdicts: alpaca_eval numbers the rows that are left and looks difficulties up by that number,
    so that a row behind a gap is given an earlier prompt's (its metrics/glm_winrate.py); ours stay with their prompts.
    """
    prompts = len(known.gamed_length) // 2
    fewer = [row.contender for row in standings.rows if not row.group and 0 < row.n < prompts]
    if not fewer:
        return ()
    return (
        f"{listed(fewer)}: fewer than {prompts} prompts with a verdict; alpaca_eval gives those behind a gap an earlier one's "
        "difficulty, so its figure differs",
    )


def _number(path: Path | str, record: int, row: Row, name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        refuse(path, f'record {record} has {shown(row[name])} in "{name}"; give a number')
    return value


def _table() -> pl.DataFrame:
    import polars as pl

    with (files("winsome.matchmaking") / TABLE).open("rb") as file:
        return pl.read_csv(file.read())
