"""Looks of a run in several processes: the first one looks while the others wait, and what it found holds for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from winsome.errors import Fatal
from winsome.training.parallel import Ranks
from winsome.training.trainer import Look, Paused


def by_first(ranks: Ranks, made: Callable[[], Look]) -> Look:
    """What `made` gives, made and asked by the first rank alone; its figures, or that it ended the run, are told to all.

    Where it raises Paused every rank does, so that all save the checkpoint together; where it raises anything else the others end by
    Fatal instead of waiting for updates that will not come.
    """
    if ranks.world == 1:
        return made()
    held: list[Look] = []

    def build() -> Mapping[str, float]:
        held.append(made())
        return {}

    _told(ranks, build)
    return lambda update: _told(ranks, lambda: held[0](update))


def _told(ranks: Ranks, work: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
    """What `work` gives on the first rank, on every rank."""
    import accelerate.utils

    said: list[Any] = [None]
    raised: Exception | None = None
    if ranks.main:
        try:
            said = [("figures", dict(work()))]
        except Exception as error:
            raised = error
            said = [("paused" if isinstance(error, Paused) else "ended", str(error))]
    cast(Any, accelerate.utils).broadcast_object_list(said, from_process=0)
    if raised is not None:
        raise raised
    kind, told = said[0]
    if kind == "figures":
        return told
    raise Paused(told) if kind == "paused" else Fatal(f"the first process ended: {told}")
