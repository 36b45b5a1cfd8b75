"""The vocabulary: frozen records that travel the path Prompt -> Response -> Match -> Verdict.

Every record has an `id`, a digest of its content, so an identical question has an identical name in any process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

import orjson

from winsome.errors import BadInput

Finish = Literal["stop", "length", "filtered", "failed"]
Outcome = Literal["win", "loss", "tie", "graded", "inconsistent", "forfeit", "unparsed", "void", "not asked"]

OUTCOMES: tuple[Outcome, ...] = (
    "win", "loss", "tie", "graded", "inconsistent", "forfeit", "unparsed", "void", "not asked",
)  # fmt: skip
SCORED: frozenset[Outcome] = frozenset({"win", "loss", "tie", "graded", "inconsistent", "forfeit"})
"""Outcomes that enter a figure; the others are counted and shown but never scored."""


def digest(content: Any) -> str:
    """32 hexadecimal digits (BLAKE2b, 128 bit) of JSON-like `content`; the order of mapping keys does not matter.

    Raises BadInput for what JSON cannot hold: half a surrogate pair, a whole number beyond 64 bits, an object.
    """
    try:
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        if "surrogates" in str(error):
            raise BadInput(
                "a record cannot hold a lone surrogate (U+D800 to U+DFFF); replace it by U+FFFD"
            ) from None
        raise BadInput(
            f"a record cannot hold this: {str(error)[:80]}; use text, 64-bit numbers and lists"
        ) from None
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Text:
    """A part made of text."""

    text: str

    def payload(self) -> Any:
        return {"text": self.text}


@dataclass(frozen=True, slots=True)
class Blob:
    """A part kept in the blob store under its SHA-256; `shape` is the kind's own (pixels, frames, samples)."""

    kind: Literal["image", "video", "audio", "mesh", "file"]
    sha256: str
    mime: str
    shape: tuple[int, ...] = ()

    def payload(self) -> Any:
        return {"blob": self.kind, "sha256": self.sha256, "mime": self.mime, "shape": list(self.shape)}


Part = Text | Blob


@dataclass(frozen=True, slots=True)
class Message:
    """One turn by `role` (user, assistant, tool); the system text belongs to the Prompt and is never a message."""

    role: str
    parts: tuple[Part, ...]
    tool_calls: tuple[Mapping[str, Any], ...] = ()

    @property
    def text(self) -> str:
        only = self._only
        if only is not None:
            return only
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def _only(self) -> str | None:
        """The text of a turn that is one piece of text, as nearly all are; None for others."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part.text if isinstance(part, Text) else None

    def payload(self) -> dict[str, Any]:
        only = self._only
        content = only if only is not None else [part.payload() for part in self.parts]
        payload: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            payload["tool_calls"] = list(self.tool_calls)
        return payload

    @staticmethod
    def of(payload: Mapping[str, Any]) -> Message:
        content = payload["content"]
        parts = (Text(content),) if isinstance(content, str) else tuple(_part(part) for part in content)
        return Message(payload["role"], parts, tuple(payload.get("tool_calls", ())))


def _part(payload: Mapping[str, Any]) -> Part:
    if "text" in payload:
        return Text(payload["text"])
    return Blob(payload["blob"], payload["sha256"], payload["mime"], tuple(payload["shape"]))


def user(text: str) -> Message:
    """A user's turn of plain text."""
    return Message("user", (Text(text),))


def assistant(text: str) -> Message:
    """An assistant's turn of plain text."""
    return Message("assistant", (Text(text),))


@dataclass(frozen=True, slots=True)
class Usage:
    """What something cost: calls made, tokens, US dollars (None: unknown) and seconds of waiting or computing."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float | None = 0.0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        money = None if self.money is None or other.money is None else self.money + other.money
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            money,
            self.seconds + other.seconds,
        )

    def payload(self) -> dict[str, Any]:
        return {
            name: getattr(self, name) for name in ("calls", "tokens_in", "tokens_out", "money", "seconds")
        }


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn; None leaves a setting to the contender. `samples` says which draws are wanted."""

    samples: range = range(1)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    choices: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None

    def asked(self) -> dict[str, Any]:
        """The settings that are set, without `samples`: the part of a response's key that the draws share."""
        return self._asked

    @cached_property
    def _asked(self) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(self, name) for name in _ASKED}
        values |= {"stop": list(self.stop), "choices": list(self.choices)}
        # 0 and 0.0 are one temperature and have one key
        values |= {name: float(values[name]) for name in ("temperature", "top_p") if values[name] is not None}
        return {name: value for name, value in values.items() if value is not None and value != []}

    def over(self, defaults: Sampling) -> Sampling:
        """These settings, with `defaults` where a setting is unset; `samples` stay."""
        unset = [name for name in _ASKED if getattr(self, name) in (None, ())]
        return replace(self, **{name: getattr(defaults, name) for name in unset})


_ASKED = tuple(f.name for f in fields(Sampling) if f.name != "samples")


@dataclass(frozen=True)
class Prompt:
    """What a contender is asked. `id` covers what contenders see, not the facets nor what only judges see."""

    messages: tuple[Message, ...]
    system: str | None = None
    follow_ups: tuple[Message, ...] = ()
    prefix: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    for_judges: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    item: str | None = field(default=None, compare=False)
    parents: tuple[str, ...] = field(default=(), compare=False)

    def seen(self) -> dict[str, Any]:
        """The JSON-like content that contenders see."""
        seen: dict[str, Any] = {"messages": [message.payload() for message in self.messages]}
        if self.system is not None:
            seen["system"] = self.system
        if self.follow_ups:
            seen["follow_ups"] = [message.payload() for message in self.follow_ups]
        if self.prefix:
            seen["prefix"] = self.prefix
        if self.tools:
            seen["tools"] = [dict(tool) for tool in self.tools]
        return seen

    @cached_property
    def id(self) -> str:
        return digest(self.seen())

    @property
    def text(self) -> str:
        """The last user turn, as plain text."""
        return self.messages[-1].text

    @staticmethod
    def of(seen: Mapping[str, Any], **beside: Any) -> Prompt:
        return Prompt(
            messages=tuple(Message.of(m) for m in seen["messages"]),
            system=seen.get("system"),
            follow_ups=tuple(Message.of(m) for m in seen.get("follow_ups", ())),
            prefix=seen.get("prefix", ""),
            tools=tuple(seen.get("tools", ())),
            **beside,
        )


@dataclass(frozen=True)
class Tokens:
    """Tokens as sampled: texts, their log-probabilities in nats, the likeliest alternatives at each position."""

    texts: tuple[str, ...]
    logprobs: tuple[float, ...]
    top: tuple[Mapping[str, float], ...] = ()
    ids: tuple[int, ...] = ()

    def payload(self) -> dict[str, Any]:
        return {
            "texts": list(self.texts),
            "logprobs": list(self.logprobs),
            "top": [dict(t) for t in self.top],
            "ids": list(self.ids),
        }

    @staticmethod
    def of(payload: Mapping[str, Any]) -> Tokens:
        return Tokens(*(tuple(payload[name]) for name in ("texts", "logprobs", "top", "ids")))


def response_key(prompt_id: str, contender_id: str, sampling: Sampling, sample: int) -> str:
    """The name of one asked answer: what is asked, of whom, how, and which draw."""
    return key_of(prompt_id, contender_id, sampling.asked(), sample)


def key_of(prompt_id: str, contender_id: str, asked: Mapping[str, Any], sample: int) -> str:
    """`response_key` for settings that `Sampling.asked` has already listed, which many answers share."""
    return digest([prompt_id, contender_id, asked, sample])


@dataclass(frozen=True)
class Response:
    """One answer: `messages` are the assistant's turns, one to the prompt and one to each of its follow-ups.

    `key` names what was asked; a failed answer is kept but is never found under its key.
    """

    prompt: str
    contender: str
    key: str
    sample: int = 0
    messages: tuple[Message, ...] = ()
    finish: Finish = "stop"
    error: str | None = None
    thinking: str = ""
    usage: Usage = Usage()
    served_by: str = ""
    fingerprint: str = ""
    tokens: Tokens | None = None
    provenance: str = "original"
    parents: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The last assistant turn, as plain text; empty for a failed answer."""
        return self.messages[-1].text if self.messages else ""

    @cached_property
    def content(self) -> str:
        """Digest of the words alone: equal for equal answers of different contenders."""
        return digest([message.payload() for message in self.messages])

    @cached_property
    def id(self) -> str:
        return digest([self.key, self.content, self.finish, self.error])


@dataclass(frozen=True)
class Side:
    """One side of a match. `seat` is its place as shown to the judge, from 0."""

    contender: str
    response: Response
    seat: int


@dataclass(frozen=True)
class Match:
    """One ask of a judge: `sides` in the plan's order, shown by seat. A contest is its matches over orders and repeats."""

    prompt: Prompt
    sides: tuple[Side, ...]
    order: int = 0
    repeat: int = 0
    cluster: str = ""
    facets: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    parents: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def contest(self) -> str:
        return digest([self.prompt.id, [[side.contender, side.response.id] for side in self.sides]])

    @cached_property
    def id(self) -> str:
        return digest([self.contest, [side.seat for side in self.sides], self.order, self.repeat])

    @property
    def seated(self) -> tuple[Side, ...]:
        """The sides in the order in which the judge sees them."""
        return tuple(sorted(self.sides, key=lambda side: side.seat))

    @cached_property
    def shown(self) -> str:
        """Digest of what a judge sees: dialogue, notes for judges and the answers' words by seat, no names."""
        notes = dict(self.prompt.for_judges)
        return digest([self.prompt.id, notes, [side.response.content for side in self.seated]])


@dataclass(frozen=True)
class Verdict:
    """What a judge said of a match; `outcome` and `scores` follow the match's sides, not the seats.

    Of two sides, scores are shares that sum to 1 (win (1, 0), tie (0.5, 0.5)); graded verdicts carry one grade a side.
    """

    match: str
    judge: str
    judge_id: str
    outcome: Outcome
    scores: tuple[float, ...] = ()
    places: tuple[int, ...] = ()
    extent: float | None = None
    aspect: str = ""
    annotator: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    usage: Usage = Usage()
    served_by: str = ""

    @cached_property
    def id(self) -> str:
        return digest([self.match, self.judge_id, self.aspect, self.annotator])

    @property
    def share(self) -> float | None:
        """The first side's share of a two-sided match, in [0, 1]; None where it was not scored. The higher grade wins."""
        if self.outcome not in SCORED or len(self.scores) != 2:
            return None
        first, second = self.scores
        return 0.5 + 0.5 * ((first > second) - (first < second)) if self.outcome == "graded" else first


def shares(share: float) -> tuple[Outcome, tuple[float, float]]:
    """The outcome and scores of a two-sided verdict whose first side holds `share` in [0, 1]."""
    outcome: Outcome = "win" if share > 0.5 else "loss" if share < 0.5 else "tie"
    return outcome, (share, 1.0 - share)


@dataclass(frozen=True)
class Scores:
    """One rating a response, higher is better; NaN with a reason where there is none."""

    values: tuple[float, ...]
    reasons: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True)
class Suite:
    """Prompts with the rules that turn verdicts on them into one figure.

    baseline: whom the others are measured against, by the contender's name or spec: one, several (the figure pools them), or one
    for each category. figure: a name of `matchmaking.figures`, such as lc or wb-reward:500; "" is the win rate. failed: whether a
    contest without one of its answers is void, or judged with an empty one.
    """

    name: str
    version: str
    prompts: Sequence[Prompt]
    judge: str | None = None
    baseline: str | Sequence[str] | Mapping[str, str] | None = None
    cluster: str = "prompt"
    orders: int = 2
    seats: Literal["seed", "alpaca_eval"] = "seed"
    empty: Literal["forfeit", "judge"] = "forfeit"
    failed: Literal["void", "judge"] = "void"
    equal: Literal["tie", "judge"] = "tie"
    max_characters: int | None = None
    licence: str = ""
    source: str = ""
    figure: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.version}"


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of usages; money is unknown where any part is unknown."""
    sum_ = Usage()
    for usage in usages:
        sum_ = sum_ + usage
    return sum_
