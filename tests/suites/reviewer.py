"""A reviewer of tool agents that reads marks in their answers, so that every figure can be worked out by hand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from winsome.records import Prompt, Response, Sampling, assistant, digest, response_key

SAID = {"s": "[[Solved]]", "u": "[[Unsure]]", "n": "[[Unsolved]]", "g": "I cannot say."}
ANSWER = re.compile(r"<answer of[^>]*>\n(.*?)\n</answer", re.DOTALL)


@dataclass(frozen=True)
class Reviewer:
    """An answer "ssn better 3" is labelled Solved, Solved and Unsolved by draws 0, 1, 2; of two the one with more points is better."""

    name: str
    id: str
    batch: int = 100

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            answers = ANSWER.findall(prompt.text)
            for sample in sampling.samples:
                yield Response(
                    prompt.id, self.name, response_key(prompt.id, self.id, sampling, sample), sample,
                    (assistant(_said(answers, sample)),),
                )  # fmt: skip


def _said(answers: Sequence[str], sample: int) -> str:
    if len(answers) == 1:
        marks = answers[0].split()[0]
        return SAID[marks[sample % len(marks)]]
    first, second = (int(answer.split()[-1]) for answer in answers)
    return "[[C]]" if first == second else "[[A]]" if first > second else "[[B]]"


def reviewer(*, name: str = "reviewer") -> Reviewer:
    return Reviewer(name, digest(["reviewer", 1]))
