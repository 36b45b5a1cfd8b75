"""A model asked which of two answers is better, by a named protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from winsome.errors import Unsupported
from winsome.judges import fences, structured_replies, templates
from winsome.judges import protocol as protocols
from winsome.judges.asking import Ask, Reply, replies
from winsome.judges.protocol import Protocol
from winsome.judges.templates import Template
from winsome.protocols import Contender
from winsome.records import Match, Sampling, Verdict, digest, shares

VERSION = 1
NO_LOGPROBS = 3
"""Replies without log-probabilities, and none with them, after which a protocol that needs them gives up."""


@dataclass(frozen=True)
class Pairwise:
    """An LLM judge of two sides. `id` covers protocol, prompt text, model and sampling; its `label` names model, protocol and prompt text in figures."""

    name: str
    id: str
    label: str
    model: Contender
    template: Template
    protocol: Protocol
    sampling: Sampling
    sides: range = range(2, 3)
    ordered: bool = True

    @property
    def extents(self) -> bool:
        return self.protocol.extents

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match, as the replies come. BadInput where a prompt lacks what the prompt text shows."""
        asks = [self._ask(match) for match in matches]
        without, with_logprobs = 0, False
        async for reply in replies(self.model, asks, self.sampling, self.protocol.read):
            yield self._verdict(reply)
            if reply.reading.problem.startswith("no log-probs"):
                without += 1
            elif reply.reading.value is not None:
                with_logprobs = True
            if without == NO_LOGPROBS and not with_logprobs:
                raise Unsupported(f"{self.model.name}: {reply.reading.problem} or another server")

    def _ask(self, match: Match) -> Ask:
        responses = tuple(side.response for side in match.seated)
        fence = templates.fence(match.prompt, responses) if self.template.fenced else ""
        return Ask(self.template.render(match.prompt, responses, fence), match.repeat, fence, (match,))

    def _verdict(self, reply: Reply) -> Verdict:
        (match,) = reply.ask.of
        reading = reply.reading
        outcome, scores, reason = reading.unread, tuple[float, ...](), reading.problem
        if reading.value is not None:
            first = reading.value if match.sides[0].seat == 0 else 1.0 - reading.value
            outcome, scores = shares(first)
            reason = f"label: {reading.label}"
        return Verdict(
            match.id,
            self.name,
            self.id,
            outcome,
            scores,
            extent=reading.extent,
            reason=reason,
            evidence=reply.evidence,
            usage=reply.usage,
            served_by=reply.served_by,
        )


def pairwise(
    *,
    model: Contender,
    protocol: str = "letter",
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    logprobs: int | None = None,
    fence: Literal["template", "nonce", "none"] = "template",
    structured: bool = False,
    name: str = "pairwise",
) -> Pairwise:
    """`model` as a judge of two sides by `protocol`: letter, alpaca_eval, arena_hard or mt_bench_pair, @version or newest.

    `prompt=@path` takes the prompt text from a file. `max_tokens` and `logprobs` (alternatives a token, 0 asks for none)
    stand in for the protocol's own. `fence`: nonce puts every answer between marks with a code of its own query, which an
    answer cannot know; none takes such marks away, to measure what they are worth; template leaves the text as it is. Shares in (0, 1) come from token probabilities where the protocol reads them.
    structured asks the server for JSON by schema, where it has that; then there are no probabilities.
    """
    row, version = protocols.named(protocol, sides=2)
    template = templates.chosen(f"{row.name}@{version}", prompt, sides=2)
    template = {"template": _same, "nonce": fences.fenced, "none": fences.bare}[fence](template)
    sampling = protocols.sampling(row, temperature, max_tokens, logprobs)
    if structured:
        row, sampling = structured_replies.labelled(row, sampling)
    id = digest(["pairwise", VERSION, row.name, template.digest, model.id, sampling.asked()])
    label = f"{model.name} {protocols.label(row, template)}"
    return Pairwise(name, id, label, model, template, row, sampling)


def _same(template: Template) -> Template:
    return template
