"""In which order steps run: each after what it needs, otherwise as written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from winsome.recipes.schema import Place


class Needy(Protocol):
    """What has a name and waits for others by theirs."""

    @property
    def id(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...


Waiting = TypeVar("Waiting", bound=Needy)


def in_order(steps: Sequence[Waiting], recipe: str) -> list[Waiting]:
    """The steps so that each comes after what it needs, otherwise as written; BadInput where they wait for each other."""
    here = {step.id for step in steps}
    left, done, ordered = list(steps), set[str](), list[Waiting]()
    while left:
        ready = next((step for step in left if all(n in done or n not in here for n in step.needs)), None)
        if ready is None:
            raise Place(recipe).bad(f"steps wait for each other ({_ring(left)}); change one of their from")
        left.remove(ready)
        ordered.append(ready)
        done.add(ready.id)
    return ordered


def _ring(left: Sequence[Waiting]) -> str:
    by_id = {step.id: step for step in left}
    path = [left[0].id]
    while True:
        after = next(need for need in by_id[path[-1]].needs if need in by_id)
        if after in path:
            return " <- ".join([*path[path.index(after) :], after])
        path.append(after)
