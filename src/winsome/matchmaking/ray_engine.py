"""Local weights on many machines: the same contenders and scorers, at work in Ray actors.

Names travel, objects do not: every actor opens the spec for itself. The door stays in the driver, so that ledger, budget and
claims are as without Ray; what travels is prompts out and responses back.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from winsome import specs
from winsome.errors import Transient, Unsupported, WinsomeError
from winsome.records import Prompt, Response, Sampling, Scores

if TYPE_CHECKING:
    from winsome.protocols import Run

PLACED: dict[str, frozenset[str]] = {
    "Contender": frozenset({"hf", "embedded", "vllm"}),
    "Scorer": frozenset({"embedded", "likelihood", "reward_model"}),
}
"""Kinds that compute by themselves; all others (endpoints, files, decoders) stay in the driver."""
SHARE = 16
"""Prompts that an actor takes at a time, so that a fast machine takes more of them."""


def remote(spec: specs.Spec, role: str, run: Run) -> Any:
    """What `spec` names in `role`: behind actors on the cluster where it computes, else opened here."""
    own_code = "." in spec.kind and "://" not in spec.kind
    if role not in PLACED or not (own_code or spec.kind in PLACED[role]):
        return specs.open_spec(spec, role, run)
    pool = Pool(str(spec), role)
    return RemoteContender(pool) if role == "Contender" else RemoteScorer(pool)


class Place:
    """The Run of an actor: it opens what its own spec names, nothing asks through it."""

    def __init__(self) -> None:
        self.seed, self.folder = 0, Path()

    def open(self, spec: Any, role: type[Any]) -> Any:
        return specs.open_spec(specs.parse(spec), role.__name__, self)


class Worker:
    """One actor's object, loaded once."""

    def __init__(self, spec: str, role: str) -> None:
        self.refusal: WinsomeError | None = None
        try:
            self.thing = specs.open_spec(specs.parse(spec), role, Place())
        except WinsomeError as error:
            self.refusal = error

    def described(self) -> dict[str, Any]:
        """What the driver must know of the object; raises what opening it raised."""
        if self.refusal is not None:
            raise self.refusal
        names = ("name", "id", "batch", "partial", "weights", "label", "note")
        return {name: getattr(self.thing, name) for name in names if hasattr(self.thing, name)}

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        async for response in self.thing.answer(prompts, sampling):
            yield response

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        return await self.thing.score(prompts, responses)


class Pool:
    """Actors for one spec: one a GPU where the cluster has any, else one a node, spread over the nodes."""

    def __init__(self, spec: str, role: str) -> None:
        self.ray = connect()
        self.spec, self.role = spec, role
        resources = self.ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        nodes = sum(node["Alive"] and node["Resources"].get("CPU", 0) > 0 for node in self.ray.nodes())
        self.size = gpus or max(1, nodes)
        self.options = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        self.free: deque[Any] = deque(self.start() for _ in range(self.size))
        try:
            self.described: dict[str, Any] = self.ray.get(self.free[0].described.remote())
        except self.ray.exceptions.RayError as error:
            raise _cause(error) from None

    def start(self) -> Any:
        """A new actor; it loads when it is first asked."""
        actor = self.ray.remote(Worker).options(scheduling_strategy="SPREAD", **self.options)
        return actor.remote(self.spec, self.role)

    def lost(self, error: BaseException) -> bool:
        """True where an actor or its machine is gone, so that its work must be asked for again."""
        return isinstance(error, (self.ray.exceptions.RayActorError, self.ray.exceptions.NodeDiedError))

    async def close(self) -> None:
        """End the actors; the cluster stays."""
        while self.free:
            self.ray.kill(self.free.pop())


class RemoteContender:
    """A contender whose answers are made by the pool's actors, given out as they end."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.name, self.id = pool.described["name"], pool.described["id"]
        self.batch = pool.described["batch"] * pool.size
        self.weights: tuple[str, ...] = tuple(pool.described.get("weights", ()))

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Raises Transient where an actor was lost: what it had not answered is asked again by the door."""
        share = max(1, min(SHARE, -(-len(prompts) // self.pool.size)))
        shares = deque(prompts[i : i + share] for i in range(0, len(prompts), share))
        out: asyncio.Queue[Response | Exception | None] = asyncio.Queue()

        async def work(actor: Any) -> None:
            try:
                while shares:
                    stream = actor.answer.options(num_returns="streaming").remote(shares.popleft(), sampling)
                    async for reference in stream:
                        out.put_nowait(await reference)
                self.pool.free.append(actor)
            except Exception as error:
                lost = self.pool.lost(error)
                self.pool.free.append(self.pool.start() if lost else actor)
                told = (
                    Transient(f"{self.name}: a worker was lost ({type(error).__name__})")
                    if lost
                    else _cause(error)
                )
                out.put_nowait(told)
            finally:
                out.put_nowait(None)

        actors = [self.pool.free.popleft() for _ in range(min(len(shares), len(self.pool.free)))]
        tasks = [asyncio.create_task(work(actor)) for actor in actors]
        error: Exception | None = None
        ended = 0
        try:
            while ended < len(tasks):
                item = await out.get()
                if item is None:
                    ended += 1
                elif isinstance(item, Exception):
                    error = error or item
                else:
                    yield item
        finally:
            for task in tasks:
                task.cancel()
        if error is not None:
            raise error

    async def close(self) -> None:
        await self.pool.close()


class RemoteScorer:
    """A scorer whose ratings are made by the pool's actors, in equal parts."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        for name, value in pool.described.items():
            setattr(self, name, value)

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """Raises Transient where an actor was lost; a lost actor is replaced."""
        part = -(-len(prompts) // self.pool.size) or 1
        starts = list(range(0, len(prompts), part))
        actors = list(self.pool.free)
        parts: list[Awaitable[Scores]] = [
            actor.score.remote(prompts[start : start + part], responses[start : start + part])
            for actor, start in zip(actors, starts, strict=False)
        ]
        found = await asyncio.gather(*parts, return_exceptions=True)
        rated: list[Scores] = []
        for place, scores in enumerate(found):
            if not isinstance(scores, BaseException):
                rated.append(scores)
                continue
            if not self.pool.lost(scores):
                raise _cause(scores)
            self.pool.free[place] = self.pool.start()
            raise Transient(f"{self.pool.spec}: a worker was lost ({type(scores).__name__})")
        values = tuple(value for scores in rated for value in scores.values)
        reasons = {
            start + i: why
            for start, scores in zip(starts, rated, strict=True)
            for i, why in scores.reasons.items()
        }
        return replace(Scores(values), reasons=reasons)

    async def close(self) -> None:
        await self.pool.close()


def connect() -> Any:
    """Ray, connected: to $RAY_ADDRESS or the cluster of this machine where there is one, else to one started here."""
    try:
        import ray
    except ImportError:
        raise Unsupported("engine ray needs Ray; run: pip install 'winsome[ray]'") from None
    # Its annotations say int of a level that it takes, and has, as a word.
    cluster = cast(Any, ray)
    if not cluster.is_initialized():
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        options = {"logging_level": "warning", "log_to_driver": False}
        try:
            cluster.init(address=os.environ.get("RAY_ADDRESS", "auto"), **options)
        except ConnectionError:
            cluster.init(include_dashboard=False, **options)
    return cluster


def _cause(error: BaseException) -> Exception:
    """The Winsome error inside what Ray raises, or an Unsupported that quotes it in one line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, WinsomeError):
            return type(cause)(str(cause.args[0])) if cause.args else cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return Unsupported(f"a worker failed: {' '.join(str(error).split())[-160:]}")
