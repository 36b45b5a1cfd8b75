"""Elo ratings in the order of the rows, or averaged over seeded shuffles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.bootstrap import percentile_interval
from winsome.standings.columns import Floats, counts
from winsome.standings.intervals import check_level
from winsome.standings.ranking import decided_pairs, possible_ranks
from winsome.standings.ratings import FILE_ORDER
from winsome.standings.sides import ClusterBy, check_rankable, cluster_codes, dropped, pooled, tally
from winsome.standings.table import Row, Standings


def elo(
    battles: Battles,
    *,
    k: float = 4.0,
    start: float = 1000.0,
    passes: int = 1,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    replicates: int = 200,
    seed: int = 0,
) -> Standings:
    """Elo ratings (400 log10 scale): one pass in row order, or with `passes` > 1 the mean over that many shuffles.

    Each battle moves both sides by k x weight x (share - 1 / (1 + 10^((rating_b - rating_a) / 400))). Intervals come from
    `replicates` seeded redraws of the clusters, played in the same order (shuffled ones with passes > 1).
    Where all redraws are alike (one cluster, ties alone) there is no interval, and a warning says so.
    Elo forgets and depends on the order: Bradley-Terry does neither. Raises BadInput for settings out of range.
    """
    check_level(level)
    check_rankable(battles)
    if k <= 0 or passes < 1 or replicates < 2:
        raise BadInput(
            f"elo with k = {k}, passes = {passes}, replicates = {replicates}; give k > 0, passes >= 1, replicates >= 2"
        )
    used = battles.take(battles.scored)
    rng = np.random.default_rng(seed)
    orders = None if passes == 1 else _shuffles(rng, passes, len(used))
    ratings = elo_ratings(used, np.ones((len(used), passes)), orders, k, start).mean(1)
    codes = cluster_codes(used, cluster)
    clusters = int(codes.max()) + 1
    drawn = np.stack(
        [counts(rng.integers(clusters, size=clusters), clusters)[codes] for _ in range(replicates)], axis=1
    )
    shuffles = None if passes == 1 else _shuffles(rng, replicates, len(used))
    spread = elo_ratings(used, drawn.astype(np.float64), shuffles, k, start)
    errors = spread.std(1, ddof=1)
    gap = spread[:, None, :] - spread[None, :, :]
    side = np.minimum((gap <= 0).sum(2), (gap >= 0).sum(2))
    p_values = np.minimum(1.0, 2.0 * (side + 1) / (replicates + 1))
    # Redraws of one cluster, or of ties alone, are all the same: they say nothing of how sure a difference is.
    p_values[np.ptp(gap, axis=2) <= 1e-12] = 1.0
    ranks = possible_ranks(ratings, decided_pairs(p_values, level))
    rows: list[Row] = []
    notes: list[str] = []
    found = tally(battles, cluster)
    for code, name in enumerate(battles.names):
        rating, error = float(ratings[code]), float(errors[code])
        low, high = percentile_interval(spread[code], level)
        if high - low <= 1e-12:
            notes.append(f"{name}: the redraws have no spread, so there is no interval")
            figures = (rating, None, None, None)
        else:
            figures = (rating, error, min(low, rating), max(high, rating))
        entered = int(found.n[code]), int(found.battles[code])
        rows.append(Row(name, *figures, *entered, found.counts(code), ranks[code]))
    order_note = FILE_ORDER if passes == 1 else f"mean over {passes} shuffles, seed {seed}"
    return Standings(
        method="elo",
        rows=tuple(sorted(rows, key=lambda row: (-(row.estimate or 0.0), row.contender))),
        scale="Arena points",
        level=level,
        interval="bootstrap",
        dropped=dropped(battles),
        warnings=(*battles.notes, *pooled(battles), order_note, *notes),
    )


def elo_ratings(
    battles: Battles, times: Floats, orders: NDArray[np.intp] | None, k: float = 4.0, start: float = 1000.0
) -> Floats:
    """[contenders, columns] final ratings of as many plays side by side as `times` [rows, columns] has columns.

    times: by how much each battle counts in each play; orders: [rows, columns] which row each play takes at each step,
    None for row order. All rows must be scored.
    """
    plays = int(times.shape[1])
    columns: NDArray[np.intp] = np.arange(plays)
    ratings = np.full((len(battles.names), plays), start)
    for step in range(len(battles)):
        row = step if orders is None else orders[step]
        a, b = battles.a[row], battles.b[row]
        expected = 1.0 / (1.0 + 10.0 ** ((ratings[b, columns] - ratings[a, columns]) / 400.0))
        move = k * battles.weight[row] * times[row, columns] * (battles.share[row] - expected)
        ratings[a, columns] += move
        ratings[b, columns] -= move
    return ratings


def _shuffles(rng: np.random.Generator, columns: int, rows: int) -> NDArray[np.intp]:
    return np.stack([rng.permutation(rows) for _ in range(columns)], axis=1)
