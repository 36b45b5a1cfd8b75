"""A contender that says what a test's function says, and the matches it is asked about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from winsome.protocols import Judge
from winsome.records import (
    Match,
    Prompt,
    Response,
    Sampling,
    Side,
    Tokens,
    Usage,
    Verdict,
    assistant,
    response_key,
    user,
)

Say = Callable[[Prompt, int, Sampling], "str | dict[str, Any]"]
"""(judge's prompt, draw, sampling) -> the reply's text, or fields of the Response."""


@dataclass
class Scripted:
    """A Contender. `calls`: how many prompts each call of `answer` held, with its sampling; `kept`: ids already paid for."""

    say: Say
    name: str = "scripted"
    id: str = "scripted-1"
    batch: int = 1
    calls: list[tuple[int, Sampling]] = field(default_factory=list[tuple[int, Sampling]])
    prompts: list[Prompt] = field(default_factory=list[Prompt])
    kept: set[str] = field(default_factory=set[str])

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        self.calls.append((len(prompts), sampling))
        self.prompts += prompts
        for prompt in reversed(prompts):
            for draw in sampling.samples:
                said = self.say(prompt, draw, sampling)
                fields = {"text": said} if isinstance(said, str) else dict(said)
                text = fields.pop("text", None)
                messages = () if text is None else (assistant(text),)
                key = response_key(prompt.id, self.id, sampling, draw)
                usage = fields.pop("usage", Usage(1, 10, 2, 0.5, 0.0))
                yield Response(
                    prompt.id, self.name, key, draw, messages, usage=usage, served_by="s-1", **fields
                )


def always(said: str | dict[str, Any]) -> Scripted:
    return Scripted(lambda *_: said)


def tokens(*positions: tuple[str, dict[str, float]]) -> Tokens:
    """Tokens with their alternatives' log-probabilities."""
    texts = tuple(text for text, _ in positions)
    return Tokens(
        texts, tuple(top.get(text, -1.0) for text, top in positions), tuple(top for _, top in positions)
    )


def asked(
    question: str = "Name a fruit.",
    first: str = "An apple.",
    second: str = "A stone.",
    *,
    seat: int = 0,
    repeat: int = 0,
    reference: Any = None,
    item: str | None = None,
) -> Match:
    """A match of `first` (contender a, at `seat`) and `second`."""
    notes = {} if reference is None else {"reference_answer": reference}
    prompt = Prompt((user(question),), for_judges=notes, item=item)
    return matched(prompt, answered(prompt, "a", first), answered(prompt, "b", second), seat, repeat)


def answered(prompt: Prompt, contender: str, *turns: str) -> Response:
    messages = [assistant(turns[0])]
    for follow_up, turn in zip(prompt.follow_ups, turns[1:], strict=True):
        messages += [follow_up, assistant(turn)]
    key = response_key(prompt.id, contender, Sampling(), 0)
    return Response(prompt.id, contender, key, messages=tuple(messages))


def matched(prompt: Prompt, first: Response, second: Response, seat: int = 0, repeat: int = 0) -> Match:
    sides = (Side("a", first, seat), Side("b", second, 1 - seat))
    return Match(prompt, sides, order=seat, repeat=repeat)


async def verdicts(judge: Judge, *matches: Match) -> list[Verdict]:
    """The judge's verdicts in the order of `matches`."""
    found = {verdict.match: verdict async for verdict in judge.judge(matches)}
    return [found[match.id] for match in matches]
