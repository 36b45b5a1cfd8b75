"""One call of `answer`, for what the ledger lacks: claimed, asked, committed, and only then handed out.

A feeder claims a little ahead of the askers; askers ask within the host's limits; what they get is committed in the background. An
error closes the door: nothing more is asked, but what is under way elsewhere is still finished and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from winsome.errors import Fatal, RateLimited, Transient, WinsomeError
from winsome.matchmaking.commits import Commits
from winsome.records import Prompt, Response, Sampling

if TYPE_CHECKING:
    from winsome.matchmaking.door import Asked

TRIES = 6
"""Attempts at a call that fails for a passing reason (5xx, timeout, cut stream, unreadable body)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One missing answer: the prompt as its asker knows it, as it is asked (with the system text), and the draw."""

    prompt: Prompt
    asked: Prompt
    sample: int
    key: str


Waiting = dict[tuple[str, int], Job]
"""Jobs by the id of the prompt as it is asked, and the draw."""


class Purchase:
    """The answers of `asked` under `sampling`, bought once."""

    def __init__(self, asked: Asked, sampling: Sampling) -> None:
        self.asked, self.door, self.sampling, self.tally = asked, asked.door, sampling, asked.tally
        self.limiter = self.door.limiter(asked.host)
        self.askers = self.limiter.most if self.limiter else 1
        self.ready: asyncio.Queue[Job | None] = asyncio.Queue(max(2 * self.askers, asked.batch))
        self.out: asyncio.Queue[list[Response] | BaseException | None] = asyncio.Queue()
        self.claimed: set[str] = set()
        self.claiming: set[str] = set()
        self.drawing: dict[range, Sampling] = {}
        self.commits = Commits[tuple[Job, Response]](self.door.ledger, self._kept, self._failed)

    async def answers(self, jobs: list[Job]) -> AsyncGenerator[Response]:
        """The answers as they are bought, each once it is on disk; the first error is raised after the last of them."""
        self.askers = min(self.askers, len(jobs))
        tasks = [asyncio.create_task(self._feed(jobs))]
        tasks += [asyncio.create_task(self._ask()) for _ in range(self.askers)]
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
            await self._let_go()

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(tasks)
        await self.commits.flush()
        self.out.put_nowait(None)

    async def _let_go(self) -> None:
        """Free the questions that got no answer (failed, or never asked) for whoever asks next."""
        # a claim that was cut off may have been taken all the same, but not what another asker of this run has since
        free = self.claimed | (self.claiming - self.door.under_way)
        if free:
            with suppress(WinsomeError):
                await self.door.ledger.release(free, self.door.owner)
            self.door.under_way -= self.claimed

    def _failed(self, error: BaseException) -> None:
        self.door.stop(str(error))
        self.out.put_nowait(error)

    def _kept(self, bought: list[tuple[Job, Response]]) -> None:
        """Hand out what is on disk; the question of a failed answer stays claimed until the end, so that it fails once."""
        answered = [job.key for job, response in bought if response.finish != "failed"]
        self.claimed.difference_update(answered)
        self.door.under_way.difference_update(answered)
        self.out.put_nowait([response for _, response in bought])

    async def _feed(self, jobs: list[Job]) -> None:
        try:
            await self._offer(jobs)
        except Exception as error:
            self._failed(error)
        for _ in range(self.askers):
            await self.ready.put(None)

    async def _offer(self, jobs: list[Job]) -> None:
        """Claim ahead of the askers; what is under way elsewhere is waited for, then taken from the ledger."""
        held = list[Job]()
        for block in chunks(jobs, max(self.askers, self.asked.batch)):
            if self.door.closed():
                return
            held += await self._claim(block)
        pause = 0.05
        while held and not self.door.closed():
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 1.5)
            held = await self._claim(self._take_kept(held))

    async def _claim(self, jobs: list[Job]) -> list[Job]:
        """Hand the jobs that nobody else is asking to the askers; those under way elsewhere come back."""
        free = [job for job in jobs if job.key not in self.door.under_way]
        self.claiming = {job.key for job in free}
        keys = [job.key for job in free]
        mine = set(keys) if self.asked.free or not keys else await self.door.claim(keys)
        self.claiming = set()
        ours = {job.key: job for job in free if job.key in mine and job.key not in self.door.under_way}
        self.claimed |= ours.keys()
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
        """Ask block after block; with the door closed only take from the queue, so that the feeder never waits for room."""
        while (first := await self.ready.get()) is not None:
            block = [first]
            while len(block) < self.asked.batch and not self.ready.empty():
                job = self.ready.get_nowait()
                if job is None:
                    self.ready.put_nowait(None)
                    break
                block.append(job)
            try:
                await self._ask_block({(job.asked.id, job.sample): job for job in block})
            except Exception as error:
                self._failed(error)

    async def _ask_block(self, waiting: Waiting) -> None:
        """Ask until every job has an answer or the door is closed; after the last attempt failed answers take their place."""
        attempt, tries, put_off = 0, 0, 0.0
        while not self.door.closed():
            error = await self._attempt(waiting)
            if not waiting or (error is None and self.door.closed()):
                return
            wait = self.door.delay(attempt)
            if isinstance(error, RateLimited):
                wait = max(wait, error.retry_after or 0.0)
                if wait > self.door.patience:
                    raise Fatal(
                        f"{str(error)[:120]}; it says to wait {wait:.0f} s: run the same command then"
                    )
            else:
                tries += 1
            put_off += wait
            if error is None or tries >= TRIES or put_off > self.door.patience:
                why = str(error or f"{self.asked.name} gave no answer")
                for job in waiting.values():
                    self._keep(job, _failure(job, self.asked.name, why))
                return
            self.tally.repeated += len(waiting)
            await self.door.pause(wait)
            attempt += 1

    async def _attempt(self, waiting: Waiting) -> RateLimited | Transient | None:
        """One call for `waiting`, as far as the budget goes; what is answered leaves it. The passing error, if one came."""
        limiter, composed, budget = self.limiter, self.asked.composed, self.door.budget
        counted = not (composed or self.asked.free)
        entered = await limiter.enter() if limiter else 0.0
        tokens, begun, error = 0, 0, None
        try:
            jobs = [] if self.door.closed() else list(waiting.values())
            if counted:
                begun = budget.begin(len(jobs))
                jobs = jobs[:begun]
            for prompts, samples in _calls(jobs):
                async for response in self.asked.inner.answer(prompts, self._drawing(samples)):
                    tokens += response.usage.tokens_in + response.usage.tokens_out
                    self._keep(waiting.pop((response.prompt, response.sample)), response)
                    # a local batch ends here; what a decoder has under way at a server is finished
                    if self.asked.batch > 1 and not composed and (self.door.closed() and self.door.halted):
                        return None
        except (RateLimited, Transient) as passing:
            error = passing
        finally:
            budget.end(begun)
            if limiter:
                if isinstance(error, RateLimited):
                    limiter.leave_limited(entered, error.retry_after, str(error))
                else:
                    limiter.leave(tokens)
                limits = getattr(self.asked.inner, "limits", None)
                if limits is not None:
                    limiter.heed(limits.requests_left, limits.tokens_left, limits.reset_seconds)
        return error

    def _drawing(self, samples: range) -> Sampling:
        """The settings for these draws, one object a range."""
        if samples not in self.drawing:
            self.drawing[samples] = replace(self.sampling, samples=samples)
        return self.drawing[samples]

    def _keep(self, job: Job, response: Response) -> None:
        """Count what was bought and commit it in the background."""
        named = self.asked.named(response, job)
        self.tally.buy(named)
        if not (self.asked.composed or self.asked.free):
            self.door.budget.pay(named.usage.money)
        self.commits.keep((job, named), job.prompt, named)


def _failure(job: Job, name: str, error: str) -> Response:
    return Response(job.prompt.id, name, job.key, job.sample, finish="failed", error=error)


def _calls(jobs: Sequence[Job]) -> list[tuple[list[Prompt], range]]:
    """Calls that ask for exactly `jobs`: prompts that want the same run of draws go together."""
    if len(jobs) == 1:
        return [([jobs[0].asked], range(jobs[0].sample, jobs[0].sample + 1))]
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


def chunks(items: Sequence[Any], size: int) -> Iterator[Any]:
    """Slices of `items`, each of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
