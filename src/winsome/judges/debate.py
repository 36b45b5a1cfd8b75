"""Agents with personas who speak in turn about a pair, hear each other, and score both answers at the end.

After ChatEval (Chan et al. 2023). Every speech is a Response of its own: an agent's earlier speeches are its own turns of a chat, the
others' are told to it between them. The mean of the last scores decides; equal means tie. Models too small to end in scores may end
in a letter instead, whose mean probability is the share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from statistics import fmean
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.judges import score_slot, structured_replies, templates, verdict_slot
from winsome.judges.asking import Ask, Reply, replies
from winsome.judges.protocol import Protocol
from winsome.judges.templates import Template
from winsome.judges.verdict_slot import Reading
from winsome.protocols import Contender
from winsome.records import (
    Match,
    Message,
    Prompt,
    Response,
    Sampling,
    Text,
    Tokens,
    Usage,
    Verdict,
    digest,
    shares,
    total,
)

VERSION = 1
PROMPT = "debate@1"
ALTERNATIVES = 20
"""Likeliest tokens asked for where a debate ends in a letter."""


@dataclass(frozen=True)
class Agent:
    """Who speaks: a persona and its model."""

    persona: str
    template: Template
    model: Contender


@dataclass
class _Talk:
    """One match under debate: what was said so far (agent, round, words), all replies, and why it ended early."""

    match: Match
    speeches: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    responses: list[Response] = field(default_factory=list[Response])
    scores: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    problem: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Debate:
    """`rounds` of speeches by all agents in order, then a score of both answers by each, asked for and read as `last` says.

    `soft`: the last replies are shares of the first seat, and their mean is the verdict.
    """

    name: str
    id: str
    label: str
    agents: tuple[Agent, ...]
    rounds: int
    sampling: Sampling
    last: tuple[Protocol, Sampling]
    controls: dict[str, str]
    soft: bool = False
    sides: range = range(2, 3)
    ordered: bool = True

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        return tuple((agent.model, self.rounds + 1) for agent in self.agents)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; void where a speech failed (an overflowing context says its length), unparsed without scores."""
        talks = [_Talk(match) for match in matches]
        for _ in range(self.rounds):
            for number in range(len(self.agents)):
                await self._speak(talks, number)
        for number in range(len(self.agents)):
            await self._score(talks, number)
        for talk in talks:
            if not talk.absent:
                yield self._verdict(talk)

    async def _speak(self, talks: Sequence[_Talk], number: int) -> None:
        open_talks = [talk for talk in talks if not talk.problem and not talk.absent]
        asks = [self._ask(talk, number, "speak") for talk in open_talks]
        heard = {
            id(reply.ask.of[0]): reply
            async for reply in replies(self.agents[number].model, asks, self.sampling, _speech)
        }
        for talk in open_talks:
            reply = heard.get(id(talk))
            if self._took(talk, reply) and reply is not None and not talk.problem:
                talk.speeches.append((number, reply.responses[-1].text.strip()))

    async def _score(self, talks: Sequence[_Talk], number: int) -> None:
        open_talks = [talk for talk in talks if not talk.problem and not talk.absent]
        asks = [self._ask(talk, number, "score") for talk in open_talks]
        row, sampling = self.last
        heard = {
            id(reply.ask.of[0]): reply
            async for reply in replies(self.agents[number].model, asks, sampling, row.read)
        }
        for talk in open_talks:
            reply = heard.get(id(talk))
            if self._took(talk, reply) and reply is not None and reply.reading.value is not None:
                share = reply.reading.value
                first, _, second = reply.reading.label.partition(" to ")
                talk.scores.append((share, 1.0 - share) if self.soft else (float(first), float(second)))

    def _took(self, talk: _Talk, reply: Reply | None) -> bool:
        """Keep what a reply bought; False where there was none, or nothing could be read."""
        if reply is None:
            talk.absent = True
            return False
        talk.responses += reply.responses
        if reply.reading.problem.startswith("failed"):
            talk.problem = f"{reply.reading.problem} (debate, after {len(talk.speeches)} speeches)"
        return not reply.reading.problem

    def _ask(self, talk: _Talk, number: int, what: str) -> Ask:
        responses = tuple(side.response for side in talk.match.seated)
        fence = templates.fence(talk.match.prompt, responses)
        base = self.agents[number].template.render(talk.match.prompt, responses, fence)
        return Ask(self._heard_by(base, talk, number, what), talk.match.repeat, fence, (talk,))

    def _heard_by(self, base: Prompt, talk: _Talk, number: int, what: str) -> Prompt:
        """The talk as agent `number` has it: its speeches are its turns, what others said stands in the user's."""
        turns: list[tuple[str, list[str]]] = [("user", [base.messages[-1].text])]
        for speaker, words in talk.speeches:
            if speaker == number:
                if turns[-1][0] == "user":
                    turns[-1][1].append(self.controls["speak"])
                turns.append(("assistant", [words]))
            else:
                if turns[-1][0] == "assistant":
                    turns.append(("user", []))
                turns[-1][1].append(f"{self.agents[speaker].persona} said:\n{words}")
        if turns[-1][0] == "assistant":
            turns.append(("user", []))
        turns[-1][1].append(self.controls[what])
        messages = tuple(Message(role, (Text("\n\n".join(parts)),)) for role, parts in turns)
        return replace(base, messages=(*base.messages[:-1], *messages))

    def _verdict(self, talk: _Talk) -> Verdict:
        told: dict[str, Any] = {
            "evidence": tuple(dict.fromkeys(response.id for response in talk.responses)),
            "usage": total(response.usage for response in talk.responses) if talk.responses else Usage(),
            "served_by": ", ".join(sorted({r.served_by for r in talk.responses if r.served_by})),
        }
        if talk.problem:
            return Verdict(talk.match.id, self.name, self.id, "void", reason=talk.problem, **told)
        if 2 * len(talk.scores) < len(self.agents):
            what = "a letter" if self.soft else "scores"
            reason = (
                f"no verdict: {len(talk.scores)} of {len(self.agents)} agents gave {what} that can be read"
            )
            return Verdict(talk.match.id, self.name, self.id, "unparsed", reason=reason, **told)
        first, second = (fmean(scores[seat] for scores in talk.scores) for seat in (0, 1))
        share = first if self.soft else 0.5 + 0.5 * ((first > second) - (first < second))
        outcome, split = shares(share if talk.match.sides[0].seat == 0 else 1.0 - share)
        what = "shares" if self.soft else "scores"
        reason = f"mean {what} {first:.3g} to {second:.3g} of {len(talk.scores)} agents"
        return Verdict(talk.match.id, self.name, self.id, outcome, split, reason=reason, **told)


def _speech(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """Any words are a speech, also such as were cut off."""
    return Reading(0.0, "speech") if text.strip() else Reading(problem="no verdict: empty speech", again=True)


def _shipped_text(name: str) -> str:
    file = resources.files("winsome.judges") / "prompts" / f"{name}.txt"
    if not file.is_file():
        folder = resources.files("winsome.judges") / "prompts"
        known = sorted(f.name[8:-6] for f in folder.iterdir() if f.name.startswith("persona_"))
        raise BadInput(
            f"debate: no persona {name.removeprefix('persona_').partition('@')[0]} (known: {', '.join(known)}); choose some"
        )
    return file.read_text("utf-8").strip()


def debate(
    *,
    members: tuple[Contender, ...],
    personas: tuple[str, ...] = ("public", "critic", "scientist"),
    rounds: int = 2,
    scale: int = 10,
    temperature: float | None = 0.0,
    max_tokens: int = 512,
    structured: bool = False,
    ending: Literal["scores", "letter"] = "scores",
    name: str = "debate",
) -> Debate:
    """Personas who discuss a pair over `rounds` and score it: one model for all, or a model each in `members`.

    structured asks the server for the scores as JSON by schema, where it has that. ending=letter: the agents end in A or B, read by the
    probabilities of the first token, which needs a server that tells them. BadInput for an unknown persona, for no round, and where members are neither one nor as many as personas.
    """
    if len(members) not in (1, len(personas)):
        raise BadInput(
            f"debate: {len(members)} members for {len(personas)} personas; give one model for all, or one each"
        )
    if rounds < 1 or not personas or len(set(personas)) < len(personas):
        raise BadInput(
            f"debate: rounds={rounds} and {len(personas)} personas; give 1 round or more and unlike personas"
        )
    models = members if len(members) > 1 else members * len(personas)
    text = _shipped_text(PROMPT)
    agents: list[Agent] = []
    for persona, model in zip(personas, models, strict=True):
        own = text.replace("<persona>", _shipped_text(f"persona_{persona}@1"))
        agents.append(Agent(persona, templates.compiled(f"{PROMPT} {persona}", own, 2), model))
    controls = {
        what: _shipped_text(f"debate_{file}@1").replace("<scale>", str(scale))
        for what, file in (("speak", "speak"), ("score", "letter" if ending == "letter" else "score"))
    }
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    last = Protocol("debate_score", 1, 2, score_slot.combined(scale), max_tokens), sampling
    if ending == "letter":
        if structured:
            raise BadInput("debate: structured=true and ending=letter; a schema holds scores, leave one out")
        last = (
            Protocol("debate_letter", 1, 2, verdict_slot.first_letter, 1),
            replace(sampling, max_tokens=1, logprobs=ALTERNATIVES),
        )
    elif structured:
        last = structured_replies.two_scores(*last, scale)
    content = [[agent.template.digest, agent.model.id] for agent in agents]
    id = digest(["debate", VERSION, content, rounds, scale, controls, last[1].asked()])
    label = f"debate of {', '.join(personas)} over {rounds} rounds by {', '.join(dict.fromkeys(m.name for m in members))}"
    return Debate(name, id, label, tuple(agents), rounds, sampling, last, controls, ending == "letter")
