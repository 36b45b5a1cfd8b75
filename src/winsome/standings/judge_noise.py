"""Where the error of a win rate comes from: the prompts, the orders in which they were judged, or the judge's own noise.

An ask's share is mean + seat effect + prompt + order within the prompt + repeat, the last three random with variances that a
nested analysis of variance tells apart. With R_po repeats of each of the O_p orders of n prompts, a prompt's share being the mean
over orders of the means over repeats, the variance of the win rate is

    prompt / n + order sum_p 1 / (n^2 O_p) + repeat sum_po 1 / (n O_p)^2 / R_po.

Source: Searle, Casella and McCulloch 1992, "Variance Components", chapter 3 (Henderson's method I for nested classes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints, counts, dense, sums
from winsome.standings.sides import check_rankable, sided


@dataclass(frozen=True)
class JudgeNoise:
    """Variances of a share by source, and what each contributes to the standard error of the win rate, in points.

    order, repeat: None where the design cannot tell them from the source above (one order only; no repeats). Estimates may
    be below 0 by chance; contributions then count 0. seat_effect: points by which the share is higher when the contender
    is side a of the ask; None where it never changed sides. Contributions add up as squares to standard_error.
    """

    contender: str
    prompt: float
    order: float | None
    repeat: float | None
    prompt_error: float
    order_error: float | None
    repeat_error: float | None
    standard_error: float
    seat_effect: float | None
    prompts: int
    asks: int

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))


def judge_noise(asks: Battles, contender: str, *, baseline: str | None = None) -> JudgeNoise:
    """The variance components of `contender`'s shares, over asks as recorded (before `combine`).

    baseline: asks against this one alone; else an opponent is part of what an order is, and a prompt's orders are all its
    (opponent, side) cells. Raises BadInput where the contender has fewer than two prompts with a scored ask.
    """
    check_rankable(asks)
    other = None if baseline is None else asks.code_of(baseline)
    view = sided(asks)[asks.code_of(contender)].against(other)
    used = view.take(view.scored)
    prompt, prompts = dense(used.cluster)
    if prompts < 2:
        raise BadInput(f"{contender}: {prompts} prompt with a scored ask; judge noise needs two or more")
    order = np.zeros(len(prompt), np.int32) if asks.order is None else asks.order[used.row]
    key = np.stack([prompt, used.opponent, used.first.astype(np.int32), order], axis=1)
    _, cell = np.unique(key, axis=0, return_inverse=True)
    cell = cell.ravel().astype(np.int32)
    share, seat = _without_seat(used.share, used.first)
    return _components(contender, share, prompt, cell, seat)


def _without_seat(share: Floats, first: Any) -> tuple[Floats, float | None]:
    """The shares with the mean difference of the two seats taken out, and that difference."""
    if first.all() or not first.any():
        return share, None
    gap = float(share[first].mean() - share[~first].mean())
    return share - gap * (first - 0.5), gap


def _components(name: str, share: Floats, prompt: Ints, cell: Ints, seat: float | None) -> JudgeNoise:
    rows, cells, prompts = len(share), int(cell.max()) + 1, int(prompt.max()) + 1
    owner = np.zeros(cells, np.int32)
    owner[cell] = prompt
    in_cell, in_prompt = counts(cell, cells).astype(np.float64), counts(prompt, prompts).astype(np.float64)
    of_cell, of_prompt = sums(cell, share, cells) / in_cell, sums(prompt, share, prompts) / in_prompt
    within = float(((share - of_cell[cell]) ** 2).sum())
    between_cells = float((in_cell * (of_cell - of_prompt[owner]) ** 2).sum())
    between_prompts = float((in_prompt * (of_prompt - share.mean()) ** 2).sum())
    squares = sums(owner, in_cell**2, prompts)
    by_prompt, by_row = float((squares / in_prompt).sum()), float((in_cell**2).sum()) / rows
    repeat = within / (rows - cells) if rows > cells else None
    # The seat's mean was taken out of the cells, which costs one degree of freedom.
    free = cells - prompts - (seat is not None)
    order = None
    if free > 0:
        order = (between_cells - free * (repeat or 0.0)) / (rows - by_prompt)
    left = between_prompts - (prompts - 1) * (repeat or 0.0) - (by_prompt - by_row) * (order or 0.0)
    common = left / (rows - float((in_prompt**2).sum()) / rows)
    orders = counts(owner, prompts).astype(np.float64)
    part_prompt = max(common, 0.0) / prompts
    part_order = max(order or 0.0, 0.0) * float((1.0 / orders).sum()) / prompts**2
    part_repeat = max(repeat or 0.0, 0.0) * float((1.0 / (prompts * orders[owner]) ** 2 / in_cell).sum())
    return JudgeNoise(
        contender=name,
        prompt=common,
        order=order,
        repeat=repeat,
        prompt_error=100.0 * math.sqrt(part_prompt),
        order_error=None if order is None else 100.0 * math.sqrt(part_order),
        repeat_error=None if repeat is None else 100.0 * math.sqrt(part_repeat),
        standard_error=100.0 * math.sqrt(part_prompt + part_order + part_repeat),
        seat_effect=None if seat is None else 100.0 * seat,
        prompts=prompts,
        asks=rows,
    )
