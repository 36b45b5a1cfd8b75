"""Weights of several contenders made one."""

from __future__ import annotations

from typing import Literal

from winsome.frames import Frames, Kept
from winsome.protocols import Contender
from winsome.recipes.blocks import Search
from winsome.recipes.unbuilt import unbuilt

READS: tuple[str, ...] = ()
CONTENDER = True
BUILT = False


def merge(
    frames: Frames,
    *,
    models: tuple[Contender, ...],
    method: Literal["linear", "slerp", "ties", "dare", "average"] = "average",
    weights: tuple[float, ...] = (),
    search: Search | None = None,
    leave_one_out: bool = False,
    barrier_guard: float = 0.2,
) -> Kept:
    """One contender from the weights of `models`, by `method`; `search` tries weights over a simplex and takes the best on a suite."""
    raise unbuilt("merge")
