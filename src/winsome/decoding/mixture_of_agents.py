"""Mixture of agents: layers of proposers who see the answers of the layer before, and an aggregator that combines the last.

moa?layers=3-3-1&agents=[a,b,c]&aggregator=d&defence=cluster_filter&map=000_001
Source: Wang et al. 2024, "Mixture-of-Agents Enhances Large Language Model Capabilities"; deceptive agents and defences: Wolf et al. 2025.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from winsome.contenders.deception_map import Map, Step, check, layers_of, map_of, written
from winsome.decoding.defences import CLUSTERING
from winsome.decoding.mixture_aggregation import Aggregation, vectors_of
from winsome.decoding.mixture_prompts import Texts
from winsome.decoding.mixture_rows import Row, drawn
from winsome.errors import BadInput
from winsome.protocols import Contender, Encoder, Run
from winsome.records import Prompt, Response, Sampling, digest
from winsome.text.options import Question, pieces

VERSION = 1
AT_ONCE = 64
"""Prompts in one call where the agents take them singly: their own limits say how many answers are under way."""
DRAWING = Sampling(temperature=0.7, max_tokens=2048)
"""As published, where neither a name nor the caller says."""
EMBEDDER = "embedded:minilm"


def moa(
    *,
    agents: tuple[Contender, ...],
    aggregator: Contender,
    layers: str = "3-3-1",
    map: str = "",
    defence: Literal[
        "none", "dropout_vote", "dropout_cluster", "dropout_cluster_released", "cluster_filter", "cluster_prompt", "medoid", "weighted_median"
    ] = "none",
    embedder: Encoder | None = None,
    informed: bool = True,
    passage: Literal["partial", "full"] = "partial",
    ignore_refs: bool = False,
    adaptive: int = 1,
    missing: Literal["drop", "incomplete"] = "drop",
    texts: str | None = None,
    name: str,
    run: Run,
) -> MixtureOfAgents:  # fmt: skip
    """A mixture: `agents` are one model for all seats, one for each seat of a layer (again in every layer), or one a seat.

    map: who deceives. informed: on questions with options agents are told which to argue for; false: truthful ones are told nothing.
    passage: the part of a question's passage an agent reads. ignore_refs: deceivers see no references. adaptive: of so many
    draws a deceiver sends the one nearest to what the others of its layer say. missing: an agent without an answer is left out of
    the references, or makes the answer incomplete, which is then asked again. texts: a folder (@DIR) of own prompt texts.
    Raises BadInput for shapes that do not fit and for a clustering defence on fewer than three references.
    """
    seats = _seats(agents, layers_of(layers), layers)
    proposers = layers_of(layers)
    if defence in CLUSTERING and proposers[-1] < 3:
        raise BadInput(
            f"moa: defence={defence} needs 3 references, layers={layers} gives {proposers[-1]}; widen the last layer"
        )
    if adaptive < 1:
        raise BadInput(f"moa: adaptive={adaptive} draws nothing; give adaptive=1 or more")
    deceit = map_of(map, proposers)
    lies = any(any(row) for row in deceit)
    if embedder is None and (defence in CLUSTERING or (adaptive > 1 and lies)):
        embedder = run.open(EMBEDDER, Encoder)
    setup = Setup(deceit, informed, passage, ignore_refs and lies, adaptive if lies else 1, missing, run.seed)
    return MixtureOfAgents(name, seats, Aggregation(aggregator, Texts.of(texts), defence, embedder), setup)


def _seats(agents: Sequence[Contender], layers: tuple[int, ...], text: str) -> tuple[tuple[Contender, ...], ...]:  # fmt: skip
    every = list(agents)
    if len(every) == 1:
        every = every * sum(layers)
    elif set(layers) == {len(every)}:
        every = every * len(layers)
    if len(every) != sum(layers):
        raise BadInput(
            f"moa: {len(agents)} agents for layers={text}; give 1, as many as every layer has seats, or {sum(layers)}"
        )
    left = iter(every)
    return tuple(tuple(next(left) for _ in range(seats)) for seats in layers)


@dataclass(frozen=True)
class Setup:
    """What a mixture's proposers are told, beside the texts."""

    map: Map
    informed: bool
    passage: Literal["partial", "full"]
    ignore_refs: bool
    adaptive: int
    missing: Literal["drop", "incomplete"]
    seed: int


class MixtureOfAgents:
    """Every intermediate answer is a Response of its agent, kept, and a parent of the mixture's; provenance says whose it was.

    So any map and defence over the same agents asks only what is new: answers that a map leaves alone are found in the ledger.
    On questions with options an answer also depends on label and passage, which stand beside the prompt and not in its id.
    """

    composed = True

    def __init__(
        self, name: str, seats: tuple[tuple[Contender, ...], ...], aggregation: Aggregation, setup: Setup
    ) -> None:
        self.name, self.seats, self.aggregation, self.setup = name, seats, aggregation, setup
        self.aggregator, self.texts = aggregation.aggregator, aggregation.texts
        self.layers = tuple(len(row) for row in seats)
        self.batch = max(AT_ONCE, self.aggregator.batch, *(agent.batch for row in seats for agent in row))
        embedder = aggregation.embedder.id if aggregation.embedder else None
        self.id = digest(
            ["moa", VERSION, [[agent.id for agent in row] for row in seats], self.aggregator.id, written(setup.map),
             aggregation.defence, embedder, setup.informed, setup.passage, setup.ignore_refs, setup.adaptive, setup.missing,
             dict(self.texts.texts), setup.seed]
        )  # fmt: skip

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        """Each agent with the calls that one answer takes, layer by layer, the aggregator last."""
        proposers = [
            (agent, self.setup.adaptive if self.setup.map[layer][seat] else 1)
            for layer, row in enumerate(self.seats)
            for seat, agent in enumerate(row)
        ]
        return (*proposers, (self.aggregator, self.aggregation.calls(self.layers[-1])))

    def drawing(self, sampling: Sampling) -> Sampling:
        """How agents and aggregator draw, where their own names do not say."""
        return sampling.over(DRAWING)

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """One answer a prompt and draw, failed where a layer or the aggregator gave none; BadInput where map and task do not fit."""
        asked = self.drawing(sampling)
        for sample in sampling.samples:
            rows = [self._row(prompt) for prompt in prompts]
            for layer in range(len(self.layers)):
                await self._propose([row for row in rows if row.open], layer, asked, sample)
            await self.aggregation.combine([row for row in rows if row.open], asked, sample)
            for row in rows:
                if not row.absent:
                    yield row.response(self.name, self.id, sampling, sample)

    def _row(self, prompt: Prompt) -> Row:
        question, setup = Question.of(prompt), self.setup
        check(setup.map, choice=question is not None)
        if question is None and self.aggregation.defence == "dropout_vote":
            raise BadInput(
                "moa: defence=dropout_vote counts options, and a prompt has none; take dropout_cluster or cluster_filter"
            )
        agents, passage = sum(self.layers), question.passage if question else ""
        read = pieces(passage, agents) if passage and setup.passage == "partial" else [passage] * agents
        return Row(prompt, question, question.promoted(prompt, setup.seed) if question else None, read)

    async def _propose(self, rows: Sequence[Row], layer: int, asked: Sampling, sample: int) -> None:
        """The answers of one layer to all rows: all seats at the same time, adaptive deceivers after the others."""
        statuses = self.setup.map[layer]
        late = [seat for seat, status in enumerate(statuses) if status and self.setup.adaptive > 1]
        early = [seat for seat in range(len(statuses)) if seat not in late]
        given = await asyncio.gather(
            *(self._ask(rows, layer, seat, asked, sample, 1) for seat in early), return_exceptions=True
        )
        found: dict[int, list[list[Response]]] = {}
        for seat, answers in zip(early, given, strict=True):
            # what the other seats bought is kept before an agent's error ends the run
            if isinstance(answers, BaseException):
                raise answers
            found[seat] = answers
        for seat in late:
            drafts = await self._ask(rows, layer, seat, asked, sample, self.setup.adaptive)
            found[seat] = await self._nearest(rows, drafts, [found[other] for other in early])
        for k, row in enumerate(rows):
            self._take(row, layer, [found[seat][k] for seat in range(len(statuses))])

    def _take(self, row: Row, layer: int, given: Sequence[list[Response]]) -> None:
        """Put the answers of a layer into a row: failed ones are no references, and may end it."""
        row.layer = []
        row.absent = not all(given)
        for seat, answers in enumerate(given):
            if not answers:
                continue
            answer, failed = answers[0], answers[0].finish == "failed"
            row.keep(Step(layer + 1, seat + 1, self.setup.map[layer][seat], failed=failed), answer)
            if not failed:
                row.layer.append((seat, answer))
            elif self.setup.missing == "incomplete":
                row.problem = f"incomplete, seat {seat + 1} of layer {layer + 1} gave no answer ({str(answer.error)[:80]})"  # fmt: skip
        if not row.layer and row.open:
            row.problem = f"no agent of layer {layer + 1} gave an answer ({str(given[0][0].error)[:80]})"

    async def _ask(
        self, rows: Sequence[Row], layer: int, seat: int, asked: Sampling, sample: int, draws: int
    ) -> list[list[Response]]:
        """The draws of one seat for every row; seats of the same model in a layer take different draws."""
        agent, status = self.seats[layer][seat], self.setup.map[layer][seat]
        alike = [other for other, model in enumerate(self.seats[layer]) if model.id == agent.id]
        start = (sample * len(alike) + alike.index(seat)) * draws
        place = sum(self.layers[:layer]) + seat
        prompts = [
            self.texts.agent(
                row.prompt,
                status=status,
                references=[] if status and self.setup.ignore_refs else row.references,
                question=row.question,
                promoted=row.promoted,
                informed=self.setup.informed,
                passage=row.passages[place],
                part=f", piece {place + 1} of {len(row.passages)}" if self.setup.passage == "partial" else "",
            )
            for row in rows
        ]
        return await drawn(agent, prompts, replace(asked, samples=range(start, start + draws)))

    async def _nearest(
        self, rows: Sequence[Row], drafts: Sequence[list[Response]], others: Sequence[list[list[Response]]]
    ) -> list[list[Response]]:
        """Of each row's drafts the one nearest to the mean vector of what the other seats say."""
        found: list[list[Response]] = []
        for k, own in enumerate(drafts):
            said = [given[k][0].text for given in others if given[k] and given[k][0].finish != "failed"]
            usable = [draft for draft in own if draft.finish != "failed"] or own
            best = 0
            if said and len(usable) > 1:
                vectors = await vectors_of(
                    self.aggregation.embedder, [*said, *(draft.text for draft in usable)]
                )
                best = int((vectors[len(said) :] @ vectors[: len(said)].mean(0)).argmax())
            found.append(usable[best : best + 1])
            rows[k].unused += [draft for draft in own if draft is not usable[best]] if usable else []
        return found
