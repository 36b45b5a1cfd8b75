"""A model asked about several pairs in one call: one line of its reply a pair, and only the pairs that it left unread asked again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from winsome.errors import BadInput
from winsome.judges import templates
from winsome.judges.templates import Template
from winsome.judges.verdict_slot import Reading, reading_of
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
NEW_ASKS = 2
"""Times that a pair which could not be read is asked about again in one run."""
STRIDE = 1000
"""What the draw of each new ask lies apart: a batch that comes out the same again is then no kept reply."""
TOKENS_A_LINE = 8
_LINE = re.compile(r"^\W*(?:pair\W*)?(\d+)\W+([AB])\W*$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\W*(?:pair\W*)?(\d+)\b", re.IGNORECASE)


def members(text: str, count: int) -> dict[int, Reading]:
    """Number from 1 to `count` -> what a reply says of that pair: the share of the first seat, 1 for A and 0 for B.

    A pair has one line of its number and A or B. One without a line, with another label, or with two lines that differ is unread, and
    takes nothing from the others; lines of other numbers are passed over, since they name no pair.
    """
    labels: dict[int, set[str]] = {}
    spoilt: dict[int, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line.strip())
        if found:
            labels.setdefault(int(found[1]), set()).add(found[2].upper())
        elif numbered := _NUMBERED.match(line.strip()):
            spoilt.setdefault(int(numbered[1]), " ".join(line.split())[:60])
    readings: dict[int, Reading] = {}
    for number in range(1, count + 1):
        said = labels.get(number, set[str]())
        if number in spoilt or len(said) > 1:
            why = spoilt.get(number, f"{number}: A and {number}: B")
            readings[number] = Reading(problem=f"ambiguous: {why}", again=True)
        elif not said:
            readings[number] = Reading(problem=f"no verdict: no line for pair {number}", again=True)
        else:
            (label,) = said
            readings[number] = Reading(float(label == "A"), label)
    return readings


def _whole(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """The reply's words, of which each pair reads its own; a last line that was cut off is taken away."""
    return Reading(label="\n".join(text.splitlines()[:-1]) if cut else text)


@dataclass
class _Open:
    """A pair without a verdict yet. `responses`: the replies that it stood in; `usage`: of those that it pays for."""

    match: Match
    responses: list[Response] = field(default_factory=list[Response])
    usage: list[Usage] = field(default_factory=list[Usage])


def parted(held: Sequence[_Open], size: int) -> list[list[_Open]]:
    """Batches of at most `size` in which no two answers meet twice: a judge that saw both orders side by side could match them."""
    batches: list[dict[str, _Open]] = []
    for item in held:
        texts = sorted(side.response.content for side in item.match.sides)
        pair = digest([item.match.prompt.id, texts])
        room = next((b for b in batches if len(b) < size and pair not in b), None)
        if room is None:
            room = dict[str, _Open]()
            batches.append(room)
        room[pair] = item
    return [list(batch.values()) for batch in batches]


@dataclass(frozen=True)
class Batched:
    """An LLM judge of up to `pairs` pairs a call. `id` covers their number: what stands beside a pair may move its verdict."""

    name: str
    id: str
    label: str
    model: Contender
    template: Template
    sampling: Sampling
    pairs: int
    sides: range = range(2, 3)
    ordered: bool = True

    @property
    def parts(self) -> tuple[tuple[Contender, float], ...]:
        return ((self.model, 1.0 / self.pairs),)

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; pairs that a reply leaves unread come together again in new batches, twice at most."""
        waiting = [_Open(match) for match in matches]
        for attempt in range(NEW_ASKS + 1):
            last, unread = attempt == NEW_ASKS, list[_Open]()
            by_repeat: dict[int, list[_Open]] = {}
            for item in waiting:
                by_repeat.setdefault(item.match.repeat, []).append(item)
            for repeat, held in by_repeat.items():
                batches: dict[str, list[list[_Open]]] = {}
                prompts: dict[str, Prompt] = {}
                for batch in parted(held, self.pairs):
                    prompt = self._prompt(batch)
                    prompts[prompt.id] = prompt
                    # pairs of the same words, of other contenders, make the same question
                    batches.setdefault(prompt.id, []).append(batch)
                draw = repeat + STRIDE * attempt
                asked = replace(self.sampling, samples=range(draw, draw + 1))
                async for response in self.model.answer(list(prompts.values()), asked):
                    for place, batch in enumerate(batches[response.prompt]):
                        for item, reading in self._read(batch, response, pays=place == 0):
                            if reading.again and not last:
                                unread.append(item)
                            else:
                                yield self._verdict(item, reading)
            waiting = unread

    def _prompt(self, batch: Sequence[_Open]) -> Prompt:
        """All pairs of a batch in one question, numbered from 1, under one code that stands in none of their answers."""
        shown = [(item.match.prompt, tuple(side.response for side in item.match.seated)) for item in batch]
        fence = self._fence(batch)
        made = [self.template.render(prompt, responses, fence) for prompt, responses in shown]
        texts = [f"Pair {number}\n\n{one.messages[-1].text}" for number, one in enumerate(made, 1)]
        end = f"Reply with {len(batch)} lines, one a pair." if len(batch) > 1 else "Reply with one line."
        return Prompt((Message("user", (Text("\n\n".join([*texts, end])),)),), made[0].system)

    def _fence(self, batch: Sequence[_Open]) -> str:
        if not self.template.fenced:
            return ""
        responses = tuple(side.response for item in batch for side in item.match.sides)
        return templates.fence(batch[0].match.prompt, responses)

    def _read(
        self, batch: Sequence[_Open], response: Response, pays: bool
    ) -> Iterator[tuple[_Open, Reading]]:
        """Each pair of a batch with what the reply says of it; the reply's cost stands with its first pair."""
        reading = reading_of(response, _whole, self._fence(batch))
        found: Mapping[int, Reading] = {}
        if not reading.problem:
            found = members(reading.label, len(batch))
        for number, item in enumerate(batch, 1):
            item.responses.append(response)
            item.usage += [response.usage] if pays and number == 1 else []
            yield item, found.get(number, reading)

    def _verdict(self, item: _Open, reading: Reading) -> Verdict:
        match = item.match
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
            reason=reason,
            evidence=tuple(response.id for response in item.responses),
            usage=total(item.usage),
            served_by=item.responses[-1].served_by,
        )


def batched(
    *,
    model: Contender,
    pairs: int = 5,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    name: str = "batched",
) -> Batched:
    """`model` as a judge that is shown up to `pairs` pairs in one call and replies with one line each, such as `3: B`.

    Cheaper than one call a pair, and noisier: a pair's verdict may depend on what stands beside it. `prompt=@path`: a prompt text of
    one pair, of which every pair has its own; its system text is said once. max_tokens: of the reply (default 8 a pair and 16 more).
    Pairs left unread are asked about again by themselves. BadInput for fewer than one pair.
    Source: Dubois et al. 2023 (AlpacaFarm), section 3, whose annotators are shown 1, 4 or 5 pairs.
    """
    if pairs < 1:
        raise BadInput(f"batched: pairs={pairs} must be at least 1")
    template = templates.chosen("batched@1", prompt, sides=2)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens or TOKENS_A_LINE * pairs + 16)
    id = digest(["batched", VERSION, template.digest, pairs, model.id, sampling.asked()])
    return Batched(name, id, f"{model.name} {template.name}", model, template, sampling, pairs)
