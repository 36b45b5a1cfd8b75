"""The aggregator's word on the last layer's references, by way of a defence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from winsome.contenders.deception_map import Step
from winsome.decoding.defences import CLUSTERING, ON_SUBSETS, Defence, Kept, chosen, subsets, vote
from winsome.decoding.mixture_prompts import Texts
from winsome.decoding.mixture_rows import Row, drawn, words
from winsome.protocols import Contender, Encoder
from winsome.records import Response, Sampling, Text
from winsome.standings.columns import Floats
from winsome.text.options import decided


@dataclass(frozen=True)
class Aggregation:
    """The aggregator, its texts, and what stands before it."""

    aggregator: Contender
    texts: Texts
    defence: Defence
    embedder: Encoder | None

    def calls(self, references: int) -> int:
        """Calls of the aggregator for one answer over so many references."""
        if self.defence not in ON_SUBSETS:
            return 1
        return 2**references - 1 + (self.defence == "dropout_cluster")

    async def combine(self, rows: Sequence[Row], asked: Sampling, sample: int) -> None:
        """Give each row its final answer, its last steps and the defence's notes."""
        texts = [row.references for row in rows]
        if self.defence in ON_SUBSETS:
            texts = await self._on_subsets(rows, asked, sample)
            if self.defence == "dropout_vote":
                return
        keeps = [Kept(tuple(range(len(held)))) for held in texts]
        if self.defence in CLUSTERING:
            vectors = await vectors_of(self.embedder, [text for held in texts for text in held])
            ends = np.cumsum([len(held) for held in texts]).tolist()
            keeps = [chosen(self.defence, vectors[end - len(held) : end]) if held else keep
                     for held, end, keep in zip(texts, ends, keeps, strict=True)]  # fmt: skip
        left = [n for n, row in enumerate(rows) if row.open]
        given = await self._asked(
            [(rows[n], [texts[n][place] for place in keeps[n].places], keeps[n].labels) for n in left], asked, sample
        )  # fmt: skip
        for n, final in zip(left, given, strict=True):
            row, keep = rows[n], keeps[n]
            row.notes += keep.notes
            if final is None:
                row.absent = True
                continue
            if self.defence in ON_SUBSETS:
                row.notes.append(f"kept {len(keep.places)} of {len(texts[n])} outputs")
                read: tuple[int, ...] = ()
            else:
                read = tuple(row.layer[place][0] + 1 for place in keep.places)
                _mark(row, read)
            row.keep(Step(0, 0, 0, read), final)
            row.final = final

    async def _on_subsets(self, rows: Sequence[Row], asked: Sampling, sample: int) -> list[list[str]]:
        """The aggregator's outputs over every subset of each row's references; voted on at once where that is the defence."""
        asks = [(row, [row.references[p] for p in places], None) for row in rows for places in subsets(len(row.layer))]  # fmt: skip
        given = iter(await self._asked(asks, asked, sample))
        outputs: list[list[str]] = []
        for row in rows:
            answers: list[Response] = []
            for places in subsets(len(row.layer)):
                answer = next(given)
                if answer is None:
                    row.absent = True
                    continue
                row.keep(Step(0, 0, 0, tuple(row.layer[p][0] + 1 for p in places)), answer)
                if answer.finish != "failed":
                    answers.append(answer)
            if not answers and not row.absent:
                row.problem = "the aggregator gave no answer to any subset"
            elif self.defence == "dropout_vote" and row.open:
                _voted(row, answers)
            outputs.append([words(answer) for answer in answers])
        return outputs

    async def _asked(
        self,
        asks: Sequence[tuple[Row, Sequence[str], tuple[int, ...] | None]],
        asked: Sampling,
        sample: int,
    ) -> list[Response | None]:
        prompts = [
            self.texts.aggregator(row.prompt, references, choice=row.question is not None, labels=labels)
            for row, references, labels in asks
        ]
        given = await drawn(self.aggregator, prompts, replace(asked, samples=range(sample, sample + 1)))
        return [found[0] if found else None for found in given]


def _mark(row: Row, seats: Sequence[int]) -> None:
    """Say of the last layer's steps which the aggregator read."""
    last = max((step.layer for step in row.steps), default=0)
    row.steps = [
        replace(step, used=step.layer == last and step.seat in seats and not step.failed) if step.layer else step
        for step in row.steps
    ]  # fmt: skip


def _voted(row: Row, answers: Sequence[Response]) -> None:
    """The first answer, from the largest subset on, that decides as most do."""
    options = len(row.question.options) if row.question else 0
    said = [decided(answer.text, options) for answer in answers]
    option, drawn_by_lot = vote(said, row.prompt.id)
    row.final = answers[said.index(option)]
    votes = sum(s == option for s in said)
    row.notes.append(f"votes {votes} of {len(said)}{', by lot' if drawn_by_lot else ''}")


async def vectors_of(embedder: Encoder | None, texts: Sequence[str]) -> Floats:
    """Unit vectors [n, d], equal texts encoded once."""
    assert embedder is not None
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return np.zeros((0, 1))
    vectors = np.asarray(await embedder.encode([Text(text) for text in distinct]), np.float64)
    place = {text: n for n, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]
