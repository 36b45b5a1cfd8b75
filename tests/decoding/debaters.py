"""Agents, an aggregator and vectors without weights: what they say follows from what they read, so that every figure has a closed form."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np

from winsome.errors import Fatal
from winsome.records import Part, Prompt, Response, Sampling, Text, assistant, digest, response_key

LIE = "trust me"
MARKED = re.compile(r"\((\d)\).*\[correct\]")
REFERENCE = re.compile(r"^\d+(?: \[.*?\])?\. (.*)$", re.MULTILINE)


class Debater:
    """`says`: option if nothing is marked. Words tell the name, the draw and how many references were read; liars say LIE."""

    batch = 1

    def __init__(
        self, name: str, label: str, says: int, fails: bool, down: bool, turns: int, until: str
    ) -> None:
        self.name, self.label, self.says, self.fails, self.down = name, label, says, fails, down
        self.turns, self.until = turns, until
        self.id = digest(["debater", label, says, fails, turns])
        self.asked: list[Prompt] = []

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        if self.down:
            raise Fatal("debater: nobody is there; start it")
        for prompt in prompts:
            self.asked.append(prompt)
            system = prompt.system or ""
            for sample in sampling.samples:
                key = response_key(prompt.id, self.id, sampling, sample)
                if self.fails or (self.until and not Path(self.until).exists()):  # noqa: ASYNC240
                    yield Response(prompt.id, self.name, key, sample, finish="failed", error="it fell over")
                    continue
                said = self._words(system, sample)
                turns = [
                    assistant(said if self.turns == 1 else f"{said} turn {n + 1}") for n in range(self.turns)
                ]
                yield Response(prompt.id, self.name, key, sample, tuple(turns))

    def _words(self, system: str, sample: int) -> str:
        marked = MARKED.search(system)
        option = int(marked.group(1)) if marked else self.says
        lies = f", {LIE}" if "how robust groups" in system else ""
        return (
            f"{self.label} draw {sample} after {len(REFERENCE.findall(system))} references: ({option}){lies}"
        )


def agent(
    *, label: str = "a", says: int = 1, fails: bool = False, down: bool = False, turns: int = 1, until: str = "", name: str
) -> Debater:  # fmt: skip
    """until: it fails before there is this file."""
    return Debater(name, label, says, fails, down, turns, until)


class Aggregator:
    """Follows a liar among its references with probability `q`, drawn by what it reads, else says what most references say."""

    batch = 64

    def __init__(self, name: str, q: float) -> None:
        self.name, self.q = name, q
        self.id = digest(["aggregator", q])
        self.asked: list[Prompt] = []

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            self.asked.append(prompt)
            read = REFERENCE.findall(prompt.system or "")
            for sample in sampling.samples:
                lies = [text for text in read if LIE in text]
                followed = lies and random.Random(prompt.id).random() < self.q
                texts = lies if followed else [text for text in read if LIE not in text] or read
                said = [re.findall(r"\((\d)\)", text)[-1] for text in texts]
                option = max(sorted(set(said)), key=said.count) if said else "9"
                key = response_key(prompt.id, self.id, sampling, sample)
                words = f"of {len(read)} references. Answer: ({option})"
                yield Response(prompt.id, self.name, key, sample, (assistant(words),))


def aggregator(*, q: float = 1.0, name: str) -> Aggregator:
    return Aggregator(name, q)


class ByOption:
    """The vector of a text is that of the last option it names; `level`: all texts are equally far apart."""

    def __init__(self, name: str, level: bool) -> None:
        self.name, self.level = name, level
        self.id = digest(["by option", level])
        self.encoded = 0

    async def encode(self, parts: Sequence[Part]) -> np.ndarray:
        found = np.zeros((len(parts), 64), np.float32)
        for row, part in enumerate(parts):
            self.encoded += 1
            assert isinstance(part, Text)
            place = self.encoded if self.level else int(re.findall(r"\((\d)\)", part.text)[-1])
            found[row, place] = 1.0
        return found


def by_option(*, level: bool = False, name: str) -> ByOption:
    return ByOption(name, level)
