"""The one door through which everything is asked.

It looks in the ledger first, claims what is missing so that two processes never buy the same answer, keeps budget and rate
limits, repeats what may succeed later, and commits every answer before anybody reads it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from winsome.errors import BadInput, WinsomeError
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.claims import LEASE, is_dead, new_owner
from winsome.matchmaking.limits import GLANCE, Limiter
from winsome.matchmaking.purchase import TRIES, Job, Purchase, chunks
from winsome.matchmaking.tally import Tally
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, digest, key_of

__all__ = ["TRIES", "Asked", "Door"]

LOOK_UP = 500
"""Keys that one look into the ledger asks for."""


@dataclass
class Door:
    """The state that all asks of one run share. Delays are in seconds; `patience` is how long a host may put an ask off.

    stopped: why nothing more is asked. halted: whether even a local batch should end, as when interrupted or out of time.
    labelling: people are being asked, whom one Ctrl-C lets go; what they said so far is then still told.
    """

    ledger: Ledger
    budget: Budget = field(default_factory=Budget)
    concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    patience: float = 900.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    stopped: str = ""
    halted: bool = False
    labelling: bool = False
    owner: str = field(default_factory=new_owner)
    limiters: dict[str, Limiter] = field(default_factory=dict[str, Limiter])
    tallies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    under_way: set[str] = field(default_factory=set[str])
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))
    _beating: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "rpm", "tpm"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name}={value} lets no call through; give 1 or more")

    def through(
        self, contender: Contender, name: str, system: str | None, settings: Sampling, *, within: bool = False
    ) -> Asked:
        """`contender` as everybody else sees it: answers come from the ledger where they exist there."""
        return Asked(self, contender, name, system, settings, within)

    def limiter(self, host: str) -> Limiter | None:
        """The limiter that all contenders at `host` share; None where nothing is limited."""
        if not host:
            return None
        if host not in self.limiters:
            self.limiters[host] = Limiter(self.concurrency, self.rpm, self.tpm, over=self.closed)
        return self.limiters[host]

    def tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())

    def stop(self, why: str) -> None:
        """Ask nothing more; calls under way are finished and kept, a local batch ends with its next answer."""
        self.stopped, self.halted = self.stopped or why, True

    def closed(self) -> bool:
        """True once nothing more may be asked, because of `stop` or the budget."""
        if not self.stopped:
            self.stopped = self.budget.exhausted()
            self.halted = self.budget.out_of_time()
        return bool(self.stopped)

    async def claim(self, keys: Sequence[str]) -> set[str]:
        """The keys that are now this run's to ask; claims of dead processes on this machine are freed first."""
        if self._beating is None or self._beating.done():
            self._beating = asyncio.get_running_loop().create_task(self._beat())
        mine = await self.ledger.claim(keys, self.owner, LEASE)
        rest = [key for key in keys if key not in mine]
        if rest:
            dead = {owner for owner in self.ledger.owners(rest).values() if is_dead(owner)}
            for owner in dead:
                await self.ledger.release(None, owner)
            if dead:
                mine |= await self.ledger.claim(rest, self.owner, LEASE)
        return mine

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with suppress(WinsomeError):
                await self.ledger.beat(self.owner, LEASE)

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than the door is open, so that Ctrl-C and a spent budget end every wait."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.closed():  # noqa: ASYNC110 (time and money close it too)
            await asyncio.sleep(min(left, GLANCE))

    async def close(self) -> None:
        """Free this run's claims; the ledger stays open."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
            self._beating = None
            # a claim that cannot be freed (no room, no server) ends with its lease
            with suppress(WinsomeError):
                await self.ledger.release(None, self.owner)

    def delay(self, attempt: int) -> float:
        """Seconds before the next attempt: exponential with full jitter, so that many askers do not return together."""
        return self._jitter.uniform(0.5, 1.0) * min(self.longest_delay, self.first_delay * 2.0**attempt)


@dataclass
class Asked:
    """A contender behind the door; itself a Contender."""

    door: Door
    inner: Contender
    name: str
    system: str | None
    settings: Sampling
    within: bool = False

    def __post_init__(self) -> None:
        self.kept: set[str] = set()
        self.tally = self.door.tally(f"{self.name} (within)" if self.within else self.name)
        self.composed: bool = getattr(self.inner, "composed", False)
        self.free: bool = getattr(self.inner, "free", False)
        self.batch = self.inner.batch
        self.id = digest([self.inner.id, self.system, self.settings.asked()])
        self.host: str = getattr(self.inner, "host", "")

    def resolved(self, sampling: Sampling) -> Sampling:
        """`sampling` under the settings of this contender's own name."""
        return replace(self.settings.over(sampling), samples=sampling.samples)

    def missing(self, prompts: Sequence[Prompt], sampling: Sampling) -> int:
        """How many of these answers the ledger lacks."""
        keys = [job.key for job in self.jobs(prompts, self.resolved(sampling))]
        return len(keys) - len(self.door.ledger.answered(keys))

    def jobs(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Job]:
        """What answering `prompts` asks for, each question once."""
        settings = sampling.asked()
        jobs: dict[str, Job] = {}
        for prompt in prompts:
            asked = (
                prompt if self.system is None else replace(prompt, system=_joined(self.system, prompt.system))
            )
            for sample in sampling.samples:
                key = key_of(asked.id, self.inner.id, settings, sample)
                if key not in jobs:
                    jobs[key] = Job(prompt, asked, sample, key)
        return list(jobs.values())

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt: kept ones first, bought ones as they arrive and are on disk.

        Once the door is closed (budget, interrupt) answers that are not kept are left out.
        """
        sampling = self.resolved(sampling)
        missing: list[Job] = []
        for jobs in chunks(self.jobs(prompts, sampling), LOOK_UP):
            found = self.door.ledger.answers([job.key for job in jobs])
            missing += [job for job in jobs if job.key not in found]
            kept = [(found[job.key], job) for job in jobs if job.key in found]
            # answers that were bought for other prompts, which read the same with the system text: matches will name these
            unnamed = [job.prompt for response, job in kept if job.prompt.id != response.prompt]
            if unnamed:
                await self.door.ledger.put(*unnamed)
            for response, job in kept:
                yield self.from_ledger(response, job)
        if missing:
            async with aclosing(Purchase(self, sampling).answers(missing)) as bought:
                async for response in bought:
                    yield response

    def from_ledger(self, response: Response, job: Job) -> Response:
        """A kept answer, counted as saved; its id is remembered in `kept`."""
        self.tally.keep(response)
        self.kept.add(response.id)
        return self.named(response, job)

    def named(self, response: Response, job: Job) -> Response:
        """`response` under the names by which it was asked for (equal weights may serve several names)."""
        if response.prompt == job.prompt.id and response.contender == self.name and response.key == job.key:
            return response
        return replace(response, prompt=job.prompt.id, contender=self.name, key=job.key)


def _joined(first: str, second: str | None) -> str:
    """A contender's own system text before the prompt's."""
    return first if second is None else f"{first}\n\n{second}"
