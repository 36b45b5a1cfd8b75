"""The contracts: what a thing must offer to be a contender, a judge, a scorer, an encoder or a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from winsome.records import Match, Part, Prompt, Response, Sampling, Scores, Verdict

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

T = TypeVar("T")


@runtime_checkable
class Named(Protocol):
    """Whatever a spec opens. `name` is the canonical spec; `id` digests all that can change its results."""

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> str: ...


@runtime_checkable
class Contender(Named, Protocol):
    """Answers prompts. `batch` is how many prompts it likes in one call (an endpoint 1, local weights hundreds).

    One whose answers exist already may say `free = True`: they are no calls, and nobody claims them.
    """

    @property
    def batch(self) -> int: ...

    def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of `sampling.samples` of every prompt, in any order; a failure of one answer is a Response.

        `key` is set by `winsome.records.response_key(prompt.id, self.id, sampling, sample)`.
        Raises RateLimited or Transient where the call may be repeated, Fatal where it may not.
        """
        ...


@runtime_checkable
class Judge(Named, Protocol):
    """Compares the sides of matches. `ordered`: the order shown may matter, so both orders are asked.

    One whose verdicts say how large a win is (extent 0, 1 or 2) may say `extents = True`; figures that need that take no other.
    """

    @property
    def sides(self) -> range: ...

    @property
    def ordered(self) -> bool: ...

    def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """At least one verdict a match (one an aspect), in any order; unreadable is a Verdict, never an exception."""
        ...


@runtime_checkable
class Scorer(Named, Protocol):
    """Rates answers, higher is better; `judges/by_score` makes it a Judge. `partial`: may rate unfinished answers."""

    @property
    def partial(self) -> bool: ...

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """One value a (prompt, response) pair; equal lengths."""
        ...


@runtime_checkable
class Encoder(Named, Protocol):
    """Makes vectors."""

    async def encode(self, parts: Sequence[Part]) -> NDArray[float32]:
        """Unit vectors, [n, d]."""
        ...


class Run(Protocol):
    """One invocation, handed down and never global."""

    seed: int
    folder: Path

    def open(self, spec: str | Mapping[str, Any], role: type[T]) -> T:
        """The object a spec names, asked through the door; equal ids share one object, loaded once."""
        ...
