"""WildBench's judge: a checklist of the prompt's own, then a score from 1 to 10, or one of five outcomes of a pair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from winsome.judges import json_slot, templates
from winsome.judges.heard import extents
from winsome.judges.pairwise import Pairwise
from winsome.judges.protocol import Protocol
from winsome.judges.rubric import Rubric
from winsome.protocols import Contender
from winsome.records import Match, Message, Response, Sampling, Side, Text, Verdict, digest, shares

VERSION = 1
WORDS = 1000
"""Space-separated words of history, query and answer that are shown; the rest is cut, and the verdict says so."""
CUT = "... (truncated)"
LOWEST = 1.0
"""The grade of an empty answer, which is not shown to the judge."""
Metric = Literal["score", "reward"]

_PROTOCOLS = {
    "score": Protocol("wildbench_score", 1, 1, json_slot.wildbench_score, 1024),
    "reward": Protocol("wildbench_pair", 1, 2, json_slot.wildbench_pair, 1024, extents=True),
}
_SCHEMAS = {"score": json_slot.SCORE_SCHEMA, "reward": json_slot.CHOICE_SCHEMA}


@dataclass(frozen=True)
class Checklist:
    """`inner` asks and reads; this shortens what is shown and decides about empty answers without asking."""

    name: str
    id: str
    label: str
    inner: Pairwise | Rubric
    words: int
    sides: range
    ordered: bool

    @property
    def model(self) -> Contender:
        return self.inner.model

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        return self.inner.parts if isinstance(self.inner, Rubric) else ((self.model, 1),)

    @property
    def extents(self) -> bool:
        return extents(self.inner)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match. An empty answer is graded 1, or loses large; two empty ones tie. BadInput without checklist."""
        shown: dict[str, tuple[Match, list[int], str]] = {}
        asked: list[Match] = []
        for match in matches:
            full = [place for place, side in enumerate(match.sides) if side.response.text.strip()]
            if not full or (self.ordered and len(full) < 2):
                yield self._ruled(match, full)
                continue
            short, cut = shortened(match, full, self.words)
            shown[short.id] = (match, full, "; truncated" if cut else "")
            asked.append(short)
        async for verdict in self.inner.judge(asked):
            match, full, cut = shown[verdict.match]
            scores = verdict.scores
            if verdict.outcome == "graded":
                grades = dict(zip(full, scores, strict=True))
                scores = tuple(grades.get(place, LOWEST) for place in range(len(match.sides)))
            reason = f"{verdict.reason}{cut}".removeprefix("; ")
            yield replace(
                verdict, match=match.id, judge=self.name, judge_id=self.id, scores=scores, reason=reason
            )

    def _ruled(self, match: Match, full: list[int]) -> Verdict:
        if not self.ordered:
            grades = (LOWEST,) * len(match.sides)
            return Verdict(match.id, self.name, self.id, "graded", grades, reason="empty answers")
        share = 0.5 if not full else float(full[0] == 0)
        outcome, split = shares(share)
        return Verdict(
            match.id, self.name, self.id, outcome, split, extent=2.0 if full else 0.0, reason="empty answer"
        )


def shortened(match: Match, kept: Sequence[int], words: int) -> tuple[Match, bool]:
    """The match with its sides at `kept` alone and every text cut to `words` words; whether an answer was cut."""
    prompt = match.prompt
    # One limit for the whole history, one for the query, as published.
    *before, last = prompt.messages
    room, history = words, list[Message]()
    for message in before:
        text = cut_words(message.text, room)
        room = max(0, room - len(message.text.split(" ")))
        history.append(message if text == message.text else Message(message.role, (Text(text),)))
        if text != message.text:
            break
    query = cut_words(last.text, words)
    messages = (*history, last if query == last.text else Message(last.role, (Text(query),)))
    if messages != prompt.messages:
        prompt = replace(prompt, messages=messages)
    sides, cut = list[tuple[int, Side]](), False
    for seat, place in enumerate(sorted(kept, key=lambda place: match.sides[place].seat)):
        side = match.sides[place]
        text = cut_words(side.response.text, words)
        cut = cut or text != side.response.text
        sides.append((place, replace(side, response=_with_text(side.response, text), seat=seat)))
    return replace(
        match, prompt=prompt, sides=tuple(side for _, side in sorted(sides, key=lambda s: s[0]))
    ), cut


def _with_text(response: Response, text: str) -> Response:
    if text == response.text:
        return response
    *before, last = response.messages
    return replace(response, messages=(*before, Message(last.role, (Text(text),))))


def cut_words(text: str, words: int) -> str:
    """The first `words` space-separated words, with a mark where something was cut."""
    parts = text.split(" ")
    return text if len(parts) <= words else " ".join(parts[:words]) + CUT


def checklist(
    *,
    model: Contender,
    metric: Literal["score", "reward"] = "score",
    checklist: Literal["on", "off"] = "on",
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    words: int = WORDS,
    structured: bool = False,
    name: str = "checklist",
) -> Checklist:
    """`model` as WildBench's judge: metric score grades each answer from 1 to 10, reward compares two in five steps.

    checklist off leaves the list out. structured asks the server for JSON by schema, where it has that. words: what is shown of history,
    query and answer each.
    """
    row = _PROTOCOLS[metric]
    shipped = f"{row.name}{'' if checklist == 'on' else '_plain'}@{row.version}"
    template = templates.chosen(shipped, prompt, sides=row.sides)
    sampling = Sampling(
        temperature=temperature,
        max_tokens=max_tokens or row.max_tokens,
        schema=_SCHEMAS[metric] if structured else None,
    )
    id = digest(["checklist", VERSION, row.name, template.digest, model.id, sampling.asked(), words])
    label = f"{model.name} {template.name}"
    made = Rubric if metric == "score" else Pairwise
    inner = made(name, id, label, model, template, row, sampling)
    return Checklist(name, id, label, inner, words, inner.sides, inner.ordered)
