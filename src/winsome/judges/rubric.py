"""A model asked for a grade of each answer alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from winsome.judges import protocol as protocols
from winsome.judges import structured_replies, templates
from winsome.judges.asking import Ask, Reply, replies
from winsome.judges.protocol import Protocol
from winsome.judges.templates import Template
from winsome.protocols import Contender
from winsome.records import Match, Sampling, Verdict, digest, total

VERSION = 1


@dataclass(frozen=True)
class Rubric:
    """An LLM judge that grades from 1 to 10. The order of the sides cannot matter: no side sees another."""

    name: str
    id: str
    label: str
    model: Contender
    template: Template
    protocol: Protocol
    sampling: Sampling
    sides: range = range(1, 1001)
    ordered: bool = False

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        """The model, asked about each side of a pair."""
        return ((self.model, 2),)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One graded verdict a match, once all of its sides have a grade; unread where one has none."""
        heard: dict[int, dict[int, Reply]] = {number: {} for number in range(len(matches))}
        asks = [
            self._ask(match, number, side)
            for number, match in enumerate(matches)
            for side in range(len(match.sides))
        ]
        async for reply in replies(self.model, asks, self.sampling, self.protocol.read):
            of: tuple[int, int] = reply.ask.of
            number, side = of
            heard[number][side] = reply
            if len(heard[number]) == len(matches[number].sides):
                done = heard.pop(number)
                yield self._verdict(matches[number], [done[i] for i in range(len(done))])

    def _ask(self, match: Match, number: int, side: int) -> Ask:
        responses = (match.sides[side].response,)
        fence = templates.fence(match.prompt, responses) if self.template.fenced else ""
        return Ask(self.template.render(match.prompt, responses, fence), match.repeat, fence, (number, side))

    def _verdict(self, match: Match, heard: list[Reply]) -> Verdict:
        grades = tuple(reply.reading.value for reply in heard if reply.reading.value is not None)
        unread = next((reply.reading for reply in heard if reply.reading.value is None), None)
        return Verdict(
            match.id,
            self.name,
            self.id,
            "graded" if unread is None else unread.unread,
            grades if unread is None else (),
            reason="" if unread is None else unread.problem,
            evidence=tuple(dict.fromkeys(id for reply in heard for id in reply.evidence)),
            usage=total(reply.usage for reply in heard),
            served_by=heard[-1].served_by,
        )


def rubric(
    *,
    model: Contender,
    protocol: str = "mt_bench_single",
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    structured: bool = False,
    name: str = "rubric",
) -> Rubric:
    """`model` as a judge that grades each side alone from 1 to 10, by MT-Bench's single-answer protocol.

    `prompt=@path` takes the prompt text from a file; `max_tokens` stands in for the protocol's own. structured asks the server for JSON
    by schema, where it has that.
    """
    row, version = protocols.named(protocol, sides=1)
    template = templates.chosen(f"{row.name}@{version}", prompt, sides=1)
    sampling = protocols.sampling(row, temperature, max_tokens, None)
    if structured:
        row, sampling = structured_replies.labelled(row, sampling)
    id = digest(["rubric", VERSION, row.name, template.digest, model.id, sampling.asked()])
    return Rubric(name, id, f"{model.name} {protocols.label(row, template)}", model, template, row, sampling)
