"""Weights of several contenders made one."""

from __future__ import annotations

import asyncio
from typing import Literal

from winsome.frames import Frames, Kept
from winsome.matchmaking.session import Session
from winsome.protocols import Contender
from winsome.recipes.made import Made

VERSION = 1
READS: tuple[str, ...] = ()
CONTENDER = True
PLANNED = ("search", "leave_one_out", "barrier_guard")


async def merge(
    frames: Frames,
    *,
    models: tuple[Contender, ...],
    method: Literal["average", "linear", "slerp"] = "average",
    weights: tuple[float, ...] = (),
    share: float = 0.5,
    run: Session,
) -> Made:
    """One contender from the weights of `models`, which are of one family: their average, a `linear` sum by `weights`, or by slerp the
    model at `share` of the way from the first to the second.
    """
    from winsome.training.merge import merge as merged

    names = [model.name for model in models]
    name = await asyncio.to_thread(merged, names, run=run, method=method, weights=weights, share=share)
    return Made(Kept(planned=0), {"": name}, {"models": names, "method": method})
