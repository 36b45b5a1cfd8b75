"""The one door through which everything is asked.

It looks in the ledger first, claims what is missing so that two processes never buy the same answer, keeps budget and rate
limits, repeats what may succeed later, and commits every answer before anybody reads it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from winsome.errors import RateLimited, Transient
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.claims import LEASE, is_dead, new_owner
from winsome.matchmaking.commits import Commits
from winsome.matchmaking.limits import Limiter
from winsome.matchmaking.tally import Tally
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, digest, key_of

TRIES = 6
"""Attempts at a call that fails for a passing reason (5xx, timeout, cut stream, unreadable body)."""
LOOK_UP = 500


@dataclass
class Door:
    """The state that all asks of one run share. Delays are in seconds."""

    ledger: Ledger
    budget: Budget = field(default_factory=Budget)
    concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    patience: float = 900.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    stopped: str = ""
    owner: str = field(default_factory=new_owner)
    limiters: dict[str, Limiter] = field(default_factory=dict[str, Limiter])
    tallies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    under_way: set[str] = field(default_factory=set[str])
    _jitter: random.Random = field(default_factory=lambda: random.Random(0))
    _beating: asyncio.Task[None] | None = None

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
            self.limiters[host] = Limiter(self.concurrency, self.rpm, self.tpm)
        return self.limiters[host]

    def tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())

    def stop(self, why: str) -> None:
        """Ask nothing more; what is under way is finished and kept."""
        self.stopped = self.stopped or why

    def closed(self) -> bool:
        """True once nothing more may be asked, because of `stop` or the budget."""
        if not self.stopped:
            self.stopped = self.budget.exhausted()
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
            await self.ledger.beat(self.owner, LEASE)

    async def close(self) -> None:
        """Free this run's claims; the ledger stays open."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
            self._beating = None
            await self.ledger.release(None, self.owner)

    def delay(self, attempt: int) -> float:
        """Seconds before the next attempt: exponential with full jitter, so that many askers do not return together."""
        return self._jitter.uniform(0.5, 1.0) * min(self.longest_delay, self.first_delay * 2.0**attempt)


@dataclass(frozen=True, slots=True)
class Job:
    """One missing answer: the prompt as its asker knows it, as it is asked (with the system text), and the draw."""

    prompt: Prompt
    asked: Prompt
    sample: int
    key: str


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
        self.batch = self.inner.batch
        self.id = digest([self.inner.id, self.system, self.settings.asked()])
        self.host: str = getattr(self.inner, "host", "")

    def resolved(self, sampling: Sampling) -> Sampling:
        """`sampling` under the settings of this contender's own name."""
        return replace(self.settings.over(sampling), samples=sampling.samples)

    def missing(self, prompts: Sequence[Prompt], sampling: Sampling) -> int:
        """How many of these answers the ledger lacks."""
        keys = list({job.key for job in self.jobs(prompts, self.resolved(sampling))})
        return len(keys) - sum(len(self.door.ledger.answers(part)) for part in _chunks(keys, LOOK_UP))

    def jobs(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Job]:
        """What answering `prompts` asks for, with the key of each answer."""
        settings = sampling.asked()
        for prompt in prompts:
            asked = prompt if self.system is None else replace(prompt, system=self.system)
            for sample in sampling.samples:
                yield Job(prompt, asked, sample, key_of(asked.id, self.inner.id, settings, sample))

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt: kept ones first, bought ones as they arrive and are on disk.

        Once the door is closed (budget, interrupt) answers that are not kept are left out.
        """
        sampling = self.resolved(sampling)
        missing: list[Job] = []
        for jobs in _chunks(list({job.key: job for job in self.jobs(prompts, sampling)}.values()), LOOK_UP):
            found = self.door.ledger.answers([job.key for job in jobs])
            for job in jobs:
                if (response := found.get(job.key)) is None:
                    missing.append(job)
                else:
                    yield self.from_ledger(response, job)
        if missing:
            async for response in _Purchase(self, sampling).answers(missing):
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


class _Purchase:
    """One call of `answer`, for the jobs whose answers the ledger lacks."""

    def __init__(self, asked: Asked, sampling: Sampling) -> None:
        self.asked, self.door, self.sampling, self.tally = asked, asked.door, sampling, asked.tally
        self.limiter = self.door.limiter(asked.host)
        self.askers = self.limiter.most if self.limiter else 1
        self.ready: asyncio.Queue[Job | None] = asyncio.Queue(max(2 * self.askers, asked.batch))
        self.out: asyncio.Queue[list[Response] | BaseException | None] = asyncio.Queue()
        self.failed: list[str] = []
        self.drawing: dict[range, Sampling] = {}
        self.commits = Commits[tuple[Job, Response]](self.door.ledger, self._kept, self._failed)

    async def answers(self, jobs: list[Job]) -> AsyncIterator[Response]:
        """The answers as they are bought, each once it is on disk."""
        tasks = [asyncio.create_task(self._guard(self._feed(jobs)))]
        tasks += [asyncio.create_task(self._guard(self._ask())) for _ in range(min(self.askers, len(jobs)))]
        ending = asyncio.create_task(self._end(tasks))
        error: BaseException | None = None
        try:
            while (item := await self.out.get()) is not None:
                if isinstance(item, BaseException):
                    error = error or item
                    continue
                for response in item:
                    yield response
            if error is not None:
                raise error
        finally:
            for task in (*tasks, ending):
                task.cancel()
            await asyncio.gather(*tasks, ending, return_exceptions=True)
            await self.commits.flush()
            self.door.under_way.difference_update(job.key for job in jobs)

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(tasks)
        await self.commits.flush()
        if self.failed:
            await self.door.ledger.release(self.failed, self.door.owner)
        self.out.put_nowait(None)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; its error stops the purchase, but what is under way elsewhere is still finished and kept."""
        try:
            await work
        except Exception as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.door.stop(str(error))
        self.out.put_nowait(error)

    def _kept(self, bought: list[tuple[Job, Response]]) -> None:
        """Hand out what is on disk; the question of a failed answer is freed for another run."""
        self.failed += [job.key for job, response in bought if response.finish == "failed"]
        self.door.under_way.difference_update([job.key for job, _ in bought])
        self.out.put_nowait([response for _, response in bought])

    async def _feed(self, jobs: list[Job]) -> None:
        """Claim ahead of the askers; what is under way elsewhere is waited for, then taken from the ledger."""
        held, ahead = list[Job](), max(self.askers, self.asked.batch)
        for block in _chunks(jobs, ahead):
            if self.door.closed():
                break
            held += await self._claim(block)
        pause = 0.05
        while held and not self.door.closed():
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 1.5)
            held = await self._claim(self._take_kept(held))
        for _ in range(self.askers):
            await self.ready.put(None)

    async def _claim(self, jobs: list[Job]) -> list[Job]:
        """Hand the jobs that nobody else is asking to the askers; those under way elsewhere come back."""
        free = [job for job in jobs if job.key not in self.door.under_way]
        mine = await self.door.claim([job.key for job in free]) if free else set[str]()
        ours = {job.key: job for job in free if job.key in mine and job.key not in self.door.under_way}
        self.door.under_way |= ours.keys()
        for job in ours.values():
            await self.ready.put(job)
        return [job for job in jobs if job.key not in ours]

    def _take_kept(self, jobs: list[Job]) -> list[Job]:
        """Hand out the answers that the ledger has by now; the jobs without one come back."""
        found = self.door.ledger.answers([job.key for job in jobs]) if jobs else {}
        for job in jobs:
            if job.key in found:
                self.out.put_nowait([self.asked.from_ledger(found[job.key], job)])
        return [job for job in jobs if job.key not in found]

    async def _ask(self) -> None:
        while (first := await self.ready.get()) is not None:
            block = [first]
            while len(block) < self.asked.batch and not self.ready.empty():
                job = self.ready.get_nowait()
                if job is None:
                    self.ready.put_nowait(None)
                    break
                block.append(job)
            if not self.door.closed():
                await self._ask_block(block)

    async def _ask_block(self, block: list[Job]) -> None:
        """Ask until every job has an answer; after the last attempt a failed Response takes its place."""
        waiting = {(job.asked.id, job.sample): job for job in block}
        attempt, failures, began, error = 0, 0, time.monotonic(), ""
        while waiting and not (attempt and self.door.closed()):
            entered = 0.0
            if self.limiter:
                entered = await self.limiter.enter()
                if self.door.closed():
                    self.limiter.leave()
                    return
            retry_after: float | None = None
            tokens, limited = 0, ""
            try:
                for prompts, samples in _calls(list(waiting.values())):
                    if not self.asked.composed:
                        self.door.budget.spent_calls += len(prompts) * len(samples)
                    async for response in self.asked.inner.answer(
                        prompts, replace(self.sampling, samples=samples)
                    ):
                        job = waiting.pop((response.prompt, response.sample))
                        tokens += response.usage.tokens_in + response.usage.tokens_out
                        self._keep(job, response)
                        if self.asked.batch > 1 and self.door.closed():
                            return
                if waiting:
                    error = f"{self.asked.name} gave no answer"
                    failures = TRIES
            except RateLimited as slow:
                retry_after, error = slow.retry_after, str(slow)
                limited = error
            except Transient as passing:
                failures, error = failures + 1, str(passing)
            finally:
                if self.limiter:
                    if limited:
                        self.limiter.leave_limited(entered, retry_after, limited)
                    else:
                        self.limiter.leave(tokens)
                    limits = getattr(self.asked.inner, "limits", None)
                    if limits is not None:
                        self.limiter.heed(limits.requests_left, limits.tokens_left, limits.reset_seconds)
            if not waiting:
                return
            if failures >= TRIES or time.monotonic() - began > self.door.patience:
                for job in waiting.values():
                    self._keep(job, self._failure(job, error))
                return
            self.tally.repeated += len(waiting)
            attempt += 1
            await asyncio.sleep(max(retry_after or 0.0, self.door.delay(attempt - 1)))

    def _drawing(self, samples: range) -> Sampling:
        """The settings for these draws, one object a range."""
        if samples not in self.drawing:
            self.drawing[samples] = replace(self.sampling, samples=samples)
        return self.drawing[samples]

    def _failure(self, job: Job, error: str) -> Response:
        return Response(job.prompt.id, self.asked.name, job.key, job.sample, finish="failed", error=error)

    def _keep(self, job: Job, response: Response) -> None:
        """Count what was bought and commit it in the background."""
        named = self.asked.named(response, job)
        self.tally.buy(named)
        if not self.asked.composed:
            self.door.budget.spent_usd += named.usage.money or 0.0
        self.commits.keep((job, named), job.prompt, named)


def _calls(jobs: list[Job]) -> list[tuple[list[Prompt], range]]:
    """Calls that ask for exactly `jobs`: prompts that want the same run of draws go together."""
    wanted: dict[str, tuple[Prompt, list[int]]] = {}
    for job in jobs:
        wanted.setdefault(job.asked.id, (job.asked, []))[1].append(job.sample)
    calls: dict[tuple[int, int], list[Prompt]] = {}
    for prompt, samples in wanted.values():
        for run in _runs(sorted(samples)):
            calls.setdefault(run, []).append(prompt)
    return [(prompts, range(*run)) for run, prompts in calls.items()]


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Maximal runs of consecutive numbers as (first, last + 1)."""
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous + 1
            start = number
        previous = number
    yield start, previous + 1


def _chunks(items: Sequence[Any], size: int) -> Iterator[Any]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
