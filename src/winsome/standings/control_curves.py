"""What control variates save, shown by drawing labels anew: error by the number of labels, all draws of a size as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from winsome.errors import BadInput
from winsome.standings.columns import Floats


@dataclass(frozen=True, eq=False)
class Curves:
    """Errors against the mean human label, by size [sizes]: bias and mean square of people alone, of control variates with the
    plug-in coefficient, and the synthetic judge's bias, which no number of labels removes. shifted: sizes at which people alone
    are expected to have the mean square that control variates have, n / (1 - rho^2) (of these pairs: with the finite N).
    """

    sizes: tuple[int, ...]
    human_bias: Floats
    human_mse: Floats
    assisted_bias: Floats
    assisted_mse: Floats
    synthetic_bias: float
    rho2: float
    draws: int

    @property
    def saving(self) -> Floats:
        """[sizes] 1 - mean square of control variates over that of people alone; near rho^2 where labels are not too few."""
        return 1.0 - self.assisted_mse / self.human_mse


def control_curves(
    y: Floats,
    s: Floats,
    sizes: Sequence[int],
    *,
    draws: int = 10_000,
    replace: bool = True,
    seed: int = 0,
) -> Curves:
    """The curves of pairs with labels y [N] in [0, 1] and one score s [N]; `replace` draws labels with replacement (a bootstrap).

    Raises BadInput for sizes below 4, or above N without replacement.
    """
    wanted = sorted(set(sizes))
    if not wanted or wanted[0] < 4 or (not replace and wanted[-1] > len(y)):
        raise BadInput(
            f"sizes {list(sizes)[:5]}: give sizes of 4 or more, at most the {len(y)} pairs without replacement"
        )
    draw = np.random.default_rng(seed)
    centre, truth = s - s.mean(), float(y.mean())
    columns = (y - truth, centre, (y - truth) * centre, centre * centre)
    starts = [0, *wanted[:-1]]
    totals = np.empty((4, draws, len(wanted)))
    for rows in np.array_split(np.arange(draws), max(1, draws * wanted[-1] // 2_000_000)):
        shape = (len(rows), wanted[-1])
        if replace:
            place = draw.integers(len(y), size=shape)
        else:
            place = draw.permuted(np.broadcast_to(np.arange(len(y)), (len(rows), len(y))), axis=1)[
                :, : wanted[-1]
            ]
        for k, column in enumerate(columns):
            totals[k, rows] = np.add.reduceat(column[place], starts, axis=1).cumsum(1)
    n = np.array(wanted, np.float64)
    mean_y, mean_s, mean_sy, mean_ss = totals / n
    spread = mean_ss - mean_s**2
    alpha = np.where(spread > 1e-12, (mean_sy - mean_s * mean_y) / np.where(spread > 1e-12, spread, 1.0), 0.0)
    assisted = mean_y - alpha * mean_s
    flat = float(columns[3].mean()) <= 1e-12 or float((columns[0] ** 2).mean()) <= 1e-12
    rho2 = 0.0 if flat else float(np.corrcoef(y, s)[0, 1]) ** 2
    return Curves(
        tuple(wanted), mean_y.mean(0), (mean_y**2).mean(0), assisted.mean(0), (assisted**2).mean(0),
        float(s.mean()) - truth, rho2, draws,
    )  # fmt: skip
