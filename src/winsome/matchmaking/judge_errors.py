"""Judge noise beside a win rate: what prompts, orders and repeats each contribute to a row's standard error, in points."""

from __future__ import annotations

from dataclasses import replace

from winsome.standings.battles import Battles
from winsome.standings.columns import Ints
from winsome.standings.judge_noise import judge_noise
from winsome.standings.table import Row, Standings


def with_judge_noise(standings: Standings, asks: Battles | None) -> Standings:
    """Win rates over prompts with the columns prompt_error, order_error and repeat_error (None: the design cannot tell).

    Unchanged where no contest was asked twice, where rows have no prompt or unequal weights, and for means over several opponents.
    """
    one_opponent = standings.baseline is not None or len(standings.rows) == 2
    if asks is None or not one_opponent or asks.cluster is None:
        return standings
    if not (_differs(asks.repeat) or _differs(asks.order)) or (asks.weight != asks.weight[0]).any():
        return standings

    def told(row: Row) -> Row:
        if row.contender == standings.baseline or row.n < 2 or row.estimate is None:
            return row
        noise = judge_noise(asks, row.contender, baseline=standings.baseline)
        parts = {"prompt_error": noise.prompt_error, "order_error": noise.order_error}
        return replace(row, extra={**row.extra, **parts, "repeat_error": noise.repeat_error})

    return replace(standings, rows=tuple(map(told, standings.rows)))


def _differs(values: Ints | None) -> bool:
    return values is not None and bool((values != values[0]).any())
