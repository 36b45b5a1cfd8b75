"""Contenders and scorers without weights or server, whose work can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from winsome.errors import Fatal
from winsome.records import Prompt, Response, Sampling, Scores, assistant, digest, response_key


class Counting:
    """Answers with the draw and the prompt; `worked` counts answers made. An empty draw fails where `fails` names it."""

    def __init__(self, name: str, batch: int, fatal: bool, fails: tuple[int, ...], pause: float) -> None:
        self.name, self.batch, self.fatal, self.fails, self.pause = name, batch, fatal, fails, pause
        self.id = digest(["counting", name.partition("?")[0], fails])
        self.worked = self.calls = 0

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        self.calls += 1
        if self.fatal:
            await asyncio.sleep(self.pause)
            raise Fatal("counting: no such weights; pull them")
        for prompt in prompts:
            for sample in sampling.samples:
                await asyncio.sleep(self.pause)
                self.worked += 1
                key = response_key(prompt.id, self.id, sampling, sample)
                if sample in self.fails:
                    yield Response(
                        prompt.id, self.name, key, sample, finish="failed", error=f"draw {sample} failed"
                    )
                else:
                    words = (assistant(f"draw {sample} of {prompt.text}"),)
                    yield Response(prompt.id, self.name, key, sample, words)


def contender(
    *, batch: int = 1, fatal: bool = False, fails: tuple[int, ...] = (), pause: float = 0.0, name: str
) -> Counting:
    """A Counting contender; `fails` lists the draws that fail."""
    return Counting(name, batch, fatal, fails, pause)


class Favourite:
    """Rates a draw 1 where `favours` lists it, else 0; NaN with a reason where `blind`."""

    partial = False

    def __init__(self, name: str, favours: tuple[int, ...], blind: bool) -> None:
        self.name, self.favours, self.blind = name, favours, blind
        self.id = digest(["favourite", favours, blind])
        self.weights = ("tiny-weights",)

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        if self.blind:
            return Scores(
                (float("nan"),) * len(prompts), dict.fromkeys(range(len(prompts)), "nothing to rate")
            )
        return Scores(tuple(float(response.sample in self.favours) for response in responses))


def favourite(*, favours: tuple[int, ...] = (), blind: bool = False, name: str) -> Favourite:
    """A scorer that prefers some draws."""
    return Favourite(name, favours, blind)
