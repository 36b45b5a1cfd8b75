"""How many votes with an ethical refusal on one side tell its penalty from 0: by the errors that the votes at hand have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from winsome.audit.findings import Cell, table
from winsome.errors import BadInput
from winsome.standings.answer_types import Effects
from winsome.standings.laws import normal_quantile

POWER, LEVEL = 0.9, 0.95


def votes_needed(size: float, error: float, votes: int, power: float = POWER, level: float = LEVEL) -> int:
    """Votes at which an effect of `size` is told from 0 with chance `power`, where `votes` give it the standard error `error`.

    The error falls as 1 / sqrt(votes), so n = votes (error (z_(1 + level) / 2 + z_power) / size)^2; size other than 0, in the unit of error.
    """
    return math.ceil(votes * (told(error, power, level) / size) ** 2)


def told(error: float, power: float = POWER, level: float = LEVEL) -> float:
    """The size at which an effect with this standard error is told from 0 with chance `power`, in its unit."""
    return error * (normal_quantile((1.0 + level) / 2.0) + normal_quantile(power))


def needed(effects: Effects, votes: int, detect: float) -> dict[str, Any]:
    """The votes needed for the estimated penalty of an ethical refusal, for what its interval leaves of it, and for `detect`.

    effects: a fit with "ethical" among its names; votes: those with an ethical refusal on one side only. Raises BadInput unless detect > 0.
    """
    if not 0.0 < detect < math.inf:
        raise BadInput(f"--detect {detect}: is no size in log-odds above 0; give 0.5")
    error = float(np.sqrt(effects.covariance[(effects.names.index("ethical"),) * 2]))
    estimate, low, high = effects.interval("ethical")
    nearer = None if low <= 0.0 <= high else min(low, high, key=abs)
    sizes = {"as estimated": estimate or None, "the interval's end nearer to 0": nearer, "stated": detect}
    shown = {"estimate": estimate, "low": low, "high": high, "n": None, "digits": 2}
    rows: list[list[Cell]] = [
        [
            name,
            shown if name == "as estimated" else size,
            votes,
            None if size is None else votes_needed(size, error, votes),
        ]
        for name, size in sizes.items()
    ]
    notes = [
        f"Votes with an ethical refusal on one side only at which a penalty is told from 0 at {100 * (1 - LEVEL):.0f}% with a chance of {100 * POWER:.0f}%, length held fixed.",
        f"With the {votes:,} votes at hand a penalty of {told(error):.2f} is told so.",
        f"Taken is that the error, now {error:.2f}, falls as 1 / sqrt(votes): further votes are like these in models, rivals, lengths and votes a prompt. "
        "A penalty much smaller than the estimated one needs fewer than told, since its votes are less one-sided; a much larger one more.",
    ]
    if nearer is None:
        notes.append("The interval holds 0, so a penalty that no number of votes tells is not ruled out.")
    return table("Votes that a penalty of ethical refusals needs", ["penalty", "log-odds", "votes there are", "votes needed"], rows, notes)  # fmt: skip
